// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

namespace isoflop::emulation {

enum class RangeUse { none, read, read_write };

/// Zeroed addresses of this process that cost memory only where they are touched. Throws
/// std::system_error.
void* reserve_range(int64_t bytes, RangeUse use);
void release_range(void* begin, int64_t bytes) noexcept;
/// What host instructions may do with whole pages. Throws std::system_error.
void protect_range(void* begin, int64_t bytes, RangeUse use);
int64_t page_bytes();
/// Rounded up to whole pages.
int64_t whole_pages(int64_t bytes);

}  // namespace isoflop::emulation
