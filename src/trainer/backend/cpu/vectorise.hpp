// SPDX-License-Identifier: MIT
#pragma once

/// Compiles a function for several processor generations and picks one when the program is loaded,
/// so that a binary built on a login node uses the vector units of the node it runs on. Loops that
/// are to become vector code carry `#pragma omp simd`. Not for functions that open a parallel
/// region.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define ISOFLOP_VECTORISE \
  __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define ISOFLOP_VECTORISE
#endif

/// For small functions called in the loops of ISOFLOP_VECTORISE functions: they must be inlined to
/// take part in the vectorisation.
#define ISOFLOP_INLINE inline __attribute__((always_inline))
