#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# What `cmake --install` puts down works from there, with its own tables, requests and templates.
# usage: install_test.sh SOURCE_DIR BUILD_DIR CMAKE
set -uo pipefail
source_dir=$1 build=$2 cmake=$3
work=$(mktemp -d /tmp/isoflop-install.XXXXXX)
trap 'rm -rf "${work:?}"' EXIT
# shellcheck source=tests/support/checks.sh
. "$1/tests/support/checks.sh"
prefix=$work/isoflop
shared=$prefix/share/isoflop
cd "$work" || exit 1
unset ISOFLOP_DATA

install() { "$cmake" --install "$build" --prefix "$prefix" >install.out 2>&1 || { tail -n 5 install.out; return 1; }; }
# Not what tokenize wrote there.
has_every_table() { diff <(cd "$source_dir/data" && find ./*.* prepare -type f | sed 's,^\./,,' | sort) <(cd "$shared/data" && find . -type f -printf '%P\n' | sort); }
planner() { "$prefix/bin/planner" "$@"; }
plans_and_writes_jobs() { planner "$shared/configs/clusters/h100-16x8.yaml" --hours 24 --out plan && [ -s plan/train.sbatch ] && [ -s plan/preflight.sbatch ]; }
names_its_own_programs() { grep -qx "bin=$prefix/bin" plan/train.sbatch && ! grep -q "$source_dir" plan/train.sbatch; }
without_a_table_it_says_so() {
  mv "$shared/data/published_models.yaml" away.yaml
  planner "$shared/configs/clusters/h100-16x8.yaml" --hours 24 --out other >other.out 2>&1
  local code=$?
  mv away.yaml "$shared/data/published_models.yaml"
  cat other.out
  [ $code -eq 3 ] && grep -q "$shared/data/published_models.yaml" other.out
}
check 'it installs' install
check 'every table of data/ is there' has_every_table
check 'planner validate' planner validate
check 'planner scaling by dollars' planner scaling --dollars 10000 --gpu a100 --gpus 8
check 'planner memory' planner memory llama3-8b
check 'a plan with job scripts' plans_and_writes_jobs
check 'scripts start the installed programs' names_its_own_programs
check 'a request that ships' planner --request "$shared/configs/requests/flash.jsonc" --out flash
check 'its tables are the installed ones' without_a_table_it_says_so
for program in tokenize trainer report; do check "$program starts" "$prefix/bin/$program" --version; done
report_checks
