#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# OpenWebText: 8,013,769 documents, 9.0 billion GPT-2 tokens, from huggingface.co/datasets/Skylion007/openwebtext (packaging CC0;
# the texts are their authors'). 18 GB as tokens.
# usage: data/prepare/openwebtext.sh TOKENIZER [tokenize option ...]     TOKENIZER e.g. gpt2:DIR; FILES=N fetches the first N files only;
#   HAVE=1 uses what lies in data/raw/openwebtext (RAW names another folder); OUT and VAL_FRACTION go to tokenize.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
. data/prepare/lib.sh
readonly raw=${RAW:-data/raw/openwebtext}

require_tokenizer "$@"
find_tokenize
fetch Skylion007/openwebtext plain_text
"$tokenize" "$raw" --tokenizer "$1" --out "${OUT:-data/owt}" --val-fraction "${VAL_FRACTION:-0.0005}" "${@:2}"
