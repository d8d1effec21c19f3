// SPDX-License-Identifier: MIT
#include "trainer/backend/cpu/attention_operands.hpp"

#include "trainer/backend/cpu/transpose.hpp"
#include "trainer/backend/cpu/vectorise.hpp"
#include "trainer/tensor/bf16.hpp"

namespace isoflop::attention {
namespace {

void pack(float* out, const Head& head, Range rows, int64_t D) {
  for (int64_t i = 0; i < rows.size; ++i)
    widen(out + i * D, head.row(rows.begin + i), head.dtype, D);
}

/// out (n_columns, kTile) = transposed rows; what lies behind the last row becomes 0.
void transpose_into(void* out, const void* in, int64_t in_stride, int64_t n_rows,
                    int64_t n_columns) {
  auto* const to = static_cast<uint32_t*>(out);
  transpose({to, kTile, static_cast<const uint32_t*>(in), in_stride, n_rows, n_columns});
  for (int64_t c = 0; c < n_columns; ++c)
    std::fill(to + c * kTile + n_rows, to + (c + 1) * kTile, 0);
}

const Bf16* bf16_row(const Head& head, int64_t t) { return static_cast<const Bf16*>(head.row(t)); }

ISOFLOP_VECTORISE void interleave(Bf16Pair* out, const Bf16* low, const Bf16* high, int64_t n) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i)
    out[i].bits = static_cast<uint32_t>(low[i].bits) | static_cast<uint32_t>(high[i].bits) << 16;
}

ISOFLOP_VECTORISE void interleave_with_zero(Bf16Pair* out, const Bf16* low, int64_t n) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) out[i].bits = low[i].bits;
}

ISOFLOP_INLINE uint32_t pair_bits(float low, float high) {
  return static_cast<uint32_t>(to_bf16(low).bits) | static_cast<uint32_t>(to_bf16(high).bits) << 16;
}

ISOFLOP_VECTORISE void round_keys(Bf16Pair* out, const float* low, const float* high) {
#pragma omp simd
  for (int64_t i = 0; i < kTile; ++i) out[i].bits = pair_bits(low[i], high[i]);
}

ISOFLOP_VECTORISE void round_last_key(Bf16Pair* out, const float* low) {
#pragma omp simd
  for (int64_t i = 0; i < kTile; ++i) out[i].bits = to_bf16(low[i]).bits;
}

ISOFLOP_VECTORISE void round_queries(Bf16Pair* out, const float* in, int64_t n_pairs) {
#pragma omp simd
  for (int64_t i = 0; i < n_pairs; ++i) out[i].bits = pair_bits(in[2 * i], in[2 * i + 1]);
}

}  // namespace

RowsOnLeft<float>::RowsOnLeft(const Head& head, Range rows, int64_t D)
    : view_{static_cast<const float*>(head.row(rows.begin)), head.stride, 1} {
  if (head.dtype == DType::f32) return;
  pack(at_, head, rows, D);
  view_ = {at_, D, 1};
}

template <>
RowsOnRight<float>::RowsOnRight(const Head& head, Range rows, int64_t D) : D_(D) {
  pack(at_, head, rows, D);
}

template <>
RowsOnRight<Bf16Pair>::RowsOnRight(const Head& head, Range rows, int64_t D) : D_(D) {
  int64_t i = 0;
  for (; i + 2 <= rows.size; i += 2)
    interleave(at_ + i / 2 * D, bf16_row(head, rows.begin + i), bf16_row(head, rows.begin + i + 1),
               D);
  if (i < rows.size) interleave_with_zero(at_ + i / 2 * D, bf16_row(head, rows.begin + i), D);
}

template <>
ColumnsOnRight<float>::ColumnsOnRight(const Head& head, Range rows, int64_t D) {
  const RowsOnLeft<float> in(head, rows, D);
  transpose_into(at_, in.view().data, in.view().row_stride, rows.size, D);
}

template <>
ColumnsOnRight<Bf16Pair>::ColumnsOnRight(const Head& head, Range rows, int64_t D) {
  transpose_into(at_, head.row(rows.begin), head.stride / 2, rows.size, D / 2);
}

ScoresByKey<Bf16Pair>::ScoresByKey(const ScoreTile& scores, int64_t n_keys) {
  round_queries(at_, scores.at, n_keys * kTile / 2);
}

ScoresByQuery<Bf16Pair>::ScoresByQuery(const ScoreTile& scores, int64_t n_keys) {
  int64_t j = 0;
  for (; j + 2 <= n_keys; j += 2)
    round_keys(at_ + j / 2 * kTile, scores.at + j * kTile, scores.at + (j + 1) * kTile);
  if (j < n_keys) round_last_key(at_ + j / 2 * kTile, scores.at + j * kTile);
}

}  // namespace isoflop::attention
