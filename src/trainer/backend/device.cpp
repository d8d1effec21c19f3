// SPDX-License-Identifier: MIT
#include "trainer/backend/device.hpp"

#include "core/base/error.hpp"
#include "core/base/format.hpp"
#include "trainer/backend/device_memory_error.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>

namespace isoflop {

DeviceMemoryError::DeviceMemoryError(const MemoryShortage& what)
    : OutOfMemoryError(
          fmt::format("out of memory: {} for {} with {} free {}, {} in use by this rank",
                      format_bytes(what.asked), to_string(what.category), format_bytes(what.free),
                      what.of, format_bytes(what.in_use))),
      shortage(what) {}

Buffer::Buffer(Buffer&& other) noexcept
    : device_(std::exchange(other.device_, nullptr)),
      data_(std::exchange(other.data_, nullptr)),
      bytes_(std::exchange(other.bytes_, 0)),
      category_(other.category_),
      pinned_(other.pinned_) {}

Buffer& Buffer::operator=(Buffer&& other) noexcept {
  std::swap(device_, other.device_);
  std::swap(data_, other.data_);
  std::swap(bytes_, other.bytes_);
  std::swap(category_, other.category_);
  std::swap(pinned_, other.pinned_);
  return *this;
}

Buffer::~Buffer() {
  if (device_ != nullptr) device_->free(*this);
}

TensorView Buffer::view(DType dtype, Extents shape) const {
  const TensorView result{data_, dtype, shape};
  ISOFLOP_CHECK(result.bytes() <= bytes_);
  return result;
}

Arena::Arena(Device& device, int64_t bytes, MemoryCategory category)
    : buffer_(device.allocate(bytes, category)) {}

TensorView Arena::allocate(DType dtype, Extents shape) {
  TensorView result{nullptr, dtype, shape};
  const int64_t bytes = aligned_bytes(result.bytes());
  if (bytes > buffer_.bytes() - used_) {
    throw OutOfMemoryError(fmt::format(
        "arena of {}: {} asked with {} of {} in use (planned too small: a defect of the memory "
        "plan); lower layout.micro_batch_size and report the configuration",
        to_string(buffer_.category()), format_bytes(bytes), format_bytes(used_),
        format_bytes(buffer_.bytes())));
  }
  result.data = static_cast<std::byte*>(buffer_.data()) + used_;
  used_ += bytes;
  peak_ = std::max(peak_, used_);
  return result;
}

}  // namespace isoflop
