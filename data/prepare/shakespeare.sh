#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Tiny Shakespeare: 1.1 MB, 40,000 lines of plays, from github.com/karpathy/char-rnn (the plays are in the public domain).
# usage: data/prepare/shakespeare.sh [TOKENIZER [tokenize option ...]]     default: bytes, into data/shakespeare
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
. data/prepare/lib.sh
readonly url=${URL:-https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/input.txt}
readonly raw=${RAW:-data/raw/shakespeare}

find_tokenize
mkdir -p "$raw"
if [ ! -s "$raw/input.txt" ]; then
  curl -fsL --connect-timeout 20 -o "$raw/input.txt.part" "$url" ||
    die "cannot fetch $url; where there is a network, fetch it and put it at $raw/input.txt"
  mv "$raw/input.txt.part" "$raw/input.txt"
fi
tokenizer=${1:-bytes}
[ $# -eq 0 ] || shift
"$tokenize" "$raw/input.txt" --tokenizer "$tokenizer" --out "${OUT:-data/shakespeare}" --val-fraction "${VAL_FRACTION:-0.1}" "$@"
