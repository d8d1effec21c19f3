// SPDX-License-Identifier: MIT
#include "emulation/address_space.hpp"

#include "emulation/reserved_range.hpp"

#include <fmt/format.h>

#include <new>
#include <utility>

namespace isoflop::emulation {
namespace {

int64_t round_up(int64_t value, int64_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

}  // namespace

AddressSpace::AddressSpace(std::string kind, int64_t alignment, int64_t size)
    : kind_(std::move(kind)),
      alignment_(alignment),
      size_(size),
      begin_(static_cast<char*>(reserve_range(size, RangeUse::none))),
      history_(size) {}

AddressSpace::~AddressSpace() { release_range(begin_, size_); }

Allocation& AddressSpace::allocate(int64_t bytes, int64_t alignment) {
  const int64_t offset = round_up(used_ + alignment_, alignment);
  if (offset + bytes > size_) throw std::bad_alloc();
  used_ = offset + bytes;
  Allocation& allocation = allocations_[begin_ + offset];
  allocation.number = static_cast<int64_t>(allocations_.size());
  allocation.begin = begin_ + offset;
  allocation.bytes = bytes;
  return allocation;
}

bool AddressSpace::contains(const void* address) const {
  const auto* const byte = static_cast<const char*>(address);
  return byte >= begin_ && byte < begin_ + size_;
}

Allocation* AddressSpace::last_at_or_before(const void* address) {
  const auto after = allocations_.upper_bound(static_cast<const char*>(address));
  return after == allocations_.begin() ? nullptr : &std::prev(after)->second;
}

Allocation* AddressSpace::find(const void* address) {
  Allocation* const allocation = last_at_or_before(address);
  return allocation != nullptr && address < allocation->end() ? allocation : nullptr;
}

std::string AddressSpace::describe(const void* address) {
  const Allocation* const allocation = last_at_or_before(address);
  if (allocation == nullptr) return fmt::format("memory before every {}", kind_);
  return fmt::format("{} {} ({} bytes) + {}", kind_, allocation->number, allocation->bytes,
                     static_cast<const char*>(address) - allocation->begin);
}

std::vector<const Allocation*> AddressSpace::not_given_back() const {
  std::vector<const Allocation*> list;
  for (const auto& [begin, allocation] : allocations_)
    if (!allocation.is_given_back) list.push_back(&allocation);
  return list;
}

}  // namespace isoflop::emulation
