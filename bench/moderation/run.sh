#!/bin/sh
# Measures the moderation engine beside its peers on public word lists and texts, which it fetches with git into the cache
# folder; nothing of them becomes part of the repository. What follows on the command line goes to bench/moderation.
#
#   bench/moderation/run.sh                             # about 15 minutes, peers to build included
#   bench/moderation/run.sh -rounds 1 -sizes 60000
#
# HEGUI_BENCH is the cache folder (default: hegui-bench in the user's cache folder). Needs git and go; peers need cargo, and a
# JDK with mvn; those that cannot be built are left out. Without a network, words and text are made up.
set -eu
cd "$(dirname "$0")/../.."
cache=${HEGUI_BENCH:-${XDG_CACHE_HOME:-$HOME/.cache}/hegui-bench}
mkdir -p "$cache/lists"
for tool in git go; do
	command -v "$tool" >/dev/null || { echo "bench/moderation: $tool is missing: install it" >&2; exit 1; }
done
get() { # folder, repository
	[ -d "$cache/lists/$1" ] && return
	GIT_TERMINAL_PROMPT=0 git clone --quiet --depth 1 "https://github.com/$2" "$cache/lists/$1.part" && mv "$cache/lists/$1.part" "$cache/lists/$1" ||
		{ rm -rf "$cache/lists/$1.part"; echo "bench/moderation: $2 cannot be fetched: measuring with made-up words and text" >&2; return 1; }
}
if get houbb houbb/sensitive-word && get importcjj importcjj/sensitive && get konsheng konsheng/Sensitive-lexicon &&
	get subtitles BurntSushi/aho-corasick && get COLDataset thu-coai/COLDataset; then
	l=$cache/lists
	subtitles=$l/subtitles/benchmarks/haystacks/opensubtitles
	set -- -lists "$l/houbb/src/test/resources/dict_v20240407.txt,$l/importcjj/dict/dict.txt,$l/konsheng/Vocabulary" \
		-zh "$l/COLDataset/COLDataset/train.csv#TEXT,$subtitles/zh-sampled.txt" \
		-english "$subtitles/en-sampled.txt,$l/subtitles/benchmarks/haystacks/sherlock.txt" "$@"
fi
HEGUI_BENCH=$cache exec go run ./bench/moderation "$@"
