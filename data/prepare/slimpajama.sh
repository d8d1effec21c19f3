#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# SlimPajama-627B: 627 billion tokens, 59,166 files .jsonl.zst of 895 GB in all, from huggingface.co/datasets/cerebras/SlimPajama-627B
# (each of its seven sources has its own licence; see there). Its own validation split is held out.
# usage: data/prepare/slimpajama.sh TOKENIZER [tokenize option ...]     TOKENIZER e.g. gpt2:DIR; FILES=N fetches the first N files only;
#   HAVE=1 uses what lies in data/raw/slimpajama (RAW names another folder); OUT names the dataset's folder.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
. data/prepare/lib.sh
readonly raw=${RAW:-data/raw/slimpajama}

require_tokenizer "$@"
find_tokenize
fetch cerebras/SlimPajama-627B train
fetch cerebras/SlimPajama-627B validation
"$tokenize" "$raw/train" --val-files "$raw/validation" --tokenizer "$1" --out "${OUT:-data/slimpajama}" "${@:2}"
