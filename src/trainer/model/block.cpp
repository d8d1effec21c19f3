// SPDX-License-Identifier: MIT
#include "trainer/model/block.hpp"

#include "trainer/model/post_norm_block.hpp"
#include "trainer/model/pre_norm_block.hpp"

namespace isoflop {

BlockTensors block_tensors(const ModelShape& shape, const UnitLease& lease) {
  int64_t next = 0;
  const auto take = [&](bool present) { return present ? lease[next++] : TensorView(); };
  BlockTensors tensors;
  tensors.norm1_weight = take(true);
  tensors.norm1_bias = take(shape.norm_has_bias());
  tensors.qkv_weight = take(true);
  tensors.qkv_bias = take(shape.qkv_bias);
  tensors.qk_norm.q_weight = take(shape.qk_norm);
  tensors.qk_norm.q_bias = take(shape.qk_norm && shape.norm_has_bias());
  tensors.qk_norm.k_weight = take(shape.qk_norm);
  tensors.qk_norm.k_bias = take(shape.qk_norm && shape.norm_has_bias());
  tensors.out_weight = take(true);
  tensors.out_bias = take(shape.attention_out_bias);
  tensors.norm2_weight = take(true);
  tensors.norm2_bias = take(shape.norm_has_bias());
  tensors.ffn_in_weight = take(true);
  tensors.ffn_in_bias = take(shape.ffn_bias);
  tensors.ffn_out_weight = take(true);
  tensors.ffn_out_bias = take(shape.ffn_bias);
  ISOFLOP_CHECK(next == lease.size());
  tensors.accumulate_matrices = lease.accumulate_matrices();
  return tensors;
}

std::unique_ptr<Block> make_block(const ModelShape& shape, Ops& ops, TensorParallel& hooks) {
  if (shape.norm_position == NormPosition::pre)
    return std::make_unique<PreNormBlock>(shape, ops, hooks);
  return std::make_unique<PostNormBlock>(shape, ops, hooks);
}

}  // namespace isoflop
