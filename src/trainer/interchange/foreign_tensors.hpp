// SPDX-License-Identifier: MIT
#pragma once

#include "core/model/model_shape.hpp"
#include "trainer/interchange/foreign_family.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace isoflop {

/// A tensor of a transformers model: rows of one of ours.
struct ForeignTensor {
  std::string name;
  std::vector<int64_t> shape;
  std::optional<int64_t> tensor;  ///< ours (units in order, tensors in order); none: zeros
  int64_t offset = 0;             ///< of its first element in ours
  /// Its rows are columns of ours: GPT-2's Conv1D keeps (in, out), we and Linear (out, in).
  bool transposed = false;

  int64_t size() const;
};

/// All tensors of the family's model that is this shape, in forward order; `vocab_size` is that of
/// the tokenizer, at most the shape's, whose padding rows are left out. Queries, keys and values
/// are rows of one tensor of ours, as are gate and up. RoPE needs no permutation: both sides rotate
/// the pairs (i, i + d_head / 2).
std::vector<ForeignTensor> foreign_tensors(const ModelShape& shape, ForeignFamily family,
                                           int64_t vocab_size);

/// What names begin with in a causal language model and not in the bare model that some folders
/// hold: "transformer." or "model.".
std::string foreign_prefix(ForeignFamily family);

}  // namespace isoflop
