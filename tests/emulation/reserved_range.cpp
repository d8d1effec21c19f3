// SPDX-License-Identifier: MIT
#include "emulation/reserved_range.hpp"

#include <cerrno>
#include <cstddef>
#include <sys/mman.h>
#include <system_error>
#include <unistd.h>

namespace isoflop::emulation {
namespace {

int protection(RangeUse use) {
  switch (use) {
    case RangeUse::none:
      return PROT_NONE;
    case RangeUse::read:
      return PROT_READ;
    case RangeUse::read_write:
      return PROT_READ | PROT_WRITE;
  }
  return PROT_NONE;
}

}  // namespace

void* reserve_range(int64_t bytes, RangeUse use) {
  const auto size = static_cast<std::size_t>(bytes + kLargePageBytes);
  void* const mapped =
      mmap(nullptr, size, protection(use), MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (mapped == MAP_FAILED)
    throw std::system_error(errno, std::generic_category(), "no addresses for emulated memory");
  auto* const begin = static_cast<char*>(mapped);
  const auto past = static_cast<int64_t>(reinterpret_cast<uintptr_t>(begin) %
                                         static_cast<uintptr_t>(kLargePageBytes));
  const int64_t head = past == 0 ? 0 : kLargePageBytes - past;
  if (head > 0) release_range(begin, head);
  release_range(begin + head + bytes, kLargePageBytes - head);
  return begin + head;
}

void prefer_large_pages(void* begin, int64_t bytes) noexcept {
  madvise(begin, static_cast<std::size_t>(bytes), MADV_HUGEPAGE);  // fails where there are none
}

void release_range(void* begin, int64_t bytes) noexcept {
  munmap(begin, static_cast<std::size_t>(bytes));
}

void protect_range(void* begin, int64_t bytes, RangeUse use) {
  if (mprotect(begin, static_cast<std::size_t>(bytes), protection(use)) != 0)
    throw std::system_error(errno, std::generic_category(), "protection of emulated memory");
}

int64_t page_bytes() {
  static const int64_t bytes = sysconf(_SC_PAGESIZE);
  return bytes;
}

int64_t whole_pages(int64_t bytes) {
  return (bytes + page_bytes() - 1) / page_bytes() * page_bytes();
}

}  // namespace isoflop::emulation
