#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Installs what is missing (Debian packages, and into .venv the Python packages of the tests) and builds the release preset.
# Changes nothing when all is there, and then needs no network. Starts no service. Without apt or root it lists what is missing
# (exit code 3).
# usage: scripts/setup.sh [--no-build | --full | --list | --help]
#   --no-build  packages only         --list  print the table of packages and their reasons (Markdown) and end
#   --full      packages only, those of the long tests too
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# What the project uses. For build: needed to compile; run: needed by the tests and the demo only; full: by the long tests only.
# Debian package | for | reason | what proves it is there | how sites usually provide it (module; Spack)
readonly kPackages='
g++                     | build | compiles everything (C++20)           | cxx20                         | module gcc/12 or newer; spack install gcc@12:
cmake                   | build | configures the build (3.25 or newer)   | cmake 3.25                    | module cmake; spack install cmake@3.25:
ninja-build             | build | runs the build                         | program ninja                 | module ninja; spack install ninja
libopenmpi-dev          | build | ranks of the trainer (any MPI 3 does)  | program mpicxx                | module openmpi, mpich or intel-mpi; spack install openmpi
openmpi-bin             | build | mpirun, mpicc                          | program mpirun                | the same module as MPI
libhdf5-dev             | build | run files (the serial library)         | header hdf5.h                 | module hdf5 (serial); spack install hdf5~mpi+hl
libyaml-cpp-dev         | build | reads cluster, plan and model files    | header yaml-cpp/yaml.h        | module yaml-cpp; spack install yaml-cpp
nlohmann-json3-dev      | build | reads config.json, writes JSON         | header nlohmann/json.hpp      | module nlohmann_json; spack install nlohmann-json
libcli11-dev            | build | command lines                          | header CLI/CLI.hpp            | spack install cli11
libkainjow-mustache-dev | build | templates of job scripts               | header kainjow/mustache.hpp   | one header of github.com/kainjow/Mustache
libspdlog-dev           | build | logging                                | header spdlog/spdlog.h        | module spdlog; spack install spdlog
libfmt-dev              | build | text formatting                        | header fmt/format.h           | module fmt; spack install fmt
libdnnl-dev             | build | matrix products on CPUs (oneDNN)       | header dnnl.hpp               | module oneDNN; spack install onednn
libtrilinos-kokkos-dev  | build | analysis kernels of report             | header Kokkos_Core.hpp        | module kokkos; spack install kokkos
zlib1g-dev              | build | reads packed text, checksums           | header zlib.h                 | module zlib; spack install zlib
libzstd-dev             | build | reads text packed by zstd              | header zstd.h                 | module zstd; spack install zstd
libsentencepiece-dev    | build | SentencePiece tokenizers               | header sentencepiece_processor.h | spack install sentencepiece
libgtest-dev            | build | unit tests                             | header gtest/gtest.h          | module googletest; spack install googletest
libgmock-dev            | build | matchers of the unit tests             | header gmock/gmock.h          | module googletest; spack install googletest+gmock
libbenchmark-dev        | run   | speed of single ops (tests/benchmark)  | header benchmark/benchmark.h  | module benchmark; spack install benchmark
libboost-context-dev    | run   | fibres of the emulated GPU (CUDA tests) | header boost/context/detail/fcontext.hpp | module boost; spack install boost+context
python3-venv            | run   | Python packages of the tests           | program python3               | module python; spack install python
python3-h5py            | run   | reads run files as their users do (tests) | file /usr/lib/python3/dist-packages/h5py/__init__.py | pip install h5py
python3-pandas          | run   | reads run files as their users do (tests) | file /usr/lib/python3/dist-packages/pandas/__init__.py | pip install pandas
hdf5-tools              | run   | h5dump, as users look into run files (tests) | program h5dump            | module hdf5; spack install hdf5
munge                   | run   | signs the messages of the test Slurm   | program munged                | only for slurm/testbed; a real cluster has its own
slurmctld               | run   | controller of the test Slurm           | program slurmctld             | only for slurm/testbed
slurmd                  | run   | nodes of the test Slurm                | program slurmd                | only for slurm/testbed
slurm-client            | run   | sbatch, srun, squeue                   | program sbatch                | on the login node
slurm-wlm-basic-plugins | run   | PMIx and GRES of the test Slurm        | program slurmd                | part of Slurm
chromium-headless-shell | full  | opens the page of report --html (long tests) | program chromium-headless-shell | a Chromium on PATH; else its test is skipped
gnuplot-nox             | run   | draws fronts of designs and curves     | program gnuplot               | module gnuplot; spack install gnuplot
dict-gcide              | run   | 40 MB of English text for the demo     | file /usr/share/dictd/gcide.dict.dz | any text file of 20 MB or more
'
# Debian starts the services of new packages; this answer to its question "may I?" keeps them down while we install.
readonly kPolicy=/usr/sbin/policy-rc.d
readonly kExitMissing=3
long_tests=no

