// SPDX-License-Identifier: MIT
#pragma once

#include "core/model/model_shape.hpp"
#include "trainer/model/block.hpp"

namespace isoflop {

/// Numbers the places of a model where elements are dropped: 1 the embedding, 2 + 3 l to 4 + 3 l
/// the probabilities, attention output and FFN output of layer l. 0 is no place: those are the
/// words that initial weights are drawn from.
class ModelDropout {
 public:
  ModelDropout(const ModelShape& shape, int64_t seq_len, uint64_t seed)
      : rate_(shape.dropout), seed_(seed), seq_len_(seq_len) {}

  /// first_sample as Batch's: none turns everything off.
  Dropout embedding(TensorView first_sample) const { return at_site(1, first_sample); }
  LayerDropout layer(int64_t layer, TensorView first_sample) const;

 private:
  Dropout at_site(int64_t site, TensorView first_sample) const;

  double rate_;
  uint64_t seed_;
  int64_t seq_len_;
};

}  // namespace isoflop
