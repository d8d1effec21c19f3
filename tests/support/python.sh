#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Runs a Python test with the packages of tests/requirements.txt.
# usage: python.sh SCRIPT ARGUMENT...
set -euo pipefail
python=$(dirname "${BASH_SOURCE[0]}")/../../.venv/bin/python
[ -x "$python" ] || { echo "python.sh: .venv is missing (it has the packages of tests/requirements.txt); run scripts/setup.sh" >&2; exit 3; }
exec "$python" -B "$@"
