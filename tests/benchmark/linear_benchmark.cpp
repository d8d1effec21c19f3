// SPDX-License-Identifier: MIT
#include "bench_rig.hpp"

#include <fmt/format.h>

namespace isoflop {
namespace {

/// A linear layer of GPT-2 124M.
struct Layer {
  const char* name;
  int64_t N, K;
};

constexpr Layer kLayers[] = {
    {"qkv", 2304, 768}, {"projection", 768, 768}, {"ffn_in", 3072, 768}, {"ffn_out", 768, 3072}};

/// The operands of a layer's three products on M tokens.
struct Operands {
  Operands(BenchRig& rig, int64_t M, const Layer& layer)
      : x(rig.tensor({M, layer.K})),
        w(rig.tensor({layer.N, layer.K})),
        bias(rig.tensor({layer.N})),
        out(rig.tensor({M, layer.N})),
        d_w(rig.tensor(DType::f32, {layer.N, layer.K})),
        d_bias(rig.tensor(DType::f32, {layer.N})) {}

  TensorView x, w, bias, out, d_w, d_bias;
};

enum class Product { forward, backward_input, backward_weight };

void enqueue(BenchRig& rig, Product product, const Operands& o) {
  if (product == Product::forward)
    rig.ops().linear_forward(rig.exec(), o.out, o.x, o.w, o.bias);
  else if (product == Product::backward_input)
    rig.ops().linear_backward_input(rig.exec(), o.x, o.out, o.w);
  else
    rig.ops().linear_backward_weight(rig.exec(), o.d_w, o.d_bias, o.out, o.x, Accumulate::yes);
}

void run(benchmark::State& state, DType dtype, Product product, int64_t M, const Layer& layer) {
  BenchRig rig(dtype);
  const Operands operands(rig, M, layer);
  rig.measure(state, 2.0 * static_cast<double>(M * layer.N * layer.K),
              [&] { enqueue(rig, product, operands); });
}

}  // namespace

void add_linear_benchmarks() {
  for (const DType dtype : {DType::f32, DType::bf16, DType::f16})
    for (const auto& [name, product] : {std::pair{"forward", Product::forward},
                                        {"backward_input", Product::backward_input},
                                        {"backward_weight", Product::backward_weight}})
      for (const Layer& layer : kLayers)
        for (const int64_t M : {256, 1024, 4096})
          add_benchmark(fmt::format("linear_{}/{}/{}/M:{}", name, to_string(dtype), layer.name, M),
                        [=](benchmark::State& state) { run(state, dtype, product, M, layer); });
}

}  // namespace isoflop
