// SPDX-License-Identifier: MIT
#include "trainer/backend/op_contracts.hpp"

#include "core/model/architecture.hpp"
#include "trainer/backend/update_segment.hpp"

namespace isoflop {
namespace {

/// Contiguous with this shape.
[[maybe_unused]] bool is(const TensorView& view, Extents shape) {
  return view && view.shape == shape && view.is_contiguous();
}

[[maybe_unused]] bool is_or_none(const TensorView& view, Extents shape) {
  return !view || is(view, shape);
}

void check_update_tables([[maybe_unused]] const TensorView& segments,
                         [[maybe_unused]] const TensorView& norms) {
  ISOFLOP_CHECK(segments.dtype == DType::i64 && segments.rank() == 2);
  ISOFLOP_CHECK(segments.extent(1) == kUpdateColumns);
  ISOFLOP_CHECK(norms.dtype == DType::f64 && is(norms, {norms.extent(0), 2}));
}

}  // namespace

void check_embedding([[maybe_unused]] const TensorView& out,
                     [[maybe_unused]] const TensorView& tokens,
                     [[maybe_unused]] const TensorView& wte,
                     [[maybe_unused]] const TensorView& wpe) {
  ISOFLOP_CHECK(tokens.dtype == DType::i32 && tokens.rank() == 2 && wte.rank() == 2);
  ISOFLOP_CHECK(is(out, {tokens.extent(0), tokens.extent(1), wte.extent(1)}));
  ISOFLOP_CHECK(!wpe || (wpe.rank() == 2 && wpe.extent(0) >= tokens.extent(1) &&
                         wpe.extent(1) == wte.extent(1)));
}

void check_linear([[maybe_unused]] const TensorView& out, [[maybe_unused]] const TensorView& x,
                  [[maybe_unused]] const TensorView& w, [[maybe_unused]] const TensorView& bias) {
  ISOFLOP_CHECK(w.rank() == 2 && x.rank() == 2);
  ISOFLOP_CHECK(is(x, {x.extent(0), w.extent(1)}) && w.is_contiguous());
  ISOFLOP_CHECK(is(out, {x.extent(0), w.extent(0)}));
  ISOFLOP_CHECK(is_or_none(bias, {w.extent(0)}));
}

void check_norm([[maybe_unused]] const TensorView& residual, [[maybe_unused]] const TensorView& out,
                [[maybe_unused]] const TensorView& stats, [[maybe_unused]] const TensorView& weight,
                [[maybe_unused]] const TensorView& bias,
                [[maybe_unused]] const NormParams& params) {
  ISOFLOP_CHECK(residual.rank() == 2 && is(out, residual.shape));
  ISOFLOP_CHECK(is(stats, {out.extent(0), row_of(params.kind).stats_width()}));
  ISOFLOP_CHECK(is(weight, {out.extent(1)}));
  ISOFLOP_CHECK(static_cast<bool>(bias) == row_of(params.kind).has_bias);
  ISOFLOP_CHECK(is_or_none(bias, {out.extent(1)}));
}

void check_rope([[maybe_unused]] const TensorView& qkv,
                [[maybe_unused]] const AttentionShape& heads) {
  ISOFLOP_CHECK(qkv.rank() == 4 && heads.d_head % 2 == 0);
  ISOFLOP_CHECK(
      is(qkv, {qkv.extent(0), qkv.extent(1), heads.n_head + 2 * heads.n_kv_head, heads.d_head}));
}

void check_attention([[maybe_unused]] const TensorView& out,
                     [[maybe_unused]] const TensorView& stats,
                     [[maybe_unused]] const TensorView& qkv,
                     [[maybe_unused]] const AttentionParams& params) {
  [[maybe_unused]] const AttentionShape& heads = params.heads;
  [[maybe_unused]] const int64_t B = qkv.extent(0), T = qkv.extent(1);
  ISOFLOP_CHECK(qkv.rank() == 4 && heads.n_head % heads.n_kv_head == 0);
  ISOFLOP_CHECK(is(qkv, {B, T, heads.n_head + 2 * heads.n_kv_head, heads.d_head}));
  ISOFLOP_CHECK(is(out, {B, T, heads.n_head, heads.d_head}));
  ISOFLOP_CHECK(params.backend == AttentionBackend::manual ? is(stats, {B, heads.n_head, T, T})
                                                           : is(stats, {B, heads.n_head, T}));
  ISOFLOP_CHECK(!params.first_keys ||
                (params.first_keys.dtype == DType::i32 && is(params.first_keys, {B, T})));
}

void check_qk_norm([[maybe_unused]] const TensorView& qkv, [[maybe_unused]] const TensorView& qk,
                   [[maybe_unused]] const TensorView& stats,
                   [[maybe_unused]] const QkNormTensors& weights,
                   [[maybe_unused]] const AttentionShape& heads,
                   [[maybe_unused]] const NormParams& params) {
  [[maybe_unused]] const int64_t n_normed = heads.n_head + heads.n_kv_head;
  ISOFLOP_CHECK(qkv.rank() == 4 && qk.rank() == 3 && qk.extent(0) == qkv.extent(0) * qkv.extent(1));
  ISOFLOP_CHECK(is(qkv, {qkv.extent(0), qkv.extent(1), n_normed + heads.n_kv_head, heads.d_head}));
  ISOFLOP_CHECK(is(qk, {qk.extent(0), n_normed, heads.d_head}));
  ISOFLOP_CHECK(is(stats, {qk.extent(0), n_normed, row_of(params.kind).stats_width()}));
  ISOFLOP_CHECK(is(weights.q_weight, {heads.d_head}) && is(weights.k_weight, {heads.d_head}));
  ISOFLOP_CHECK(static_cast<bool>(weights.q_bias) == row_of(params.kind).has_bias &&
                static_cast<bool>(weights.k_bias) == row_of(params.kind).has_bias);
}

void check_dropout([[maybe_unused]] const TensorView& out, [[maybe_unused]] const TensorView& in,
                   [[maybe_unused]] const Dropout& params) {
  ISOFLOP_CHECK(out.rank() == 2 && is(in, out.shape) && out.is_contiguous());
  ISOFLOP_CHECK(!params || (params.first_sample && params.seq_len > 0));
}

void check_muon([[maybe_unused]] const TensorView& update,
                [[maybe_unused]] const TensorView& momentum,
                [[maybe_unused]] const TensorView& grad) {
  ISOFLOP_CHECK(update.rank() == 2 && update.is_contiguous());
  ISOFLOP_CHECK(is(momentum, update.shape) && is(grad, update.shape));
}

void check_activation([[maybe_unused]] const TensorView& out, [[maybe_unused]] const TensorView& in,
                      [[maybe_unused]] FfnType ffn) {
  ISOFLOP_CHECK(out.rank() == 2 && out.is_contiguous());
  ISOFLOP_CHECK(is(in, {out.extent(0), row_of(ffn).in_parts * out.extent(1)}));
}

void check_head_loss([[maybe_unused]] const TensorView& loss_sums,
                     [[maybe_unused]] const TensorView& d_x, [[maybe_unused]] const TensorView& d_w,
                     [[maybe_unused]] const TensorView& logits,
                     [[maybe_unused]] const TensorView& x, [[maybe_unused]] const TensorView& w,
                     [[maybe_unused]] const TensorView& targets) {
  ISOFLOP_CHECK(loss_sums.dtype == DType::f64 && loss_sums.size() == 2);
  ISOFLOP_CHECK(w.rank() == 2 && x.rank() == 2 && is(x, {x.extent(0), w.extent(1)}));
  ISOFLOP_CHECK(logits.rank() == 2 && logits.extent(0) > 0 && logits.extent(1) >= w.extent(0));
  ISOFLOP_CHECK(targets.dtype == DType::i32 && targets.size() == x.extent(0));
  ISOFLOP_CHECK(static_cast<bool>(d_x) == static_cast<bool>(d_w));
  ISOFLOP_CHECK(is_or_none(d_x, x.shape) && is_or_none(d_w, w.shape));
}

void check_head_logits([[maybe_unused]] const TensorView& logits,
                       [[maybe_unused]] const TensorView& x, [[maybe_unused]] const TensorView& w) {
  ISOFLOP_CHECK(w.rank() == 2 && x.rank() == 2 && is(x, {x.extent(0), w.extent(1)}));
  ISOFLOP_CHECK(is(logits, {x.extent(0), logits.extent(1)}) && logits.extent(1) >= w.extent(0));
  ISOFLOP_CHECK(x.dtype == w.dtype);
}

void check_statistics([[maybe_unused]] const TensorView& sums,
                      [[maybe_unused]] const TensorView& extremes,
                      [[maybe_unused]] const TensorView& flat,
                      [[maybe_unused]] const TensorView& segments) {
  ISOFLOP_CHECK(segments.dtype == DType::i64 && segments.rank() == 2 && segments.extent(1) == 2);
  ISOFLOP_CHECK(sums.dtype == DType::f64 && is(sums, {segments.extent(0), 3}));
  ISOFLOP_CHECK(extremes.dtype == DType::f64 && is(extremes, {segments.extent(0), 2}));
  ISOFLOP_CHECK(flat.is_contiguous());
}

void check_adamw([[maybe_unused]] const TensorView& params, [[maybe_unused]] const TensorView& m,
                 [[maybe_unused]] const TensorView& v, [[maybe_unused]] const TensorView& grads,
                 [[maybe_unused]] const TensorView& segments,
                 [[maybe_unused]] const TensorView& norms) {
  ISOFLOP_CHECK(params.size() >= m.size() && m.size() >= v.size() && grads.size() >= m.size());
  ISOFLOP_CHECK(params.is_contiguous() && grads.is_contiguous());
  check_update_tables(segments, norms);
}

void check_apply_updates([[maybe_unused]] const TensorView& params,
                         [[maybe_unused]] const TensorView& updates,
                         [[maybe_unused]] const TensorView& segments,
                         [[maybe_unused]] const TensorView& norms) {
  ISOFLOP_CHECK(params.is_contiguous() && updates.is_contiguous());
  check_update_tables(segments, norms);
}

void check_same_size([[maybe_unused]] const TensorView& out,
                     [[maybe_unused]] const TensorView& in) {
  ISOFLOP_CHECK(out.size() == in.size() && out.is_contiguous() && in.is_contiguous());
}

}  // namespace isoflop
