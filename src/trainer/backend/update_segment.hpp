// SPDX-License-Identifier: MIT
#pragma once

#include "trainer/tensor/tensor_view.hpp"

#include <cstdint>

namespace isoflop {

/// A piece of one parameter tensor that an optimizer updates, as a row of a table in device memory.
/// Offsets are elements from the start of the buffer of that name: the pieces of a shard may be
/// packed in one buffer and lie among the other ranks' in another.
struct UpdateSegment {
  int64_t size = 0;
  int64_t decayed = 0;  ///< 1: weight decay applies
  int64_t params = 0;
  int64_t grads = 0;
  int64_t m = 0;
  int64_t v = 0;
  int64_t tensor = 0;  ///< its row of norms
};

inline constexpr int64_t kUpdateColumns = sizeof(UpdateSegment) / sizeof(int64_t);

/// The rows of a table (n, kUpdateColumns) i64.
inline const UpdateSegment* update_segments(const TensorView& table) {
  return static_cast<const UpdateSegment*>(table.data);
}

}  // namespace isoflop
