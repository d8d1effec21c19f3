// SPDX-License-Identifier: MIT
#pragma once

#include "trainer/backend/device.hpp"
#include "trainer/model/transformer.hpp"

#include <algorithm>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

namespace isoflop {

/// first_keys[t] = where the document of token t of a sequence begins; it ends with the token
/// `end_of_document`, or with the sequence.
void find_documents(std::span<int32_t> first_keys, std::span<const int32_t> sequence,
                    int32_t end_of_document);

/// Brings micro batches to the device: pinned staging slots, two device batches, copies on the copy
/// stream. The host runs ahead of the device by the staging slots, then waits for the oldest copy,
/// unless it knows that one to be over.
class BatchLoader {
 public:
  /// Writes one micro batch, (B, T) each.
  using Fill = std::function<void(std::span<int32_t> inputs, std::span<int32_t> targets)>;
  /// Of batches whose first_sample is none.
  static constexpr int64_t kUnnumbered = -1;

  static constexpr int64_t kMinStaging = 4;

  /// `n_staging` of at least the micro batches of two steps lets a training loop, which waits for
  /// each step one step late, load without a wait. With `end_of_document`, a token, batches say
  /// where documents begin (Batch::first_keys).
  BatchLoader(Device& device, const StepShape& step, int64_t n_staging = kMinStaging,
              std::optional<int32_t> end_of_document = {});

  /// The micro batch that `fill` writes, ready on the compute stream; valid until the second next
  /// call. `first_sample` is the number in the run of its first sequence.
  Batch load(const Fill& fill, int64_t first_sample = kUnnumbered);
  /// Calls of load() so far.
  int64_t loads() const { return loads_; }
  /// The host has waited for work that follows the first `n` loads.
  void loads_are_over(int64_t n) { over_ = std::max(over_, n); }

 private:
  struct Staging {
    // (2 or 3, B, T) i32: inputs, targets, first keys if any; then first_sample (1) i64
    Buffer memory;
    Event copied;
  };
  struct Slot {
    Buffer memory;       // as Staging's
    Event compute_done;  // of the batch that used it last
  };
  Batch batch_in(const Slot& slot, bool numbered) const;
  int64_t token_bytes() const {
    return (end_of_document_ ? 3 : 2) * step_.rows() * size_of(DType::i32);
  }
  void release_previous();

  Device& device_;
  StepShape step_;
  std::optional<int32_t> end_of_document_;
  std::vector<Staging> staging_;
  std::vector<Slot> slots_;
  int64_t loads_ = 0;
  int64_t over_ = 0;
};

}  // namespace isoflop
