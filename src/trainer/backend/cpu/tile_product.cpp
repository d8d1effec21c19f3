// SPDX-License-Identifier: MIT
#include "trainer/backend/cpu/tile_product.hpp"

#include "trainer/backend/cpu/vectorise.hpp"

#include <bit>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace isoflop {
namespace {

float product_of(float a, float b) { return a * b; }
float product_of(Bf16Pair a, Bf16Pair b) {
  const auto low = [](Bf16Pair pair) { return std::bit_cast<float>(pair.bits << 16); };
  const auto high = [](Bf16Pair pair) { return std::bit_cast<float>(pair.bits & 0xffff0000u); };
  return low(a) * low(b) + high(a) * high(b);
}

/// One column of c, for what is left of N beside whole vectors.
template <typename E>
void add_column(const TileProductOf<E>& p, int64_t col) {
  for (int64_t i = 0; i < p.M; ++i) {
    float sum = p.accumulate == Accumulate::yes ? p.c[i * p.c_stride + col] : 0.0f;
    for (int64_t k = 0; k < p.K; ++k)
      sum += product_of(p.a[i * p.a_row_stride + k * p.a_col_stride], p.b[k * p.b_stride + col]);
    p.c[i * p.c_stride + col] = sum;
  }
}

void run_plain_loops(const PairTileProduct& p) {
  for (int64_t col = 0; col < p.N; ++col) add_column(p, col);
}

#define ISOFLOP_MULTIPLY_ADD(sum, a, b) sum += (a)*vector_at(b)

namespace lanes_4 {
using Product = TileProduct;
using Element = float;
#define ISOFLOP_LANES 4
#include "trainer/backend/cpu/tile_product_kernel.inc"
#undef ISOFLOP_LANES
}  // namespace lanes_4

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)

#pragma GCC push_options
#pragma GCC target("arch=x86-64-v3")
namespace lanes_8 {
using Product = TileProduct;
using Element = float;
#define ISOFLOP_LANES 8
#include "trainer/backend/cpu/tile_product_kernel.inc"
#undef ISOFLOP_LANES
}  // namespace lanes_8
#pragma GCC pop_options

#pragma GCC push_options
#pragma GCC target("arch=x86-64-v4")
namespace lanes_16 {
using Product = TileProduct;
using Element = float;
#define ISOFLOP_LANES 16
#include "trainer/backend/cpu/tile_product_kernel.inc"
#undef ISOFLOP_LANES
}  // namespace lanes_16
#pragma GCC pop_options

#undef ISOFLOP_MULTIPLY_ADD
#define ISOFLOP_MULTIPLY_ADD(sum, a, b)                                                           \
  sum = reinterpret_cast<Vector>(                                                                 \
      _mm512_dpbf16_ps(reinterpret_cast<__m512>(sum),                                             \
                       reinterpret_cast<__m512bh>(_mm512_set1_epi32(static_cast<int>((a).bits))), \
                       reinterpret_cast<__m512bh>(_mm512_loadu_si512(b))))

#pragma GCC push_options
#pragma GCC target("arch=x86-64-v4,avx512bf16")
namespace pairs_16 {
using Product = PairTileProduct;
using Element = Bf16Pair;
#define ISOFLOP_LANES 16
#include "trainer/backend/cpu/tile_product_kernel.inc"
#undef ISOFLOP_LANES
}  // namespace pairs_16
#pragma GCC pop_options

/// The most floats a vector of this processor holds: 16, 8 or 4.
int widest_vector() {
  if (__builtin_cpu_supports("x86-64-v4")) return 16;
  return __builtin_cpu_supports("x86-64-v3") ? 8 : 4;
}

bool multiplies_pairs() {
  return __builtin_cpu_supports("x86-64-v4") && __builtin_cpu_supports("avx512bf16");
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

void dispatch(const PairTileProduct& product) {
  if (has_fast_pair_products())
    pairs_16::add_product(product);
  else
    run_plain_loops(product);
}

#else

bool multiplies_pairs() { return false; }
void dispatch(const TileProduct& product) { lanes_4::add_product(product); }
void dispatch(const PairTileProduct& product) { run_plain_loops(product); }

#endif

}  // namespace

bool has_fast_pair_products() {
  static const bool has = multiplies_pairs();
  return has;
}

void run_tile_product(const TileProduct& product) { dispatch(product); }
void run_tile_product(const PairTileProduct& product) { dispatch(product); }

}  // namespace isoflop
