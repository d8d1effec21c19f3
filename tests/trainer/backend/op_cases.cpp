// SPDX-License-Identifier: MIT
#include "op_cases.hpp"

#include "core/model/architecture.hpp"
#include "trainer/backend/update_segment.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

namespace isoflop {
namespace {

using Values = std::vector<double>;

TensorView random_tensor(OpRig& rig, Extents shape, uint64_t seed, double low = -1,
                         double high = 1) {
  return rig.tensor(shape, random_values(shape.product(), seed, low, high));
}

/// In the type of gradients of parameters and of what the optimizer keeps.
TensorView random_master(OpRig& rig, Extents shape, uint64_t seed) {
  return rig.tensor(rig.master_dtype(), shape, random_values(shape.product(), seed));
}

/// n integers in [0, bound); every seventh is -1 where `ignored` says so.
enum class Ignored { none, every_seventh };
Values random_integers(int64_t n, int64_t bound, Ignored ignored) {
  std::mt19937_64 engine(5);
  Values values;
  for (int64_t i = 0; i < n; ++i) {
    const auto value = static_cast<double>(engine() % static_cast<uint64_t>(bound));
    values.push_back(ignored == Ignored::every_seventh && i % 7 == 3 ? -1 : value);
  }
  return values;
}

OpCase embedding(int64_t B, int64_t T, int64_t C, int64_t V, bool learned) {
  const std::string name =
      fmt::format("embedding_B{}_T{}_C{}_V{}{}", B, T, C, V, learned ? "_learned" : "");
  return {name, [=](OpRig& rig) {
            const TensorView tokens =
                rig.tensor(DType::i32, {B, T}, random_integers(B * T, V, Ignored::none));
            const TensorView wte = random_tensor(rig, {V, C}, 1);
            const TensorView wpe = learned ? random_tensor(rig, {T + 2, C}, 2) : TensorView{};
            const TensorView out = rig.fresh({B, T, C}), d_out = random_tensor(rig, {B, T, C}, 3);
            const TensorView d_wte = random_master(rig, {V, C}, 4);
            const TensorView d_wpe = learned ? random_master(rig, {T + 2, C}, 5) : TensorView{};
            rig.ops().embedding_forward(rig.exec(), out, tokens, wte, wpe);
            rig.ops().embedding_backward(rig.exec(), d_wte, d_wpe, tokens, d_out);
            Outputs outputs = {{"out", rig.read(out)}, {"d_wte", rig.read(d_wte)}};
            if (learned) outputs["d_wpe"] = rig.read(d_wpe);
            return outputs;
          }};
}

OpCase linear(int64_t M, int64_t N, int64_t K, bool has_bias) {
  return {fmt::format("linear_M{}_N{}_K{}{}", M, N, K, has_bias ? "_bias" : ""), [=](OpRig& rig) {
            const TensorView x = random_tensor(rig, {M, K}, 1), w = random_tensor(rig, {N, K}, 2);
            const TensorView bias = has_bias ? random_tensor(rig, {N}, 3) : TensorView{};
            const TensorView out = rig.fresh({M, N}), d_x = rig.fresh({M, K});
            const TensorView d_out = random_tensor(rig, {M, N}, 4);
            const TensorView d_w = random_master(rig, {N, K}, 5);
            const TensorView alone = rig.fresh(rig.master_dtype(), {N, K});
            const TensorView d_bias = has_bias ? random_master(rig, {N}, 6) : TensorView{};
            rig.ops().linear_forward(rig.exec(), out, x, w, bias);
            rig.ops().linear_backward_input(rig.exec(), d_x, d_out, w);
            rig.ops().linear_backward_weight(rig.exec(), d_w, d_bias, d_out, x, Accumulate::yes);
            rig.ops().linear_backward_weight(rig.exec(), alone, {}, d_out, x, Accumulate::no);
            Outputs outputs = {{"out", rig.read(out)},
                               {"d_x", rig.read(d_x)},
                               {"d_w", rig.read(d_w)},
                               {"d_w_alone", rig.read(alone)}};
            if (has_bias) outputs["d_bias"] = rig.read(d_bias);
            return outputs;
          }};
}

/// in_place: residual and residual_in are the same memory and there is no delta, as for a model's
/// first norm.
OpCase norm(NormKind kind, int64_t M, int64_t C, bool in_place) {
  const std::string name =
      fmt::format("{}_M{}_C{}{}", row_of(kind).name, M, C, in_place ? "_in_place" : "");
  return {name, [=](OpRig& rig) {
            const NormParams params{kind, 1e-5};
            const bool has_bias = row_of(kind).has_bias;
            const TensorView residual_in = random_tensor(rig, {M, C}, 1);
            const TensorView residual = in_place ? residual_in : rig.fresh({M, C});
            const TensorView delta = in_place ? TensorView{} : random_tensor(rig, {M, C}, 2, -3, 3);
            const TensorView weight = random_tensor(rig, {C}, 3, 0.5, 1.5);
            const TensorView bias = has_bias ? random_tensor(rig, {C}, 4) : TensorView{};
            const TensorView out = rig.fresh({M, C});
            const TensorView stats = rig.fresh(rig.master_dtype(), {M, row_of(kind).stats_width()});
            const TensorView d_residual = random_tensor(rig, {M, C}, 5);
            const TensorView d_weight = random_master(rig, {C}, 6);
            const TensorView d_bias = has_bias ? random_master(rig, {C}, 7) : TensorView{};
            rig.ops().residual_norm_forward(rig.exec(), residual, out, stats, residual_in, delta,
                                            weight, bias, params);
            rig.ops().norm_backward(rig.exec(), d_residual, d_weight, d_bias,
                                    random_tensor(rig, {M, C}, 8), residual, stats, weight, params);
            Outputs outputs = {{"residual", rig.read(residual)},
                               {"out", rig.read(out)},
                               {"stats", rig.read(stats)},
                               {"d_residual", rig.read(d_residual)},
                               {"d_weight", rig.read(d_weight)}};
            if (has_bias) outputs["d_bias"] = rig.read(d_bias);
            return outputs;
          }};
}

OpCase rope(int64_t B, int64_t T, AttentionShape heads, RopeDirection direction) {
  const std::string name =
      fmt::format("rope_B{}_T{}_H{}_G{}_D{}_{}", B, T, heads.n_head, heads.n_kv_head, heads.d_head,
                  direction == RopeDirection::forward ? "forward" : "backward");
  return {name, [=](OpRig& rig) {
            const TensorView qkv =
                random_tensor(rig, {B, T, heads.n_head + 2 * heads.n_kv_head, heads.d_head}, 1);
            rig.ops().rope(rig.exec(), qkv, heads, 10000.0, direction);
            return Outputs{{"qkv", rig.read(qkv)}};
          }};
}

/// Documents of 1, 2, 3, 4, 45, 6, 7, 8, 49, 10 ... tokens; those of sequence b begin b earlier.
Values first_keys_of_documents(int64_t B, int64_t T) {
  Values first_keys;
  for (int64_t b = 0; b < B; ++b) {
    int64_t begin = -b, length = 1;
    for (int64_t t = 0; t < T; ++t) {
      if (t >= begin + length) {
        begin += length;
        length = length % 40 + (length % 4 == 0 ? 41 : 1);
      }
      first_keys.push_back(static_cast<double>(std::max<int64_t>(begin, 0)));
    }
  }
  return first_keys;
}

enum class Documents { one, many };

OpCase attention(int64_t B, int64_t T, AttentionShape heads,
                 AttentionBackend backend = AttentionBackend::sdpa, double dropout = 0,
                 Documents documents = Documents::one) {
  const bool manual = backend == AttentionBackend::manual;
  const std::string name =
      fmt::format("attention_B{}_T{}_H{}_G{}_D{}_{}{}{}", B, T, heads.n_head, heads.n_kv_head,
                  heads.d_head, row_of(backend).name, dropout > 0 ? "_dropout" : "",
                  documents == Documents::many ? "_documents" : "");
  return {name, [=](OpRig& rig) {
            AttentionParams params{heads,
                                   backend,
                                   {.rate = dropout,
                                    .seed = 0x0123456789abcdef,
                                    .first_sample = rig.tensor(DType::i64, {1}, Values{3e8}),
                                    .seq_len = T,
                                    .site = 7}};
            if (documents == Documents::many)
              params.first_keys = rig.tensor(DType::i32, {B, T}, first_keys_of_documents(B, T));
            const Extents shape{B, T, heads.n_head + 2 * heads.n_kv_head, heads.d_head};
            const Extents out_shape{B, T, heads.n_head, heads.d_head};
            const TensorView qkv = random_tensor(rig, shape, 1, -2, 2);
            const TensorView out = rig.fresh(out_shape);
            const TensorView stats = manual ? rig.fresh({B, heads.n_head, T, T})
                                            : rig.fresh(rig.master_dtype(), {B, heads.n_head, T});
            const TensorView d_qkv = rig.fresh(shape);
            const TensorView scratch = rig.fresh(stats.dtype, stats.shape);
            rig.ops().attention_forward(rig.exec(), out, stats, qkv, params);
            rig.ops().attention_backward(rig.exec(), d_qkv, scratch,
                                         random_tensor(rig, out_shape, 2), qkv, out, stats, params);
            return Outputs{
                {"out", rig.read(out)}, {"stats", rig.read(stats)}, {"d_qkv", rig.read(d_qkv)}};
          }};
}

OpCase documents(int64_t B, int64_t T, AttentionShape heads, AttentionBackend backend) {
  return attention(B, T, heads, backend, 0, Documents::many);
}

/// Sequences of T tokens that begin behind 2^32 tokens of the run.
OpCase dropout(int64_t B, int64_t T, int64_t C, double rate, bool in_place) {
  const std::string name = fmt::format("dropout_B{}_T{}_C{}_{}_percent{}", B, T, C,
                                       std::lround(100 * rate), in_place ? "_in_place" : "");
  return {name, [=](OpRig& rig) {
            const Dropout params{.rate = rate,
                                 .seed = 0x0123456789abcdef,
                                 .first_sample = rig.tensor(DType::i64, {1}, Values{5e9}),
                                 .seq_len = T,
                                 .site = 11};
            const TensorView in = random_tensor(rig, {B * T, C}, 1);
            const TensorView out = in_place ? in : rig.fresh({B * T, C});
            rig.ops().dropout(rig.exec(), out, in, params);
            return Outputs{{"out", rig.read(out)}};
          }};
}

QkNormTensors qk_tensors(bool has_bias, const std::function<TensorView(uint64_t seed)>& tensor) {
  QkNormTensors result{.q_weight = tensor(1), .k_weight = tensor(2)};
  if (has_bias) result.q_bias = tensor(3);
  if (has_bias) result.k_bias = tensor(4);
  return result;
}

Outputs outputs_of(OpRig& rig, const QkNormTensors& tensors) {
  Outputs outputs{{"q_weight", rig.read(tensors.q_weight)},
                  {"k_weight", rig.read(tensors.k_weight)}};
  if (tensors.q_bias) outputs["q_bias"] = rig.read(tensors.q_bias);
  if (tensors.k_bias) outputs["k_bias"] = rig.read(tensors.k_bias);
  return outputs;
}

OpCase qk_norm(NormKind kind, int64_t B, int64_t T, AttentionShape heads) {
  const std::string name = fmt::format("qk_{}_B{}_T{}_H{}_G{}_D{}", row_of(kind).name, B, T,
                                       heads.n_head, heads.n_kv_head, heads.d_head);
  return {name, [=](OpRig& rig) {
            const NormParams params{kind, 1e-5};
            const int64_t n_normed = heads.n_head + heads.n_kv_head;
            const Extents shape{B, T, n_normed + heads.n_kv_head, heads.d_head};
            const Extents parameter{heads.d_head};
            const QkNormTensors weights = qk_tensors(row_of(kind).has_bias, [&](uint64_t seed) {
              return random_tensor(rig, parameter, seed, 0.5, 1.5);
            });
            const QkNormTensors d_weights = qk_tensors(row_of(kind).has_bias, [&](uint64_t seed) {
              return random_master(rig, parameter, 10 + seed);
            });
            const TensorView qkv = random_tensor(rig, shape, 5, -2, 3);
            const TensorView d_qkv = random_tensor(rig, shape, 6);
            const TensorView qk = rig.fresh({B * T, n_normed, heads.d_head});
            const TensorView stats =
                rig.fresh(rig.master_dtype(), {B * T, n_normed, row_of(kind).stats_width()});
            rig.ops().qk_norm_forward(rig.exec(), qkv, qk, stats, weights, heads, params);
            rig.ops().qk_norm_backward(rig.exec(), d_qkv, d_weights, qk, stats, weights, heads,
                                       params);
            Outputs outputs = outputs_of(rig, d_weights);
            outputs["qkv"] = rig.read(qkv);
            outputs["qk"] = rig.read(qk);
            outputs["stats"] = rig.read(stats);
            outputs["d_qkv"] = rig.read(d_qkv);
            return outputs;
          }};
}

OpCase activation(Activation kind, FfnType ffn, int64_t M, int64_t F) {
  const std::string name = fmt::format("{}_{}_M{}_F{}", row_of(kind).name,
                                       ffn == FfnType::gated ? "gated" : "standard", M, F);
  return {name, [=](OpRig& rig) {
            const Extents in_shape{M, ffn == FfnType::gated ? 2 * F : F};
            const TensorView in = random_tensor(rig, in_shape, 1, -5, 5);
            const TensorView out = rig.fresh({M, F}), d_in = rig.fresh(in_shape);
            rig.ops().activation_forward(rig.exec(), out, in, kind, ffn);
            rig.ops().activation_backward(rig.exec(), d_in, random_tensor(rig, {M, F}, 2), in, kind,
                                          ffn);
            return Outputs{{"out", rig.read(out)}, {"d_in", rig.read(d_in)}};
          }};
}

/// An FFN's first product with its activation, and the way back through the second.
OpCase linear_activation(Activation kind, int64_t M, int64_t F, int64_t C, bool has_bias) {
  const std::string name = fmt::format("{}_of_linear_M{}_F{}_C{}{}", row_of(kind).name, M, F, C,
                                       has_bias ? "_bias" : "");
  return {name, [=](OpRig& rig) {
            const TensorView x = random_tensor(rig, {M, C}, 1), w = random_tensor(rig, {F, C}, 2);
            const TensorView bias = has_bias ? random_tensor(rig, {F}, 3) : TensorView{};
            const TensorView in = rig.fresh({M, F}), out = rig.fresh({M, F});
            const TensorView d_in = rig.fresh({M, F});
            rig.ops().linear_activation_forward(rig.exec(), out, in, x, w, bias, kind);
            rig.ops().linear_activation_backward(rig.exec(), d_in, random_tensor(rig, {M, C}, 4),
                                                 random_tensor(rig, {C, F}, 5),
                                                 random_tensor(rig, {M, F}, 6, -3, 3), kind);
            return Outputs{{"in", rig.read(in)}, {"out", rig.read(out)}, {"d_in", rig.read(d_in)}};
          }};
}

/// z_loss other than 0: gradients are multiplied by a loss scale too. Rows of logits may have a gap
/// between them.
OpCase head_loss(int64_t M, int64_t C, int64_t V, int64_t chunk, double z_loss = 0,
                 int64_t gap = 0) {
  const std::string name = fmt::format("head_loss_M{}_C{}_V{}_chunk{}{}{}", M, C, V, chunk,
                                       z_loss > 0 ? "_z_loss" : "", gap > 0 ? "_gaps" : "");
  return {name, [=](OpRig& rig) {
            StepState state;
            state.loss_scale.scale = 64;
            const HeadLossParams params{.grad_scale = 0.125,
                                        .z_loss = z_loss,
                                        .state = z_loss > 0 ? rig.state(state) : nullptr};
            const TensorView loss = rig.filled(DType::f64, {2}, 1.5);
            const TensorView loss_alone = rig.filled(DType::f64, {2}, 0);
            const TensorView x = random_tensor(rig, {M, C}, 1), w = random_tensor(rig, {V, C}, 2);
            const TensorView targets =
                rig.tensor(DType::i32, {M}, random_integers(M, V, Ignored::every_seventh));
            const TensorView d_x = rig.fresh({M, C}), d_w = random_master(rig, {V, C}, 3);
            const TensorView logits = rig.fresh(rig.master_dtype(), {chunk, V + gap});
            rig.ops().head_loss(rig.exec(), loss_alone, {}, {}, logits, x, w, targets,
                                {.z_loss = z_loss});
            rig.ops().head_loss(rig.exec(), loss, d_x, d_w, logits, x, w, targets, params);
            const TensorView alone = rig.fresh(rig.master_dtype(), {V, C});
            HeadLossParams replacing = params;
            replacing.into_d_w = Accumulate::no;
            rig.ops().head_loss(rig.exec(), loss, d_x, alone, logits, x, w, targets, replacing);
            return Outputs{{"loss", rig.read(loss)},
                           {"d_w_alone", rig.read(alone)},
                           {"loss_alone", rig.read(loss_alone)},
                           {"d_x", rig.read(d_x)},
                           {"d_w", rig.read(d_w)}};
          }};
}

/// With `gap` elements between the rows, which stay as they are.
OpCase head_logits(int64_t M, int64_t C, int64_t V, int64_t gap = 0) {
  const std::string gap_text = gap > 0 ? fmt::format("_gap{}", gap) : "";
  return {fmt::format("head_logits_M{}_C{}_V{}{}", M, C, V, gap_text), [=](OpRig& rig) {
            const TensorView logits = rig.filled(rig.master_dtype(), {M, V + gap}, 7);
            rig.ops().head_logits(rig.exec(), logits, random_tensor(rig, {M, C}, 1),
                                  random_tensor(rig, {V, C}, 2));
            return Outputs{{"logits", rig.read(logits)}};
          }};
}

/// Two segments with NaN and infinities in the second, a hole between them, an empty one.
OpCase statistics(int64_t n) {
  return {fmt::format("statistics_n{}", n), [=](OpRig& rig) {
            Values values = random_values(n, 1, -2, 3);
            const auto hole = static_cast<std::size_t>(n / 3);
            values[hole] = 1e30;  // in no segment
            values[hole + 1] = std::numeric_limits<double>::quiet_NaN();
            values.back() = -std::numeric_limits<double>::infinity();
            const auto begin = static_cast<double>(hole + 1), size = static_cast<double>(n) - begin;
            const TensorView segments = rig.tensor(
                DType::i64, {3, 2}, Values{0, static_cast<double>(hole), begin, size, 0, 0});
            const TensorView sums = rig.fresh(DType::f64, {3, 3});
            const TensorView extremes = rig.fresh(DType::f64, {3, 2});
            rig.ops().segment_statistics(rig.exec(), sums, extremes,
                                         rig.tensor(rig.master_dtype(), {n}, values), segments);
            return Outputs{{"sums", rig.read(sums)}, {"extremes", rig.read(extremes)}};
          }};
}

/// Sums of n segments: the first two and the last are not 0.
OpCase clip(int64_t n, double max_norm, double nonfinite) {
  return {fmt::format("clip_{}_segments_at_{}_{}_nonfinite", n, max_norm, nonfinite),
          [=](OpRig& rig) {
            Values sums = {1, 7, nonfinite, 2, 4, nonfinite};
            sums.resize(static_cast<std::size_t>(3 * n));
            sums[sums.size() - 2] += 2;
            StepState before;
            before.n_update = 5;
            before.loss_scale.scale = 4;
            StepState* const state = rig.state(before);
            rig.ops().clip_by_global_norm(rig.exec(), state, rig.tensor(DType::f64, {n, 3}, sums),
                                          max_norm);
            const StepState after = rig.read_state(state);
            const StepState::Output& out = after.output;
            return Outputs{{"norm", {out.grad_norm}},
                           {"scale", {out.clip_scale}},
                           {"nonfinite", {out.nonfinite}},
                           {"skip", {static_cast<double>(out.skip)}},
                           {"n_update", {static_cast<double>(after.n_update)}}};
          }};
}

/// Three steps; a decayed segment of tensor 0, padding, a segment without decay of tensor 2. v
/// leaves out the padding, params and grads begin with elements of others. skip 1: the steps are
/// not made.
OpCase adamw(int64_t n, int64_t skip) {
  return {
      fmt::format("adamw_n{}{}", n, skip != 0 ? "_skipped" : ""), [=](OpRig& rig) {
        const AdamWParams params;
        const DType master = rig.master_dtype();
        const TensorView p = random_master(rig, {n + 4}, 1);
        const TensorView m = rig.filled(master, {n}, 0), v = rig.filled(master, {n - 2}, 0);
        const TensorView norms = rig.filled(DType::f64, {3, 2}, 0);
        const auto half = static_cast<double>(n / 2), end = static_cast<double>(n);
        const TensorView segments =
            rig.tensor(DType::i64, {2, kUpdateColumns},
                       Values{half, 1, 4, 1, 0, 0, 0,  // size, decayed, params, grads, m, v
                              end - half - 2, 0, half + 6, half + 3, half + 2, half, 2});
        for (int step = 1; step <= 3; ++step) {
          StepState state;
          state.input.lr = 0.01 * step;
          state.n_update = step;
          state.output.clip_scale = 0.5;
          state.output.skip = skip;
          rig.ops().adamw(rig.exec(), p, m, v,
                          random_master(rig, {n + 1}, static_cast<uint64_t>(10 + step)), segments,
                          norms, rig.state(state), params);
        }
        return Outputs{
            {"p", rig.read(p)}, {"m", rig.read(m)}, {"v", rig.read(v)}, {"norms", rig.read(norms)}};
      }};
}

/// The first update, after so many steps that were skipped.
OpCase first_adamw(int n_skipped) {
  return {fmt::format("adamw_first_after_{}_skipped", n_skipped), [=](OpRig& rig) {
            const DType master = rig.master_dtype();
            const TensorView p = rig.filled(master, {9}, 1), m = rig.filled(master, {9}, 0);
            const TensorView v = rig.filled(master, {9}, 0), grads = random_master(rig, {9}, 1);
            const TensorView norms = rig.filled(DType::f64, {1, 2}, 0);
            const TensorView segments =
                rig.tensor(DType::i64, {1, kUpdateColumns}, Values{9, 1, 0, 0, 0, 0, 0});
            StepState value;
            value.input.lr = 0.01;
            StepState* const state = rig.state(value);
            for (int step = 0; step <= n_skipped; ++step) {
              const double nonfinite = step < n_skipped ? 1 : 0;
              rig.ops().clip_by_global_norm(
                  rig.exec(), state, rig.tensor(DType::f64, {1, 3}, Values{0, 1, nonfinite}), 0);
              rig.ops().adamw(rig.exec(), p, m, v, grads, segments, norms, state, {});
            }
            return Outputs{{"p", rig.read(p)}, {"norms", rig.read(norms)}};
          }};
}

/// A skipped step, then as many that were not as the scale needs to grow, then one more.
OpCase loss_scale() {
  return {
      "loss_scale", [](OpRig& rig) {
        StepState value;
        value.loss_scale = {1024, 5};
        value.output.skip = 1;
        StepState* const skipped = rig.state(value);
        rig.ops().update_loss_scale(rig.exec(), skipped, {});
        value.loss_scale = {1024, 0};
        value.output.skip = 0;
        StepState* const applied = rig.state(value);
        for (int step = 0; step < 4; ++step)
          rig.ops().update_loss_scale(rig.exec(), applied, {.growth_interval = 3});
        Outputs outputs;
        for (const auto& [name, state] : {std::pair{"skipped", skipped}, {"applied", applied}}) {
          const StepState::LossScale after = rig.read_state(state).loss_scale;
          outputs[name] = {after.scale, static_cast<double>(after.good_steps)};
        }
        return outputs;
      }};
}

/// Two steps on a matrix. skip 1: the steps are not made.
OpCase muon_update(int64_t rows, int64_t cols, bool nesterov, int64_t skip = 0) {
  return {
      fmt::format("muon_{}x{}{}{}", rows, cols, nesterov ? "" : "_plain", skip ? "_skipped" : ""),
      [=](OpRig& rig) {
        Outputs outputs;
        const TensorView m = rig.filled(rig.master_dtype(), {rows, cols}, 0);
        for (uint64_t step = 1; step <= 2; ++step) {
          StepState state;
          state.output.clip_scale = 0.5;
          state.output.skip = skip;
          const TensorView update = rig.filled(rig.master_dtype(), {rows, cols}, 0);
          rig.ops().muon_update(rig.exec(), update, m, random_master(rig, {rows, cols}, 10 + step),
                                rig.state(state), {.nesterov = nesterov});
          outputs[fmt::format("update{}", step)] = rig.read(update);
        }
        outputs["m"] = rig.read(m);
        return outputs;
      }};
}

/// As muon_update, on several matrices at once.
OpCase muon_update_batch(int64_t count, int64_t rows, int64_t cols, int64_t skip = 0) {
  return {fmt::format("muon_{}_of_{}x{}{}", count, rows, cols, skip ? "_skipped" : ""),
          [=](OpRig& rig) {
            StepState state;
            state.output.clip_scale = 0.5;
            state.output.skip = skip;
            std::vector<MuonOperands> matrices;
            for (int64_t i = 0; i < count; ++i)
              matrices.push_back(
                  {.update = rig.filled(rig.master_dtype(), {rows, cols}, 0),
                   .momentum = random_master(rig, {rows, cols}, static_cast<uint64_t>(20 + i)),
                   .grad = random_master(rig, {rows, cols}, static_cast<uint64_t>(10 + i))});
            rig.ops().muon_update_batch(rig.exec(), matrices, rig.state(state), {});
            Outputs outputs;
            for (const MuonOperands& of : matrices) {
              outputs[fmt::format("update{}", outputs.size())] = rig.read(of.update);
              outputs[fmt::format("m{}", outputs.size())] = rig.read(of.momentum);
            }
            return outputs;
          }};
}

/// Two segments that lie apart, the first decayed; both add to the norms.
OpCase apply_updates(int64_t n, int64_t skip) {
  return {fmt::format("apply_updates_n{}{}", n, skip != 0 ? "_skipped" : ""), [=](OpRig& rig) {
            const TensorView p = random_master(rig, {n + 4}, 1);
            const TensorView norms = rig.filled(DType::f64, {3, 2}, 0.5);
            const auto half = static_cast<double>(n / 2), end = static_cast<double>(n);
            const TensorView segments =
                rig.tensor(DType::i64, {2, kUpdateColumns},
                           Values{half, 1, 4, 1, 0, 0, 0,  // size, decayed, params, grads
                                  end - half - 2, 0, half + 6, half + 3, 0, 0, 2});
            StepState state;
            state.input.lr = 0.1;
            state.output.clip_scale = 0.5;  // is in the updates already
            state.output.skip = skip;
            rig.ops().apply_updates(rig.exec(), p, random_master(rig, {n + 1}, 2), segments, norms,
                                    rig.state(state), 0.25);
            return Outputs{{"p", rig.read(p)}, {"norms", rig.read(norms)}};
          }};
}

/// From master type to bf16, from there to both types, and sums in both.
OpCase casts(int64_t n) {
  return {fmt::format("casts_n{}", n), [=](OpRig& rig) {
            const DType master = rig.master_dtype();
            const TensorView in = rig.tensor(master, {n}, random_values(n, 1, -100, 100));
            const TensorView copied = rig.fresh(master, {n}), used = rig.fresh({n});
            const TensorView narrow = rig.fresh(DType::bf16, {n}), wide = rig.fresh(master, {n});
            rig.ops().cast(rig.exec(), copied, in);
            rig.ops().cast(rig.exec(), narrow, in);
            rig.ops().cast(rig.exec(), used, narrow);
            rig.ops().cast(rig.exec(), wide, narrow);
            rig.ops().accumulate(rig.exec(), copied, wide);
            rig.ops().accumulate(rig.exec(), used, random_tensor(rig, {n}, 2, -100, 100));
            return Outputs{{"narrow", rig.read(narrow)},
                           {"wide", rig.read(wide)},
                           {"sum", rig.read(copied)},
                           {"used", rig.read(used)}};
          }};
}

void append(std::vector<OpCase>& cases, std::vector<OpCase> more) {
  std::move(more.begin(), more.end(), std::back_inserter(cases));
}

std::vector<OpCase> norm_cases() {
  std::vector<OpCase> cases;
  for (const NormRow& row : kNormRows)
    append(cases, {norm(row.value, 1, 8, false), norm(row.value, 7, 24, true),
                   norm(row.value, 130, 257, false), norm(row.value, 3, 2560, false)});
  return cases;
}

std::vector<OpCase> activation_cases() {
  std::vector<OpCase> cases;
  for (const ActivationRow& row : kActivationRows)
    for (const FfnRow& ffn : kFfnRows)
      append(cases,
             {activation(row.value, ffn.value, 1, 5), activation(row.value, ffn.value, 130, 257),
              activation(row.value, ffn.value, 2, 2304)});
  for (const ActivationRow& row : kActivationRows)
    append(cases, {linear_activation(row.value, 7, 24, 8, true)});
  append(cases, {linear_activation(Activation::gelu_tanh, 1, 5, 7, true),
                 linear_activation(Activation::gelu_tanh, 130, 64, 257, false)});
  return cases;
}

/// Heads of 8 n elements, which every backend takes.
std::vector<OpCase> attention_cases(AttentionBackend backend) {
  return {attention(1, 1, {1, 1, 8}, backend),    attention(2, 7, {4, 2, 24}, backend),
          attention(1, 64, {2, 2, 64}, backend),  attention(1, 65, {2, 1, 8}, backend),
          attention(2, 130, {2, 1, 24}, backend), attention(1, 200, {3, 1, 64}, backend),
          documents(1, 7, {2, 1, 8}, backend),    documents(2, 200, {4, 2, 24}, backend),
          documents(2, 130, {2, 2, 64}, backend)};
}

std::vector<OpCase> qk_norm_cases() {
  std::vector<OpCase> cases;
  for (const NormRow& row : kNormRows)
    append(cases, {qk_norm(row.value, 1, 1, {1, 1, 8}), qk_norm(row.value, 2, 65, {4, 2, 24}),
                   qk_norm(row.value, 1, 200, {3, 1, 64}), qk_norm(row.value, 1, 3, {2, 1, 10})});
  return cases;
}

}  // namespace

std::vector<OpCase> flash_attention_cases() {
  return attention_cases(AttentionBackend::flash_attn_2);
}

std::vector<OpCase> attention_option_cases() {
  std::vector<OpCase> cases;
  for (const AttentionBackend backend : {AttentionBackend::sdpa, AttentionBackend::manual})
    for (const double dropout : {0.0, 0.3})
      append(cases, {attention(1, 1, {1, 1, 8}, backend, dropout),
                     attention(2, 65, {2, 2, 24}, backend, dropout),
                     attention(1, 200, {4, 2, 64}, backend, dropout),
                     attention(2, 130, {3, 1, 10}, backend, dropout),
                     attention(1, 67, {2, 1, 8}, backend, dropout, Documents::many),
                     attention(2, 200, {4, 2, 24}, backend, dropout, Documents::many)});
  return cases;
}

std::vector<OpCase> muon_cases() {
  return {muon_update(1, 1, true),      muon_update(1, 37, true),      muon_update(37, 1, true),
          muon_update(48, 130, true),   muon_update(130, 48, false),   muon_update(300, 260, true),
          muon_update(7, 5, true, 1),   muon_update_batch(3, 48, 130), muon_update_batch(2, 37, 5),
          muon_update_batch(2, 7, 5, 1)};
}

std::vector<OpCase> all_op_cases() {
  std::vector<OpCase> cases = {embedding(1, 1, 8, 3, false),
                               embedding(3, 7, 24, 257, true),
                               embedding(2, 130, 96, 11, true),
                               linear(1, 1, 1, true),
                               linear(7, 24, 8, true),
                               linear(1, 257, 24, false),
                               linear(130, 65, 257, true),
                               linear(130, 512, 8, true),
                               linear(256, 192, 64, false),
                               head_loss(1, 8, 2, 1),
                               head_loss(29, 24, 257, 8),
                               head_loss(130, 64, 257, 130),
                               head_loss(64, 24, 1031, 100),
                               head_loss(29, 24, 257, 8, 1e-2),
                               head_loss(29, 24, 257, 8, 0, 127),
                               head_loss(64, 24, 1031, 100, 1e-4, 121),
                               head_loss(130, 64, 257, 130, 1e-4),
                               head_logits(1, 8, 2),
                               head_logits(29, 24, 257),
                               head_logits(29, 24, 257, 127),
                               head_logits(130, 64, 257),
                               statistics(64),
                               statistics(100003),
                               clip(2, 1, 0),
                               clip(2, 5, 0),
                               clip(300, 0, 0),
                               clip(300, 1, 2),
                               adamw(37, 0),
                               adamw(50001, 0),
                               adamw(37, 1),
                               first_adamw(0),
                               first_adamw(4),
                               loss_scale(),
                               apply_updates(37, 0),
                               apply_updates(50001, 0),
                               apply_updates(37, 1),
                               dropout(1, 1, 5, 0.5, false),
                               dropout(2, 7, 24, 0.1, true),
                               dropout(1, 65, 1030, 0.3, false),
                               dropout(2, 3, 6, 0, false),
                               attention(1, 33, {1, 1, 6}),
                               rope(2, 7, {4, 2, 24}, RopeDirection::forward),
                               rope(1, 1, {1, 1, 8}, RopeDirection::forward),
                               rope(2, 130, {3, 1, 64}, RopeDirection::backward),
                               casts(3),
                               casts(20011)};
  append(cases, norm_cases());
  append(cases, activation_cases());
  append(cases, qk_norm_cases());
  append(cases, attention_cases(AttentionBackend::sdpa));
  return cases;
}

}  // namespace isoflop
