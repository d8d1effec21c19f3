// SPDX-License-Identifier: MIT
#include "bench_rig.hpp"
#include "core/model/architecture.hpp"

#include <fmt/format.h>

namespace isoflop {
namespace {

/// Attention of GPT-2 124M over 4,096 tokens in sequences of T.
struct Attention {
  AttentionBackend backend;
  DType dtype;
  int64_t T;
  double dropout;

  static constexpr int64_t kTokens = 4096, kHeads = 12, kHeadWidth = 64;
  int64_t B() const { return kTokens / T; }
  /// Of one product of T x T scores' visible half with keys or values.
  double product_flops() const {
    return static_cast<double>(B() * kHeads * kHeadWidth) * static_cast<double>(T * (T + 1));
  }
  std::string name() const {
    return fmt::format("{}/{}/T:{}{}", row_of(backend).name, to_string(dtype), T,
                       dropout > 0 ? "/dropout" : "");
  }
};

struct Operands {
  Operands(BenchRig& rig, const Attention& a)
      : params{{a.kHeads, a.kHeads, a.kHeadWidth},
               a.backend,
               {a.dropout, 1, rig.zeros(DType::i64, {1}), a.T, 1}},
        qkv(rig.tensor({a.B(), a.T, 3 * a.kHeads, a.kHeadWidth})),
        out(rig.tensor({a.B(), a.T, a.kHeads, a.kHeadWidth})),
        d_out(rig.tensor(out.shape)),
        d_qkv(rig.tensor(qkv.shape)),
        stats(a.backend == AttentionBackend::manual
                  ? rig.zeros(rig.dtype(), {a.B(), a.kHeads, a.T, a.T})
                  : rig.zeros(DType::f32, {a.B(), a.kHeads, a.T})),
        scratch(rig.zeros(stats.dtype, stats.shape)) {}

  AttentionParams params;
  TensorView qkv, out, d_out, d_qkv, stats, scratch;
};

void forward(BenchRig& rig, const Operands& o) {
  rig.ops().attention_forward(rig.exec(), o.out, o.stats, o.qkv, o.params);
}

void backward(BenchRig& rig, const Operands& o) {
  rig.ops().attention_backward(rig.exec(), o.d_qkv, o.scratch, o.d_out, o.qkv, o.out, o.stats,
                               o.params);
}

void run_forward(benchmark::State& state, const Attention& attention) {
  BenchRig rig(attention.dtype);
  const Operands operands(rig, attention);
  rig.measure(state, 2 * attention.product_flops(), [&] { forward(rig, operands); });
}

void run_backward(benchmark::State& state, const Attention& attention) {
  BenchRig rig(attention.dtype);
  const Operands operands(rig, attention);
  forward(rig, operands);
  rig.measure(state, 5 * attention.product_flops(), [&] { backward(rig, operands); });
}

/// `held`: what forward keeps for backward beside qkv and out; `taken`: what backward takes for
/// itself.
void run_both(benchmark::State& state, const Attention& attention) {
  constexpr double kMiB = 1 << 20;
  BenchRig rig(attention.dtype);
  const Operands operands(rig, attention);
  rig.measure(state, 7 * attention.product_flops(), [&] {
    forward(rig, operands);
    backward(rig, operands);
  });
  state.counters["held_MiB"] = static_cast<double>(operands.stats.bytes()) / kMiB;
  state.counters["taken_MiB"] =
      static_cast<double>(operands.scratch.bytes() + rig.exec().arena.peak()) / kMiB;
}

}  // namespace

void add_attention_benchmarks() {
  const auto add = [](const char* what, const auto& run, const Attention& attention) {
    add_benchmark(fmt::format("attention_{}/{}", what, attention.name()),
                  [=](benchmark::State& state) { run(state, attention); });
  };
  for (const DType dtype : {DType::f32, DType::bf16, DType::f16}) {
    for (const int64_t T : {256, 1024}) {
      for (const double dropout : {0.0, 0.1}) {
        add("forward", run_forward, {AttentionBackend::sdpa, dtype, T, dropout});
        add("backward", run_backward, {AttentionBackend::sdpa, dtype, T, dropout});
      }
    }
    for (const int64_t T : {256, 512, 1024, 2048, 4096})
      for (const AttentionBackend backend : {AttentionBackend::sdpa, AttentionBackend::manual})
        add("both", run_both, {backend, dtype, T, 0});
  }
}

}  // namespace isoflop
