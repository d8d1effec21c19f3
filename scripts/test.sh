#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Installs what is missing, builds, runs the tests group by group (unit, mpi, slurm, e2e, cuda, gpu). The build is the release
# preset's, so that what setup.sh built is used; where CI=true preset ci-together's, in which warnings are errors and sources are
# compiled together, or, where that fails, preset ci's.
# Only gpu tests may skip. The last line sums up ctest's own; the exit code is 0 only if everything passed.
# usage: scripts/test.sh [--full | --help]     --full adds the long tests and the sanitizer build
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit

readonly kGroups=(unit mpi slurm e2e cuda)
readonly kBuild=build kSanitizeBuild=build/sanitize
summary=()
passed=0 failed=0

say() { printf '\n==== %s\n' "$*"; }
fail() { summary+=("$1"); failed=$((failed + 1)); }

# Open MPI refuses to run as root without both.
if [ "$(id -u)" -eq 0 ]; then
  export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
fi

# build_preset PRESET...: the first of them that builds.
build_preset() {
  local preset start
  for preset in "$@"; do
    start=$SECONDS
    say "build: preset $preset"
    if cmake --preset "$preset" && cmake --build --preset "$preset"; then
      summary+=("$(printf '%-16s %5d s' "build $preset" $((SECONDS - start)))")
      return
    fi
    summary+=("$(printf '%-16s %5d s  failed' "build $preset" $((SECONDS - start)))")
    echo "test.sh: the build of preset $preset failed"
  done
  exit 1
}

# count_tests BUILD ARGUMENT...: number of tests that ctest would run.
count_tests() {
  local build=$1
  shift
  ctest --test-dir "$build" -N "$@" | sed -n 's/^Total Tests: //p'
}

# Prints the sum of attribute $2 over the test suite in JUnit file $1, which ctest wrote.
junit_count() { sed -nE "/<testsuite /,/>/s/.*[^a-z]$2=\"([0-9]+)\".*/\1/p" "$1" | head -n 1; }

# run_group NAME BUILD JOBS ARGUMENT...: runs the tests that the ctest arguments select; adds them to the sums.
run_group() {
  local name=$1 build=$2 jobs=$3 start=$SECONDS junit total bad skipped rc=0
  shift 3
  [ "$(count_tests "$build" "$@")" -gt 0 ] || { summary+=("$(printf '%-16s %5s   no tests' "$name" -)"); return; }
  say "tests: $name"
  junit=$PWD/$build/Testing/$name.xml
  ctest --test-dir "$build" --output-on-failure --no-tests=error -j "$jobs" --output-junit "$junit" "$@" || rc=$?
  total=$(junit_count "$junit" tests) bad=$(junit_count "$junit" failures)
  skipped=$(($(junit_count "$junit" skipped) + $(junit_count "$junit" disabled)))
  skipped=$((skipped + $(grep -c '^\[  SKIPPED \].*ms)$' "$build/Testing/Temporary/LastTest.log")))
  if [ "$rc" -ne 0 ] && [ "$bad" -eq 0 ]; then bad=1; fi
  if [ "$skipped" -gt 0 ] && [ "$name" != gpu ]; then
    echo "test.sh: $skipped tests of group $name skipped (only gpu may skip); scripts/setup.sh should provide what they need"
    bad=$((bad + 1))
  fi
  passed=$((passed + (total > bad ? total - bad : 0))) failed=$((failed + bad))
  summary+=("$(printf '%-16s %5d s  %4d tests, %d failed, %d skipped' "$name" $((SECONDS - start)) "$total" "$bad" "$skipped")")
}

# A test without a label of ours would never run; that is a failure.
check_labels() {
  local all known label
  all=$(count_tests $kBuild)
  known=$(IFS='|'; echo "${kGroups[*]}")
  label=$(count_tests $kBuild -L "^($known|gpu|full)\$")
  [ "$all" -eq "$label" ] || fail "labels: $((all - label)) of $all tests have none of the labels $known|gpu|full"
}

# The table that the test of that name has checked, where this build has a GPU backend.
print_kernel_resources() {
  [ "$(count_tests $kBuild -R '^cuda_kernel_resources$')" -eq 1 ] || return 0
  say "GPU kernels"
  scripts/kernel_resources.sh
}

run_groups() {
  local group jobs
  for group in "${kGroups[@]}"; do
    case $group in unit | mpi | cuda) jobs=$(nproc) ;; *) jobs=1 ;; esac
    run_group "$group" $kBuild "$jobs" -L "^$group\$" -LE '^(gpu|full)$'
  done
  print_kernel_resources
  run_group gpu $kBuild 1 -L '^gpu$' -LE '^full$'
}

run_full() {
  run_group full $kBuild 1 -L '^full$'
  build_preset sanitize
  run_group sanitize-unit $kSanitizeBuild "$(nproc)" -L '^unit$' -LE '^(gpu|full)$'
  run_group sanitize-mpi $kSanitizeBuild 1 -L '^mpi$' -LE '^(gpu|full)$'
  run_group sanitize-cuda $kSanitizeBuild "$(nproc)" -L '^cuda$' -LE '^(gpu|full)$'
}

# The same words as ctest's last line, for the sum of all groups.
print_summary() {
  local total=$((passed + failed)) percent=0
  if [ $total -gt 0 ]; then percent=$((100 * passed / total)); fi
  say "summary ($SECONDS s)"
  printf '  %s\n' "${summary[@]}"
  echo "$percent% tests passed, $failed tests failed out of $total"
}

main() {
  local full=no
  [ $# -le 1 ] || { echo "test.sh: takes one option, got '$*'; see scripts/test.sh --help" >&2; exit 2; }
  case "${1:-}" in
    '') ;;
    --full) full=yes ;;
    --help) sed -n '3,7s/^# //p' scripts/test.sh; exit 0 ;;
    *) echo "test.sh: unknown option '$1'; see scripts/test.sh --help" >&2; exit 2 ;;
  esac
  if [ $full = yes ]; then scripts/setup.sh --full || exit $?; else scripts/setup.sh --no-build || exit $?; fi
  if [ "${CI:-}" = true ]; then build_preset ci-together ci; else build_preset release; fi
  check_labels
  run_groups
  if [ $full = yes ]; then run_full; fi
  print_summary
  [ $failed -eq 0 ] && [ $passed -gt 0 ]
}
main "$@"
