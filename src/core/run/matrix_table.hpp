// SPDX-License-Identifier: MIT
#pragma once

#include "core/run/hdf5_handle.hpp"
#include "core/run/run_schema.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace isoflop {

/// One growing dataset of float rows.
struct MatrixColumn {
  const char* path;
  std::string_view units;
  std::string_view description;
};

/// Several f4[unlimited, width] datasets that grow together and the steps their rows belong to.
class MatrixTable {
 public:
  static MatrixTable create(hid_t file, const run_schema::MatrixSchema& schema,
                            std::span<const MatrixColumn> columns, std::size_t width);
  /// A file of an older version may lack any but the first of the columns.
  static MatrixTable open(hid_t file, const run_schema::MatrixSchema& schema,
                          std::span<const MatrixColumn> columns);

  /// `values[c]` holds the rows of column c one after the other, steps.size() x width each.
  void append(std::span<const int64_t> steps, std::span<const std::vector<float>> values);

  struct Rows {
    std::vector<int64_t> steps;
    std::vector<std::vector<float>> values;  ///< as in append; NaN in columns the file lacks
    std::size_t width = 0;
    int64_t n_missing = 0;  ///< announced, but behind the end of a cut file
  };
  /// The rows that every dataset has: a killed writer may leave one longer than another.
  Rows read() const;

  /// Bytes of file space that appending `rows` may take.
  std::size_t worst_case_growth(std::size_t rows) const;

 private:
  MatrixTable(Hdf5Handle steps, std::vector<Hdf5Handle> columns, std::size_t width)
      : steps_(std::move(steps)), columns_(std::move(columns)), width_(width) {}

  Hdf5Handle steps_;
  std::vector<Hdf5Handle> columns_;
  std::size_t width_;
};

}  // namespace isoflop
