// SPDX-License-Identifier: MIT
#include "trainer/backend/cpu/tile_product.hpp"

#include "trainer/backend/cpu/vectorise.hpp"

namespace isoflop {
namespace {

namespace lanes_4 {
#define ISOFLOP_LANES 4
#include "trainer/backend/cpu/tile_product_kernel.inc"
#undef ISOFLOP_LANES
}  // namespace lanes_4

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)

#pragma GCC push_options
#pragma GCC target("arch=x86-64-v3")
namespace lanes_8 {
#define ISOFLOP_LANES 8
#include "trainer/backend/cpu/tile_product_kernel.inc"
#undef ISOFLOP_LANES
}  // namespace lanes_8
#pragma GCC pop_options

#pragma GCC push_options
#pragma GCC target("arch=x86-64-v4")
namespace lanes_16 {
#define ISOFLOP_LANES 16
#include "trainer/backend/cpu/tile_product_kernel.inc"
#undef ISOFLOP_LANES
}  // namespace lanes_16
#pragma GCC pop_options

/// The most floats a vector of this processor holds: 16, 8 or 4.
int widest_vector() {
  if (__builtin_cpu_supports("x86-64-v4")) return 16;
  return __builtin_cpu_supports("x86-64-v3") ? 8 : 4;
}

void dispatch(const TileProduct& product) {
  static const int widest = widest_vector();
  if (widest == 16 && product.N % 16 == 0)
    lanes_16::add_product(product);
  else if (widest >= 8 && product.N % 8 == 0)
    lanes_8::add_product(product);
  else
    lanes_4::add_product(product);
}

#else

void dispatch(const TileProduct& product) { lanes_4::add_product(product); }

#endif

}  // namespace

void add_tile_product(const TileProduct& product) { dispatch(product); }

}  // namespace isoflop
