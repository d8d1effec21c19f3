#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The demo's text: 38 MiB of English, the GNU Collaborative International Dictionary of English as Debian packs it (dict-gcide,
# GPL 3 or later).
# usage: data/prepare/gcide.sh [TOKENIZER [tokenize option ...]]     default: bytes, into data/gcide
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
. data/prepare/lib.sh
readonly text=${TEXT:-/usr/share/dictd/gcide.dict.dz}

find_tokenize
[ -r "$text" ] || die "$text is missing; install Debian's package dict-gcide (scripts/setup.sh does), or set TEXT to its copy"
tokenizer=${1:-bytes}
[ $# -eq 0 ] || shift
"$tokenize" "$text" --tokenizer "$tokenizer" --documents paragraph --out "${OUT:-data/gcide}" "$@"
