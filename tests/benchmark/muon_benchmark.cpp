// SPDX-License-Identifier: MIT
#include "bench_rig.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace isoflop {
namespace {

/// Of five iterations without use of symmetry: two products with the matrix, one of Gram matrices.
double flops(int64_t rows, int64_t cols) {
  const auto small = static_cast<double>(std::min(rows, cols));
  const auto large = static_cast<double>(std::max(rows, cols));
  return 5 * (4 * small * small * large + 2 * small * small * small);
}

void run(benchmark::State& state, int64_t rows, int64_t cols) {
  BenchRig rig(DType::f32);
  const TensorView update = rig.tensor({rows, cols}), grad = rig.tensor({rows, cols});
  const TensorView momentum = rig.zeros(DType::f32, {rows, cols});
  StepState step;
  rig.measure(state, flops(rows, cols),
              [&] { rig.ops().muon_update(rig.exec(), update, momentum, grad, &step, {}); });
}

}  // namespace

/// The matrices of GPT-2 124M: a block has four of the first and one of each other.
void add_muon_benchmarks() {
  for (const auto& [rows, cols] : {std::pair{768, 768}, {3072, 768}, {768, 3072}})
    add_benchmark(fmt::format("muon/{}x{}", rows, cols),
                  [=](benchmark::State& state) { run(state, rows, cols); });
}

}  // namespace isoflop