say() { printf 'setup: %s\n' "$*"; }
die() { printf 'setup: %s\n' "$*" >&2; exit 1; }

# Prints the rows as "package|use|reason|proof|site", without padding.
package_rows() { sed -e '/^$/d' -e 's/ *| */|/g' -e 's/ *$//' <<<"$kPackages"; }

# The rows that this call has to provide: those of the long tests only where it was asked for them.
wanted_rows() { package_rows | if [ "$long_tests" = yes ]; then cat; else grep -v '^[^|]*|full|'; fi; }

print_table() {
  local package use reason proof site
  echo '| Debian package | for | reason | on a cluster |'
  echo '|---|---|---|---|'
  package_rows | while IFS='|' read -r package use reason proof site; do
    echo "| $package | $use | $reason | $site |"
  done
}

is_debian() { command -v apt-get >/dev/null && command -v dpkg-query >/dev/null; }

missing_packages() {
  local package rest
  wanted_rows | while IFS='|' read -r package rest; do
    dpkg-query -W -f '${db:Status-Abbrev}' "$package" 2>/dev/null | grep -q '^.i' || echo "$package"
  done
}

as_root() {
  if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

may_be_root() { [ "$(id -u)" -eq 0 ] || command -v sudo >/dev/null; }

install_packages() {
  local made_policy=no status=0
  if [ ! -e $kPolicy ]; then
    made_policy=yes
    trap 'as_root rm -f $kPolicy' EXIT
    printf '#!/bin/sh\nexit 101\n' | as_root tee $kPolicy >/dev/null
    as_root chmod 755 $kPolicy
  fi
  as_root apt-get -q update || die "apt-get update failed; check the network and /etc/apt/sources.list"
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=300 \
    install --no-install-recommends "$@" || status=$?
  if [ $made_policy = yes ]; then
    as_root rm -f $kPolicy
    trap - EXIT
  fi
  [ $status -eq 0 ] || die "apt-get install failed (exit code $status); its last lines above say why"
}

# Debian enables the services of munge, Slurm and dictd (which dict-gcide brings along) for the next boot.
tell_about_services() {
  local services
  services=$(printf '%s\n' "$@" | sed -n 's/^dict-gcide$/dictd/; /^\(munge\|slurmctld\|slurmd\|dictd\)$/p' | paste -sd ' ')
  [ -n "$services" ] || return 0
  say "services not started: $services (nothing here uses them, the testbed runs its own daemons; with systemd," \
    "'systemctl disable $services' keeps them off after a reboot too)"
}

# Compiler options for the header search: the folders that modules and Spack put into the environment.
include_options() {
  local prefix
  for prefix in ${CMAKE_PREFIX_PATH:+${CMAKE_PREFIX_PATH//[:;]/ }} \
    $(env | sed -nE 's/^[A-Za-z0-9_]+_(ROOT|HOME|DIR)=(\/.+)$/\2/p') /usr /usr/local; do
    printf -- '-I%s/include -I%s/include/trilinos ' "$prefix" "$prefix"
  done
  if command -v mpicxx >/dev/null; then mpicxx --showme:compile 2>/dev/null || true; fi
  if [ -d /usr/include/hdf5/serial ]; then echo "-I/usr/include/hdf5/serial"; fi
}

preprocesses() {
  # shellcheck disable=SC2046 # one word per option is meant
  echo "#include <$1>" | "${CXX:-c++}" -std=c++20 $(include_options) -x c++ -E - >/dev/null 2>&1
}

compiles_cxx20() {
  printf '#include <span>\n#include <concepts>\nint main() { return std::span<int>().size(); }\n' |
    "${CXX:-c++}" -std=c++20 -x c++ -fsyntax-only - 2>/dev/null
}

cmake_is_at_least() {
  local found
  found=$(cmake --version 2>/dev/null | sed -n 's/^cmake version //p')
  [ -n "$found" ] && [ "$(printf '%s\n%s\n' "$1" "$found" | sort -V | head -n 1)" = "$1" ]
}

# is_provided PROOF: checks a row's fourth column by what the machine can do, whoever installed it.
is_provided() {
  local kind=${1%% *} what=${1#* }
  case $kind in
    cxx20) compiles_cxx20 ;;
    cmake) cmake_is_at_least "$what" ;;
    program) PATH=$PATH:/usr/sbin:/sbin command -v "$what" >/dev/null ;;
    header) preprocesses "$what" ;;
    file) [ -e "$what" ] ;;
    *) die "table of packages: unknown proof '$1'" ;;
  esac
}

