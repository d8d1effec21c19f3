// SPDX-License-Identifier: MIT
#pragma once

#include <cstdio>
#include <cstdlib>

/// Contract check for programming errors: active unless NDEBUG, free of side effects, aborts with
/// file and line. Never for user input.
#ifdef NDEBUG
#define ISOFLOP_CHECK(condition) static_cast<void>(sizeof(!(condition)))
#else
#define ISOFLOP_CHECK(condition)                                                              \
  do {                                                                                        \
    if (!(condition)) {                                                                       \
      std::fprintf(stderr, "%s:%d: contract violated: %s\n", __FILE__, __LINE__, #condition); \
      std::abort();                                                                           \
    }                                                                                         \
  } while (false)
#endif
