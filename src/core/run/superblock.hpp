// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

namespace isoflop {

/// What the first bytes of an HDF5 file say about it, read without the library.
/// Source: HDF5 File Format Specification 3.0, section II.A.
struct Superblock {
  int version = 0;
  bool open_for_writing = false;     ///< a writer lives or died without closing
  bool open_for_live_reads = false;  ///< that writer lets readers in (SWMR)
  int64_t end_of_file = 0;           ///< size in bytes when last closed or flushed
};

/// Absent when the file does not begin as HDF5 (version 0 to 3) or cannot be read.
std::optional<Superblock> read_superblock(const std::filesystem::path& path);

}  // namespace isoflop
