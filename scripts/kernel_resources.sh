#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Prints what each GPU kernel takes on each architecture, from what ptxas said when OBJECT was compiled (OBJECT.ptxas).
# Exit code 1 when a kernel spills registers or has more than 48 KiB of static shared memory, or an object has no kernel.
# usage: scripts/kernel_resources.sh [OBJECT.cu.o...]     without objects: those of the trainer in build/
set -euo pipefail

readonly kMaxSharedBytes=49152 # of every GPU; more must be dynamic and asked for
readonly kTrainerObjects=build/src/trainer/backend/cuda/CMakeFiles/isoflop_cuda.dir

# rows_of OBJECT: "kernel|architecture|registers|shared|stack|spills" for each; spills are bytes stored and loaded.
rows_of() {
  c++filt <"$1.ptxas" | awk -v file="$(basename "$1" .cu.o)" '
    # "void isoflop::gpu::f<__nv_bfloat16, (isoflop::Kind)1>(float*, long)" to "f<bf16, (Kind)1>".
    function short_name(name,   i, c, depth) {
      gsub(/\(anonymous namespace\)::/, "", name)
      for (i = 1; i <= length(name); ++i) {
        c = substr(name, i, 1)
        if (c == "<") ++depth
        if (c == ">") --depth
        if (c == "(" && depth == 0) { name = substr(name, 1, i - 1); break }
      }
      sub(/^void /, "", name)
      gsub(/[A-Za-z_0-9]+::/, "", name)
      gsub(/__nv_bfloat16/, "bf16", name)
      return name
    }
    function number_before(words,   text) {
      text = $0
      if (!match(text, "[0-9]+ " words)) return 0
      return substr(text, RSTART, RLENGTH) + 0
    }
    /Compiling entry function/ {
      split($0, quoted, "\047")
      kernel = file ": " short_name(quoted[2]); arch = quoted[4]; stack = 0; spills = 0
    }
    / bytes stack frame, / {
      stack += number_before("bytes stack frame")
      spills += number_before("bytes spill stores") + number_before("bytes spill loads")
    }
    kernel != "" && / Used [0-9]+ registers/ {
      print kernel "|" arch "|" number_before("registers") "|" number_before("bytes smem") "|" stack "|" spills
    }'
}

# Prints such rows as a table, a line per kernel and a column per architecture.
print_table() {
  awk -F'|' '
    !($1 in seen) { seen[$1] = 1; kernels[++n_kernels] = $1; if (length($1) > width) width = length($1) }
    !($2 in known) { known[$2] = 1; archs[++n_archs] = $2 }
    { cell[$1, $2] = $3 "/" $4 "/" $5 "/" $6 }
    END {
      print "registers/static shared memory/stack/spills of " n_kernels " kernels; bytes but for the registers"
      printf "%-*s", width, "kernel"
      for (a = 1; a <= n_archs; ++a) printf "  %-11s", archs[a]
      for (k = 1; k <= n_kernels; ++k) {
        printf "\n%-*s", width, kernels[k]
        for (a = 1; a <= n_archs; ++a) printf "  %-11s", cell[kernels[k], archs[a]]
      }
      print ""
    }'
}

main() {
  local objects=("$@") object rows all='' bad
  if [ $# -eq 0 ]; then
    cd "$(dirname "${BASH_SOURCE[0]}")/.."
    objects=("$kTrainerObjects"/*.cu.o)
  fi
  for object in "${objects[@]}"; do
    [ -r "$object.ptxas" ] || { echo "kernel_resources: $object.ptxas is missing; compile $object again" >&2; exit 1; }
    rows=$(rows_of "$object")
    [ -n "$rows" ] || { echo "kernel_resources: $object.ptxas names no kernel; compile $object again" >&2; exit 1; }
    all+=$rows$'\n'
  done
  print_table <<<"${all%$'\n'}"
  bad=$(awk -F'|' -v most=$kMaxSharedBytes '
    $4 > most { print $1 " on " $2 ": " $4 " bytes of static shared memory (at most " most "); make it dynamic" }
    $6 > 0 { print $1 " on " $2 ": " $6 " bytes of spilled registers; use fewer, or smaller blocks" }' <<<"$all")
  [ -z "$bad" ] || { printf 'kernel_resources: %s\n' "$bad" >&2; exit 1; }
}
main "$@"
