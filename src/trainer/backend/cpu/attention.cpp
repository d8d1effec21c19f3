// SPDX-License-Identifier: MIT
#include "core/base/error.hpp"
#include "trainer/backend/cpu/attention_tiles.hpp"
#include "trainer/backend/cpu/cpu_device.hpp"
#include "trainer/backend/cpu/cpu_ops.hpp"
#include "trainer/backend/op_contracts.hpp"

#include <fmt/format.h>

namespace isoflop {
namespace {

using namespace attention;

/// One sequence's heads in packed qkv (or its gradient).
struct Packed {
  float* data;
  AttentionShape heads;
  int64_t width() const { return (heads.n_head + 2 * heads.n_kv_head) * heads.d_head; }
  Head query(int64_t h) const { return {data + h * heads.d_head, width()}; }
  Head key(int64_t g) const { return query(heads.n_head + g); }
  Head value(int64_t g) const { return query(heads.n_head + heads.n_kv_head + g); }
};

Packed sequence(const TensorView& qkv, int64_t b, const AttentionShape& heads) {
  return {qkv.as<float>() + b * qkv.strides[0], heads};
}

Head output_head(const TensorView& out, int64_t b, int64_t h) {
  return {out.as<float>() + b * out.strides[0] + h * out.strides[2], out.strides[1]};
}

void check_head_width(const AttentionShape& heads) {
  if (heads.d_head > kMaxHead)
    throw ConfigError(fmt::format(
        "model.d_head is {} (attention on the CPU takes up to {}); use more, narrower heads",
        heads.d_head, kMaxHead));
}

}  // namespace

/// Threads share (sequence, head, tile of queries).
void CpuOps::attention_forward(const Exec& exec, TensorView out, TensorView lse, TensorView qkv,
                               const AttentionParams& params) {
  const AttentionShape heads = params.heads;
  check_attention(out, lse, qkv, params);
  check_head_width(heads);
  as_cpu_device(exec.device).enqueue(exec.stream, [=] {
    const int64_t B = qkv.extent(0), T = qkv.extent(1), H = heads.n_head;
#pragma omp parallel for collapse(3) schedule(dynamic)
    for (int64_t b = 0; b < B; ++b) {
      for (int64_t h = 0; h < H; ++h) {
        for (int64_t begin = 0; begin < T; begin += kTile) {
          const Packed packed = sequence(qkv, b, heads);
          const int64_t g = h / (H / heads.n_kv_head);
          forward_tile(output_head(out, b, h), lse.as<float>() + (b * H + h) * T, packed.query(h),
                       packed.key(g), packed.value(g), tile_at(begin, T), heads.d_head);
        }
      }
    }
  });
}

/// Threads share (sequence, key-value head), so that each gradient of keys and values has one
/// writer that adds in a fixed order.
void CpuOps::attention_backward(const Exec& exec, TensorView d_qkv, TensorView row_sum,
                                TensorView d_out, TensorView qkv, TensorView out, TensorView lse,
                                const AttentionParams& params) {
  const AttentionShape heads = params.heads;
  check_attention(d_out, row_sum, d_qkv, params);
  check_attention(out, lse, qkv, params);
  check_head_width(heads);
  as_cpu_device(exec.device).enqueue(exec.stream, [=] {
    const int64_t B = qkv.extent(0), T = qkv.extent(1), H = heads.n_head, G = heads.n_kv_head;
#pragma omp parallel for collapse(2) schedule(dynamic)
    for (int64_t b = 0; b < B; ++b) {
      for (int64_t g = 0; g < G; ++g) {
        const Packed packed = sequence(qkv, b, heads), d_packed = sequence(d_qkv, b, heads);
        zero_rows(d_packed.key(g), {0, T}, heads.d_head);
        zero_rows(d_packed.value(g), {0, T}, heads.d_head);
        for (int64_t h = g * (H / G); h < (g + 1) * (H / G); ++h) {
          const BackwardHead head{.d_query = d_packed.query(h),
                                  .d_key = d_packed.key(g),
                                  .d_value = d_packed.value(g),
                                  .d_out = output_head(d_out, b, h),
                                  .query = packed.query(h),
                                  .key = packed.key(g),
                                  .value = packed.value(g),
                                  .out = output_head(out, b, h),
                                  .row_sum = row_sum.as<float>() + (b * H + h) * T,
                                  .lse = lse.as<float>() + (b * H + h) * T,
                                  .D = heads.d_head};
          for (int64_t begin = 0; begin < T; begin += kTile) backward_tile(head, tile_at(begin, T));
        }
      }
    }
  });
}

}  // namespace isoflop
