// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

namespace isoflop::emulation {

enum class RangeUse { none, read, read_write };

inline constexpr int64_t kLargePageBytes = int64_t{2} << 20;

/// Zeroed addresses of this process that cost memory only where they are touched, from a multiple
/// of kLargePageBytes on. Throws std::system_error.
void* reserve_range(int64_t bytes, RangeUse use);
/// Asks for pages that make the protection of many bytes cheap: with pages of 4 KiB it takes 2 ms
/// for 16 MiB on a virtual machine, with large ones 4 us.
void prefer_large_pages(void* begin, int64_t bytes) noexcept;
void release_range(void* begin, int64_t bytes) noexcept;
/// What host instructions may do with whole pages. Throws std::system_error.
void protect_range(void* begin, int64_t bytes, RangeUse use);
int64_t page_bytes();
/// Rounded up to whole pages.
int64_t whole_pages(int64_t bytes);

}  // namespace isoflop::emulation
