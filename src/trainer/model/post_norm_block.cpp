// SPDX-License-Identifier: MIT
#include "trainer/model/post_norm_block.hpp"

namespace isoflop {

void PostNormBlock::forward(const Exec& exec, const BlockTensors& params,
                            const BlockActivations& saved, const ResidualStream&, TensorView delta,
                            const LayerContext& context) const {
  recompute_all(exec, params, saved, delta, context);
}

void PostNormBlock::recompute(const Exec& exec, BlockParts parts, const BlockTensors& params,
                              const BlockActivations& saved, TensorView scratch,
                              const LayerContext& context) const {
  if (parts.has(BlockPart::rest)) return recompute_all(exec, params, saved, scratch, context);
  if (parts.has(BlockPart::norms))
    sublayers_.norm_again(exec, saved.residual1, saved.norm1, saved.norm1_stats,
                          params.norm1_weight, params.norm1_bias);
  sublayers_.recompute(exec, parts, saved, context);
}

/// The whole forward pass, from saved.input; the output, which the next block keeps, comes out as
/// it was.
void PostNormBlock::recompute_all(const Exec& exec, const BlockTensors& params,
                                  const BlockActivations& saved, TensorView scratch,
                                  const LayerContext& context) const {
  sublayers_.attention_forward(exec, params, saved, saved.input, scratch, context);
  sublayers_.norm(exec, saved.residual1, saved.norm1, saved.norm1_stats, saved.input, scratch,
                  params.norm1_weight, params.norm1_bias);
  sublayers_.ffn_hidden(exec, params, saved, saved.norm1, context);
  sublayers_.ffn_out(exec, params, saved, scratch, context);
  sublayers_.norm(exec, saved.residual2, saved.norm2, saved.norm2_stats, saved.norm1, scratch,
                  params.norm2_weight, params.norm2_bias);
}

void PostNormBlock::backward(const Exec& exec, const BlockTensors& params,
                             const BlockTensors& grads, const BlockActivations& saved,
                             TensorView d_stream, const LayerContext& context) const {
  const Arena::Scope scope(exec.arena);
  const TensorView d_sum = sublayers_.temporary(exec, saved.norm1, sublayers_.d_model());
  exec.device.zero(d_sum.data, d_sum.bytes(), exec.stream);
  sublayers_.norm_backward(exec, d_sum, grads.norm2_weight, grads.norm2_bias, d_stream,
                           saved.residual2, saved.norm2_stats, params.norm2_weight);
  sublayers_.ffn_backward(exec, params, grads, saved, saved.norm1, d_stream, d_sum, context);
  sublayers_.ops().accumulate(exec, d_stream, d_sum);
  exec.device.zero(d_sum.data, d_sum.bytes(), exec.stream);
  sublayers_.norm_backward(exec, d_sum, grads.norm1_weight, grads.norm1_bias, d_stream,
                           saved.residual1, saved.norm1_stats, params.norm1_weight);
  sublayers_.attention_backward(exec, params, grads, saved, saved.input, d_stream, d_sum, context);
  sublayers_.ops().accumulate(exec, d_stream, d_sum);
}

}  // namespace isoflop
