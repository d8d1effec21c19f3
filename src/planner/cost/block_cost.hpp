// SPDX-License-Identifier: MIT
#pragma once

#include "core/model/model_shape.hpp"
#include "planner/cost/machine.hpp"
#include "planner/cost/parallel_layout.hpp"

#include <cstdint>

namespace isoflop {

/// Seconds of one part of a block, forward and backward.
struct PassSeconds {
  double forward = 0;
  double backward = 0;
};

/// One block of a stage on one device and micro batch, the average over dense and expert blocks.
struct BlockCost {
  PassSeconds products;       ///< all matrix products but those of scores
  double last_product_s = 0;  ///< of products.forward: the FFN's second
  PassSeconds attention;
  PassSeconds elementwise;
  PassSeconds communication;  ///< tensor, context and expert groups; nothing hides it
  PassSeconds host;           ///< to start the kernels

  double forward_s() const { return products.forward + attention.forward + elementwise.forward; }
  double backward_s() const {
    return products.backward + attention.backward + elementwise.backward;
  }
};

BlockCost block_cost(const ModelShape& shape, const ParallelLayout& layout, int64_t seq_len,
                     const Machine& machine);

/// Output projection and loss of one micro batch.
PassSeconds head_cost(const ModelShape& shape, const ParallelLayout& layout, int64_t seq_len,
                      const Machine& machine);

}  // namespace isoflop
