// SPDX-License-Identifier: MIT
#pragma once

#include "trainer/model/sublayers.hpp"

namespace isoflop {

/// Norms behind the residual sums (Vaswani et al., arXiv:1706.03762, section 3.1):
///   y = norm1(x + attention(x))      x' = norm2(y + ffn(y))
/// saved.norm1 is y; saved.norm2, the block's output, is where the next block's input (or the
/// head's) lies. Nothing is left in delta.
class PostNormBlock final : public Block {
 public:
  PostNormBlock(const ModelShape& shape, Ops& ops, TensorParallel& hooks)
      : sublayers_(shape, ops, hooks) {}

  void forward(const Exec& exec, const BlockTensors& params, const BlockActivations& saved,
               const ResidualStream& in, TensorView delta,
               const LayerContext& context) const override;
  ResidualStream output(const BlockActivations& saved, TensorView /*delta*/) const override {
    return {saved.norm2, TensorView()};
  }
  void recompute(const Exec& exec, BlockParts parts, const BlockTensors& params,
                 const BlockActivations& saved, TensorView scratch,
                 const LayerContext& context) const override;
  void backward(const Exec& exec, const BlockTensors& params, const BlockTensors& grads,
                const BlockActivations& saved, TensorView d_stream,
                const LayerContext& context) const override;

 private:
  void recompute_all(const Exec& exec, const BlockTensors& params, const BlockActivations& saved,
                     TensorView scratch, const LayerContext& context) const;

  Sublayers sublayers_;
};

}  // namespace isoflop
