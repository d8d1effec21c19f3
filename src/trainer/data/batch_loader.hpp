// SPDX-License-Identifier: MIT
#pragma once

#include "trainer/backend/device.hpp"
#include "trainer/model/transformer.hpp"

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

namespace isoflop {

/// Brings micro batches to the device: a few pinned staging slots, two device batches, copies on
/// the copy stream. The host runs ahead of the device by the staging slots, then waits for the
/// oldest copy.
class BatchLoader {
 public:
  /// Writes one micro batch, (B, T) each.
  using Fill = std::function<void(std::span<int32_t> inputs, std::span<int32_t> targets)>;

  BatchLoader(Device& device, const StepShape& step);

  /// The micro batch that `fill` writes, ready on the compute stream; valid until the second next
  /// call.
  Batch load(const Fill& fill);

 private:
  struct Staging {
    Buffer memory;  // (2, B, T) i32: inputs, then targets
    Event copied;
  };
  struct Slot {
    Buffer memory;       // as Staging's
    Event compute_done;  // of the batch that used it last
  };
  Batch batch_in(const Slot& slot) const;
  void release_previous();

  Device& device_;
  StepShape step_;
  std::vector<Staging> staging_;
  std::vector<Slot> slots_;
  int64_t loads_ = 0;
};

}  // namespace isoflop
