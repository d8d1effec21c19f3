// SPDX-License-Identifier: MIT
#pragma once

#include "trainer/checkpoint/state_piece.hpp"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace isoflop {

/// A piece of state as a file holds it.
struct StateRecord {
  StateKind kind = StateKind::parameter;
  DType dtype = DType::f32;
  int64_t tensor = 0;
  int64_t offset = 0;  ///< of its first element in the tensor
  int64_t size = 0;    ///< elements
  int64_t place = 0;   ///< of its first byte in the file
  uint32_t crc32 = 0;

  int64_t bytes() const { return size * size_of(dtype); }
};

/// Which of a checkpoint's files one is.
struct StateFileId {
  int64_t step = 0;
  int64_t rank = 0;
  int64_t n_ranks = 1;

  bool operator==(const StateFileId&) const = default;
};

/// The beginning of a state file: what it is and where in it everything lies. README.md beside this
/// file has the format byte by byte.
struct StateTable {
  StateFileId id;
  std::vector<StateRecord> records;
};

/// "rank-00003.state".
std::string state_file_name(int64_t rank);

/// Writes the pieces, whose views are in host memory, and syncs; the file appears under its name
/// when it is complete. Throws FileError.
StateTable write_state_file(const std::filesystem::path& path, const StateFileId& id,
                            std::span<const StatePiece> pieces);

/// The table as bytes, as at the beginning of a file.
std::string encode_state_table(const StateTable& table);
/// Reads one at the beginning of `bytes` and moves on to what follows. `name` is for messages.
/// Throws FileError for anything else.
StateTable decode_state_table(std::string_view& bytes, const std::string& name);

/// The table of a file whose length is right. Throws FileError.
StateTable read_state_table(const std::filesystem::path& path);

/// Reads every byte. Throws FileError when a checksum does not hold.
void verify_state_file(const std::filesystem::path& path);

}  // namespace isoflop
