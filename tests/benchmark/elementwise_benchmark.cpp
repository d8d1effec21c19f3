// SPDX-License-Identifier: MIT
// Everything of a block but products and attention, at the sizes of GPT-2 124M and 1024 tokens.
#include "bench_rig.hpp"
#include "core/model/architecture.hpp"

#include <fmt/format.h>

#include <array>

namespace isoflop {
namespace {

constexpr int64_t M = 1024, C = 768, F = 3072;
constexpr AttentionShape kHeads{12, 12, 64};
constexpr int64_t kQkvWidth = 3 * C;

/// Registers `name` in every type; `run` makes its tensors and measures.
void add_in_every_type(const std::string& name,
                       const std::function<void(benchmark::State&, BenchRig&)>& run) {
  for (const DType dtype : {DType::f32, DType::bf16, DType::f16})
    add_benchmark(fmt::format("{}/{}", name, to_string(dtype)), [=](benchmark::State& state) {
      BenchRig rig(dtype);
      run(state, rig);
    });
}

/// Bytes of so many tensors of the compute type with n elements.
int64_t bytes_of(const BenchRig& rig, int64_t tensors, int64_t n) {
  return tensors * n * size_of(rig.dtype());
}

struct NormOperands {
  NormOperands(BenchRig& rig, const NormRow& row)
      : residual(rig.tensor({M, C})),
        out(rig.tensor({M, C})),
        delta(rig.tensor({M, C})),
        weight(rig.tensor({C})),
        stats(rig.tensor(DType::f32, {M, row.stats_width()})),
        d_weight(rig.zeros(DType::f32, {C})) {
    if (!row.has_bias) return;
    bias = rig.tensor({C});
    d_bias = rig.zeros(DType::f32, {C});
  }
  TensorView residual, out, delta, weight, stats, d_weight, bias, d_bias;
};

void add_norms() {
  for (const NormRow& row : kNormRows) {
    add_in_every_type(fmt::format("norm_forward/{}", row.name), [=](auto& state, BenchRig& rig) {
      const NormOperands o(rig, row);
      rig.measure_elements(state, M * C, bytes_of(rig, 4, M * C), [&] {
        rig.ops().residual_norm_forward(rig.exec(), o.residual, o.out, o.stats, o.delta, o.delta,
                                        o.weight, o.bias, {row.value});
      });
    });
    add_in_every_type(fmt::format("norm_backward/{}", row.name), [=](auto& state, BenchRig& rig) {
      const NormOperands o(rig, row);
      rig.ops().residual_norm_forward(rig.exec(), o.residual, o.out, o.stats, o.delta, o.delta,
                                      o.weight, o.bias, {row.value});
      const TensorView d_residual = rig.zeros(rig.dtype(), {M, C});
      rig.measure_elements(state, M * C, bytes_of(rig, 4, M * C), [&] {
        rig.ops().norm_backward(rig.exec(), d_residual, o.d_weight, o.d_bias, o.out, o.residual,
                                o.stats, o.weight, {row.value});
      });
    });
  }
}

void add_activations() {
  for (const ActivationRow& row : kActivationRows) {
    for (const FfnRow& ffn : kFfnRows) {
      const int64_t width = ffn.in_parts * F;
      const std::string name = fmt::format("{}_{}", ffn.name, row.name);
      add_in_every_type("activation_forward/" + name, [=](auto& state, BenchRig& rig) {
        const TensorView in = rig.tensor({M, width}), out = rig.tensor({M, F});
        rig.measure_elements(state, M * F, bytes_of(rig, 1, M * (F + width)), [&] {
          rig.ops().activation_forward(rig.exec(), out, in, row.value, ffn.value);
        });
      });
      add_in_every_type("activation_backward/" + name, [=](auto& state, BenchRig& rig) {
        const TensorView in = rig.tensor({M, width}), d_in = rig.tensor({M, width});
        const TensorView d_out = rig.tensor({M, F});
        rig.measure_elements(state, M * F, bytes_of(rig, 1, M * (F + 2 * width)), [&] {
          rig.ops().activation_backward(rig.exec(), d_in, d_out, in, row.value, ffn.value);
        });
      });
    }
  }
}

void add_embedding() {
  const Extents table{50257, C}, positions{M, C};
  add_in_every_type("embedding_forward", [=](auto& state, BenchRig& rig) {
    const TensorView tokens = rig.indices({1, M}, 50257), out = rig.tensor({1, M, C});
    const TensorView wte = rig.tensor(table), wpe = rig.tensor(positions);
    rig.measure_elements(state, M * C, bytes_of(rig, 3, M * C),
                         [&] { rig.ops().embedding_forward(rig.exec(), out, tokens, wte, wpe); });
  });
  add_in_every_type("embedding_backward", [=](auto& state, BenchRig& rig) {
    const TensorView tokens = rig.indices({1, M}, 50257), d_out = rig.tensor({1, M, C});
    const TensorView wte = rig.zeros(DType::f32, table), wpe = rig.zeros(DType::f32, positions);
    rig.measure_elements(state, M * C, bytes_of(rig, 1, M * C) + 4 * 4 * M * C, [&] {
      rig.ops().embedding_backward(rig.exec(), wte, wpe, tokens, d_out);
    });
  });
}

void add_queries_and_keys() {
  add_in_every_type("rope", [](auto& state, BenchRig& rig) {
    const TensorView qkv = rig.tensor({1, M, kQkvWidth / 64, 64});
    rig.measure_elements(state, 2 * M * C, bytes_of(rig, 4, M * C), [&] {
      rig.ops().rope(rig.exec(), qkv, kHeads, 10000.0, RopeDirection::forward);
    });
  });
  add_in_every_type("qk_norm_forward", [](auto& state, BenchRig& rig) {
    const TensorView qkv = rig.tensor({1, M, kQkvWidth / 64, 64}), qk = rig.tensor({M, 24, 64});
    const TensorView stats = rig.tensor(DType::f32, {M, 24, 1});
    const QkNormTensors weights{.q_weight = rig.tensor({64}), .k_weight = rig.tensor({64})};
    rig.measure_elements(state, 2 * M * C, bytes_of(rig, 6, M * C), [&] {
      rig.ops().qk_norm_forward(rig.exec(), qkv, qk, stats, weights, kHeads, {});
    });
  });
  add_in_every_type("qk_norm_backward", [](auto& state, BenchRig& rig) {
    const TensorView d_qkv = rig.tensor({1, M, kQkvWidth / 64, 64}), qk = rig.tensor({M, 24, 64});
    const TensorView stats = rig.tensor(DType::f32, {M, 24, 1});
    const QkNormTensors weights{.q_weight = rig.tensor({64}), .k_weight = rig.tensor({64})};
    const QkNormTensors d_weights{.q_weight = rig.zeros(DType::f32, {64}),
                                  .k_weight = rig.zeros(DType::f32, {64})};
    rig.measure_elements(state, 2 * M * C, bytes_of(rig, 6, M * C), [&] {
      rig.ops().qk_norm_backward(rig.exec(), d_qkv, d_weights, qk, stats, weights, kHeads, {});
    });
  });
}

void add_plain() {
  add_in_every_type("dropout", [](auto& state, BenchRig& rig) {
    const TensorView x = rig.tensor({M, C}), first_sample = rig.zeros(DType::i64, {1});
    rig.measure_elements(state, M * C, bytes_of(rig, 2, M * C), [&] {
      rig.ops().dropout(rig.exec(), x, x, {0.1, 1, first_sample, M, 0});
    });
  });
  add_in_every_type("accumulate", [](auto& state, BenchRig& rig) {
    const TensorView out = rig.zeros(rig.dtype(), {M, F}), in = rig.tensor({M, F});
    rig.measure_elements(state, M * F, bytes_of(rig, 3, M * F),
                         [&] { rig.ops().accumulate(rig.exec(), out, in); });
  });
  add_in_every_type("cast_from_f32", [](auto& state, BenchRig& rig) {
    const TensorView out = rig.tensor({M, F}), in = rig.tensor(DType::f32, {M, F});
    rig.measure_elements(state, M * F, bytes_of(rig, 1, M * F) + 4 * M * F,
                         [&] { rig.ops().cast(rig.exec(), out, in); });
  });
}

}  // namespace

void add_elementwise_benchmarks() {
  add_norms();
  add_activations();
  add_embedding();
  add_queries_and_keys();
  add_plain();
}

}  // namespace isoflop