# Lists what the machine cannot do; exit code 3 if that stops the build.
check_capabilities() {
  local package use reason proof site stops_build=no
  while IFS='|' read -r package use reason proof site; do
    is_provided "$proof" && continue
    printf '  missing (%-5s) %-24s %s\n%42s%s\n' "$use" "$package" "$reason" '' "$site"
    if [ "$use" = build ]; then stops_build=yes; fi
  done < <(wanted_rows)
  if [ $stops_build = yes ]; then
    say "the parts marked 'build' stop the build: load their modules or install them with Spack, and run this again"
    exit $kExitMissing
  fi
  say "everything that the build needs is there"
}

provide_packages() {
  local missing=()
  if is_debian; then
    mapfile -t missing < <(missing_packages)
    if [ ${#missing[@]} -eq 0 ]; then
      say "all Debian packages are installed"
      return
    fi
    if may_be_root; then
      say "installing: ${missing[*]}"
      install_packages "${missing[@]}"
      tell_about_services "${missing[@]}"
      return
    fi
    say "not installed: ${missing[*]}; neither root nor sudo, so looking for other copies"
  else
    say "no apt-get here; looking for what the build needs"
  fi
  check_capabilities
}

# The Python packages that tests compare with, at the versions of tests/requirements.txt. Without a network everything else works.
provide_python_packages() {
  if cmp -s tests/requirements.txt .venv/requirements.txt; then return; fi
  if python3 -m venv --clear .venv && .venv/bin/pip install --quiet --disable-pip-version-check -r tests/requirements.txt; then
    cp tests/requirements.txt .venv/requirements.txt
    say "installed the Python packages of tests/requirements.txt into .venv"
  else
    say "could not install tests/requirements.txt into .venv (see above): the tests tokenize_tiktoken and tokenize_prepare will fail, all else works"
  fi
}

usage_error() { printf 'setup: %s; see scripts/setup.sh --help\n' "$*" >&2; exit 2; }

main() {
  local build=yes
  [ $# -le 1 ] || usage_error "takes one option, got '$*'"
  case "${1:-}" in
    '') ;;
    --no-build) build=no ;;
    --full) build=no long_tests=yes ;;
    --list) print_table; exit 0 ;;
    --help) sed -n '3,8s/^# //p' scripts/setup.sh; exit 0 ;;
    *) usage_error "unknown option '$1'" ;;
  esac
  provide_packages
  provide_python_packages
  [ $build = yes ] || exit 0
  cmake --preset release
  cmake --build --preset release
  say "done; the programs are in build/bin"
}
main "$@"
