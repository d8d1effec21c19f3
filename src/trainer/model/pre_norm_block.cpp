// SPDX-License-Identifier: MIT
#include "trainer/model/pre_norm_block.hpp"

namespace isoflop {

void PreNormBlock::forward(const Exec& exec, const BlockTensors& params,
                           const BlockActivations& saved, const ResidualStream& in,
                           TensorView delta, const LayerContext& context) const {
  sublayers_.norm(exec, saved.residual1, saved.norm1, saved.norm1_stats, in.residual, in.delta,
                  params.norm1_weight, params.norm1_bias);
  sublayers_.attention_forward(exec, params, saved, saved.norm1, delta, context);
  sublayers_.norm(exec, saved.residual2, saved.norm2, saved.norm2_stats, saved.residual1, delta,
                  params.norm2_weight, params.norm2_bias);
  sublayers_.ffn_hidden(exec, params, saved, saved.norm2, context);
  sublayers_.ffn_out(exec, params, saved, delta, context);
}

void PreNormBlock::recompute(const Exec& exec, BlockParts parts, const BlockTensors& params,
                             const BlockActivations& saved, TensorView scratch,
                             const LayerContext& context) const {
  if (parts.has(BlockPart::rest)) return recompute_all(exec, params, saved, scratch, context);
  if (parts.has(BlockPart::norms)) {
    sublayers_.norm_again(exec, saved.residual1, saved.norm1, saved.norm1_stats,
                          params.norm1_weight, params.norm1_bias);
    sublayers_.norm_again(exec, saved.residual2, saved.norm2, saved.norm2_stats,
                          params.norm2_weight, params.norm2_bias);
  }
  sublayers_.recompute(exec, parts, saved, context);
}

/// The forward pass from saved.residual1 on, without its last product: nothing saved depends on it.
void PreNormBlock::recompute_all(const Exec& exec, const BlockTensors& params,
                                 const BlockActivations& saved, TensorView scratch,
                                 const LayerContext& context) const {
  sublayers_.norm_again(exec, saved.residual1, saved.norm1, saved.norm1_stats, params.norm1_weight,
                        params.norm1_bias);
  sublayers_.attention_forward(exec, params, saved, saved.norm1, scratch, context);
  sublayers_.norm(exec, saved.residual2, saved.norm2, saved.norm2_stats, saved.residual1, scratch,
                  params.norm2_weight, params.norm2_bias);
  sublayers_.ffn_hidden(exec, params, saved, saved.norm2, context);
}

void PreNormBlock::backward(const Exec& exec, const BlockTensors& params, const BlockTensors& grads,
                            const BlockActivations& saved, TensorView d_stream,
                            const LayerContext& context) const {
  const Arena::Scope scope(exec.arena);
  const TensorView d_norm = sublayers_.temporary(exec, saved.norm2, sublayers_.d_model());
  sublayers_.ffn_backward(exec, params, grads, saved, saved.norm2, d_norm, d_stream, context);
  sublayers_.norm_backward(exec, d_stream, grads.norm2_weight, grads.norm2_bias, d_norm,
                           saved.residual2, saved.norm2_stats, params.norm2_weight);
  sublayers_.attention_backward(exec, params, grads, saved, saved.norm1, d_norm, d_stream, context);
  sublayers_.norm_backward(exec, d_stream, grads.norm1_weight, grads.norm1_bias, d_norm,
                           saved.residual1, saved.norm1_stats, params.norm1_weight);
}

}  // namespace isoflop
