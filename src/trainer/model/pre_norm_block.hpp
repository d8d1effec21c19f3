// SPDX-License-Identifier: MIT
#pragma once

#include "trainer/model/sublayers.hpp"

namespace isoflop {

/// Norms in front of the sub-layers (GPT-2, LLaMA):
///   x1 = x + delta      x2 = x1 + attention(norm1(x1))      delta' = ffn(norm2(x2))
/// The sum x2 + delta' is left to the next block's (or the head's) fused residual + norm.
class PreNormBlock final : public Block {
 public:
  PreNormBlock(const ModelShape& shape, Ops& ops, TensorParallel& hooks)
      : sublayers_(shape, ops, hooks) {}

  void forward(const Exec& exec, const BlockTensors& params, const BlockActivations& saved,
               const ResidualStream& in, TensorView delta,
               const LayerContext& context) const override;
  ResidualStream output(const BlockActivations& saved, TensorView delta) const override {
    return {saved.residual2, delta};
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
