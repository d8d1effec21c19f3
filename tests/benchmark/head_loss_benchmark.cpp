// SPDX-License-Identifier: MIT
#include "bench_rig.hpp"

#include <fmt/format.h>

namespace isoflop {
namespace {

constexpr int64_t kTokens = 1024;
constexpr int64_t kVocab = 50257, kModel = 768;  // GPT-2 124M

/// Forward and backward: three products.
void run(benchmark::State& state, DType dtype, int64_t chunk) {
  BenchRig rig(dtype);
  const TensorView x = rig.tensor({kTokens, kModel}), d_x = rig.tensor({kTokens, kModel});
  const TensorView w = rig.tensor({kVocab, kModel});
  const TensorView d_w = rig.tensor(DType::f32, {kVocab, kModel});
  const TensorView logits = rig.tensor(DType::f32, {chunk, kVocab});
  const TensorView targets = rig.indices({kTokens}, kVocab);
  const TensorView losses = rig.zeros(DType::f64, {2});
  rig.measure(state, 6.0 * static_cast<double>(kTokens * kVocab * kModel), [&] {
    rig.ops().head_loss(rig.exec(), losses, d_x, d_w, logits, x, w, targets,
                        {.grad_scale = 1.0 / kTokens});
  });
}

}  // namespace

void add_head_loss_benchmarks() {
  for (const DType dtype : {DType::f32, DType::bf16, DType::f16})
    for (const int64_t chunk : {128, 256, 512, 1024})
      add_benchmark(fmt::format("head_loss/{}/chunk:{}", to_string(dtype), chunk),
                    [=](benchmark::State& state) { run(state, dtype, chunk); });
}

}  // namespace isoflop
