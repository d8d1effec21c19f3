#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Runs transformers_test.py with the packages of tests/requirements-transformers.txt, which it installs where they are missing.
# usage: transformers_test.sh FOLDER_OF_PROGRAMS
set -euo pipefail
programs=$1
cd "$(dirname "${BASH_SOURCE[0]}")/../../.."
venv=.venv-transformers requirements=tests/requirements-transformers.txt

if ! cmp -s $requirements $venv/requirements.txt; then
  python3 -m venv --clear $venv
  $venv/bin/pip install --quiet --disable-pip-version-check -r $requirements || {
    echo "transformers_test.sh: cannot install $requirements into $venv (PyTorch and transformers, about 6 GB); it needs a network" >&2
    exit 3
  }
  cp $requirements $venv/requirements.txt
fi
exec $venv/bin/python -B tests/trainer/interchange/transformers_test.py "$programs"
