// SPDX-License-Identifier: MIT
#include "trainer/data/batch_loader.hpp"

#include <cstddef>
#include <cstring>

namespace isoflop {
namespace {

constexpr int64_t kDeviceBatches = 2;

}  // namespace

void find_documents(std::span<int32_t> first_keys, std::span<const int32_t> sequence,
                    int32_t end_of_document) {
  int32_t begin = 0;
  for (std::size_t t = 0; t < sequence.size(); ++t) {
    first_keys[t] = begin;
    if (sequence[t] == end_of_document) begin = static_cast<int32_t>(t) + 1;
  }
}

BatchLoader::BatchLoader(Device& device, const StepShape& step, int64_t n_staging,
                         std::optional<int32_t> end_of_document)
    : device_(device), step_(step), end_of_document_(end_of_document) {
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
  if (end_of_document_)
    for (std::size_t row = 0, T = static_cast<std::size_t>(step_.seq_len); row < rows; row += T)
      find_documents({tokens + 2 * rows + row, T}, {tokens + row, T}, *end_of_document_);
  std::memcpy(static_cast<std::byte*>(staging.memory.data()) + token_bytes(), &first_sample,
              sizeof(first_sample));
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
  const int64_t rows = step_.rows();
  const Extents by_sequence{step_.batch_size, step_.seq_len};
  const TensorView all(slot.memory.data(), DType::i32, {(end_of_document_ ? 3 : 2) * rows});
  const TensorView first_sample(static_cast<std::byte*>(slot.memory.data()) + token_bytes(),
                                DType::i64, {1});
  return {.inputs = all.flat_slice(0, by_sequence),
          .targets = all.flat_slice(rows, {rows}),
          .first_sample = numbered ? first_sample : TensorView(),
          .first_keys = end_of_document_ ? all.flat_slice(2 * rows, by_sequence) : TensorView()};
}

}  // namespace isoflop
