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
  void* begin = mmap(nullptr, static_cast<std::size_t>(bytes), protection(use),
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (begin == MAP_FAILED)
    throw std::system_error(errno, std::generic_category(), "no addresses for emulated memory");
  return begin;
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
