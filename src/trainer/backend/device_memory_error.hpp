// SPDX-License-Identifier: MIT
#pragma once

#include "core/base/error.hpp"
#include "trainer/backend/memory_category.hpp"

#include <cstdint>
#include <string>

namespace isoflop {

/// An allocation that a device has no room for, in bytes.
struct MemoryShortage {
  MemoryCategory category = MemoryCategory::state;
  int64_t asked = 0;
  int64_t free = 0;
  int64_t in_use = 0;  ///< by this rank
  std::string of;      ///< "of 80.0 GiB on the GPU"

  /// What the run may take in all.
  int64_t capacity() const { return in_use + free; }
};

/// A library, or the driver, found no device memory for what it keeps itself. The message names the
/// call; the rest is added as below.
struct LibraryMemoryError : OutOfMemoryError {
  using OutOfMemoryError::OutOfMemoryError;
};

/// Names category and bytes; who trains adds rank, host and remedies (trainer/out_of_memory.hpp).
struct DeviceMemoryError : OutOfMemoryError {
  explicit DeviceMemoryError(const MemoryShortage& what);
  MemoryShortage shortage;
};

}  // namespace isoflop
