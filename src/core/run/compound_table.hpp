// SPDX-License-Identifier: MIT
#pragma once

#include "core/run/hdf5_handle.hpp"
#include "core/run/row_layout.hpp"
#include "core/run/run_schema.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace isoflop {

/// An append-only dataset of compound rows. Rows are packed bytes in the order of the layout.
class CompoundTable {
 public:
  /// Creates an empty table with the attributes description, units and long_name.
  static CompoundTable create(hid_t file, const run_schema::TableSchema& schema,
                              const run_schema::RowLayout& layout);
  /// Opens an existing table to read it. Columns are matched by name; one that the file lacks
  /// reads as missing (NaN, 0 or empty).
  static CompoundTable open(hid_t file, const char* path, const run_schema::RowLayout& layout);

  /// Extends the dataset by whole rows.
  void append(std::span<const std::byte> rows);
  struct Count {
    std::size_t stored = 0;
    int64_t n_missing = 0;  ///< announced, but behind the end of a cut file
  };
  Count count() const;
  /// Packed rows, all of them stored.
  std::vector<std::byte> read(std::size_t begin, std::size_t count) const;

  /// Bytes of file space that appending `bytes` may take: the rows and one new chunk.
  std::size_t worst_case_growth(std::size_t bytes) const { return bytes + chunk_bytes_; }

 private:
  CompoundTable(Hdf5Handle dataset, Hdf5Handle row_type, const run_schema::RowLayout& layout,
                std::size_t chunk_bytes);

  Hdf5Handle dataset_;
  Hdf5Handle row_type_;
  run_schema::RowLayout layout_;
  std::size_t chunk_bytes_;
};

}  // namespace isoflop
