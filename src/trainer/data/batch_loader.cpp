// SPDX-License-Identifier: MIT
#include "trainer/data/batch_loader.hpp"

#include <cstddef>
#include <cstring>

namespace isoflop {
namespace {

constexpr int64_t kDeviceBatches = 2;

}  // namespace

BatchLoader::BatchLoader(Device& device, const StepShape& step, int64_t n_staging)
    : device_(device), step_(step) {
  const int64_t bytes = aligned_bytes(token_bytes() + size_of(DType::i64));
  for (int64_t i = 0; i < std::max(n_staging, kMinStaging); ++i)
    staging_.push_back({device.allocate_pinned(bytes), Event()});
  for (int64_t i = 0; i < kDeviceBatches; ++i)
    slots_.push_back({device.allocate(bytes, MemoryCategory::batch), Event()});
}

Batch BatchLoader::load(const Fill& fill, int64_t first_sample) {
  release_previous();
  const auto n_staging = std::ssize(staging_);
  Staging& staging = staging_[static_cast<std::size_t>(loads_ % n_staging)];
  Slot& slot = slots_[static_cast<std::size_t>(loads_ % kDeviceBatches)];
  if (loads_ - n_staging >= over_) device_.synchronize(staging.copied);
  ++loads_;
  const auto rows = static_cast<std::size_t>(step_.rows());
  auto* const tokens = static_cast<int32_t*>(staging.memory.data());
  fill({tokens, rows}, {tokens + rows, rows});
  std::memcpy(tokens + 2 * rows, &first_sample, sizeof(first_sample));
  const Stream copy = device_.copy_stream();
  device_.wait(copy, slot.compute_done);
  device_.copy(slot.memory.data(), staging.memory.data(), staging.memory.bytes(), copy);
  staging.copied = device_.record(copy);
  device_.wait(device_.compute_stream(), staging.copied);
  return batch_in(slot, first_sample != kUnnumbered);
}

/// The batch handed out before is used by work that is enqueued by now.
void BatchLoader::release_previous() {
  if (loads_ == 0) return;
  slots_[static_cast<std::size_t>((loads_ - 1) % kDeviceBatches)].compute_done =
      device_.record(device_.compute_stream());
}

Batch BatchLoader::batch_in(const Slot& slot, bool numbered) const {
  const TensorView both(slot.memory.data(), DType::i32, {2 * step_.rows()});
  const TensorView first_sample(static_cast<std::byte*>(slot.memory.data()) + token_bytes(),
                                DType::i64, {1});
  return {both.flat_slice(0, {step_.batch_size, step_.seq_len}),
          both.flat_slice(step_.rows(), {step_.rows()}), numbered ? first_sample : TensorView()};
}

}  // namespace isoflop
