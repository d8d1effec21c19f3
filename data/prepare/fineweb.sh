#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# FineWeb: web text of Common Crawl, from huggingface.co/datasets/HuggingFaceFW/fineweb (ODC-By 1.0, and the terms of use of Common
# Crawl). SUBSET names a folder of it: sample/10BT (default, 10 billion GPT-2 tokens), sample/100BT, sample/350BT, data/CC-MAIN-...
# usage: data/prepare/fineweb.sh TOKENIZER [tokenize option ...]     TOKENIZER e.g. gpt2:DIR; FILES=N fetches the first N files only;
#   HAVE=1 uses what lies in data/raw/fineweb (RAW names another folder); OUT and VAL_FRACTION go to tokenize.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
. data/prepare/lib.sh
readonly raw=${RAW:-data/raw/fineweb}

require_tokenizer "$@"
find_tokenize
fetch HuggingFaceFW/fineweb "${SUBSET:-sample/10BT}"
"$tokenize" "$raw" --tokenizer "$1" --out "${OUT:-data/fineweb}" --val-fraction "${VAL_FRACTION:-0.001}" "${@:2}"
