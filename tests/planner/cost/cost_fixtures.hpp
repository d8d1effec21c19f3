// SPDX-License-Identifier: MIT
#pragma once

#include "planner/cost/machine.hpp"
#include "support/published_shapes.hpp"

namespace isoflop::test {

/// A machine of round numbers on which nothing costs more than first principles say: 1 TFLOP/s for
/// every product, 1 TB/s of memory, links of 100 and 10 GB/s a device, eight devices a node.
inline Machine round_machine() {
  Machine machine;
  machine.product = {1e12, 0, 0};
  machine.wide = machine.product;
  machine.peak_flops = 1e12;
  machine.attention_forward_flops_per_s = 1e12;
  machine.attention_backward_flops_per_s = 1e12;
  machine.score_flops_per_s = 1e12;
  machine.memory_bytes_per_s = 1e18;
  machine.network = {
      .intra_node_bytes_per_s = 100e9, .inter_node_bytes_per_s = 80e9, .ranks_per_node = 8};
  machine.stack.overlaps_data_parallel = false;
  return machine;
}

/// Two blocks of 64 wide, four heads of 16, FFN of 256 with two matrices, untied.
inline ModelShape small_shape() {
  ModelShape shape;
  shape.n_layer = 2;
  shape.d_model = 64;
  shape.n_head = 4;
  shape.n_kv_head = 4;
  shape.d_head = 16;
  shape.d_ff = 256;
  shape.ffn = FfnType::standard;
  shape.vocab_size = 1000;
  shape.max_seq_len = 128;
  return shape;
}

}  // namespace isoflop::test
