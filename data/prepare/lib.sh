# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# Sourced by the scripts beside it, which run in the repository's root.

say() { printf '%s: %s\n' "$(basename "$0" .sh)" "$*" >&2; }
die() { say "$*"; exit 3; }

# The tokenize to use: TOKENIZE, or the one built here.
find_tokenize() {
  tokenize=${TOKENIZE:-build/bin/tokenize}
  [ -x "$tokenize" ] || command -v "$tokenize" >/dev/null || die "$tokenize is missing; build it (scripts/setup.sh) or set TOKENIZE"
}

# The tokenizer named first among the arguments; without any, what is needed.
require_tokenizer() {
  [ $# -ge 1 ] || { say "usage: data/prepare/$(basename "$0") TOKENIZER [tokenize option ...], e.g. gpt2:DIR with GPT-2's vocab.json and merges.txt"; exit 2; }
}

# fetch DATASET FOLDER: its files into the folder $raw of the caller, unless HAVE=1 says that they are there.
fetch() {
  if [ "${HAVE:-0}" = 1 ]; then return; fi
  # shellcheck disable=SC2154 # raw is the caller's
  python3 data/prepare/fetch.py "$1" "$2" "$raw" ${FILES:+--limit "$FILES"} || exit 3
}
