// SPDX-License-Identifier: MIT
#include "core/run/matrix_table.hpp"

#include "core/run/hdf5_attributes.hpp"
#include "core/run/stored_rows.hpp"

#include <algorithm>
#include <array>
#include <limits>

namespace isoflop {
namespace {

/// Rows per chunk so that a chunk has about 16 KiB: small for short runs, few chunks for long ones.
hsize_t chunk_rows(std::size_t row_bytes) {
  constexpr std::size_t kChunkBytes = 16 * 1024;
  return std::clamp<hsize_t>(kChunkBytes / row_bytes, 1, 256);
}

/// A dataset of rank 1 (width 0) or 2 with an unlimited first dimension.
Hdf5Handle create_growing(hid_t file, const MatrixColumn& column, hid_t type, std::size_t width) {
  const int rank = width == 0 ? 1 : 2;
  const std::array<hsize_t, 2> none{0, width};
  const std::array<hsize_t, 2> unlimited{H5S_UNLIMITED, width};
  const std::array<hsize_t, 2> chunk{
      chunk_rows(std::max<std::size_t>(width, 1) * H5Tget_size(type)), width};
  const Hdf5Handle space(H5Screate_simple(rank, none.data(), unlimited.data()));
  const Hdf5Handle creation = compact_attributes(H5P_DATASET_CREATE);
  hdf5_checked(H5Pset_chunk(creation.get(), rank, chunk.data()));
  Hdf5Handle dataset(
      H5Dcreate2(file, column.path, type, space.get(), H5P_DEFAULT, creation.get(), H5P_DEFAULT));
  write_attribute(dataset.get(), "description", column.description);
  write_attribute(dataset.get(), "units", column.units);
  return dataset;
}

/// Rows and, for rank 2, columns of a dataset.
std::array<hsize_t, 2> extent_of(hid_t dataset, int rank) {
  const Hdf5Handle space(H5Dget_space(dataset));
  if (hdf5_checked(H5Sget_simple_extent_ndims(space.get())) != rank)
    throw Hdf5Error("a matrix has an unexpected number of dimensions");
  std::array<hsize_t, 2> extent{0, 0};
  hdf5_checked(H5Sget_simple_extent_dims(space.get(), extent.data(), nullptr));
  return extent;
}

/// File and memory selections of `count` rows from `start` on.
struct RowSelection {
  RowSelection(hid_t dataset, hsize_t start, hsize_t count, std::size_t width)
      : file(H5Dget_space(dataset)), memory(make_memory(count, width)) {
    const std::array<hsize_t, 2> offset{start, 0};
    const std::array<hsize_t, 2> size{count, width};
    hdf5_checked(H5Sselect_hyperslab(file.get(), H5S_SELECT_SET, offset.data(), nullptr,
                                     size.data(), nullptr));
  }
  static hid_t make_memory(hsize_t count, std::size_t width) {
    const std::array<hsize_t, 2> size{count, width};
    return H5Screate_simple(width == 0 ? 1 : 2, size.data(), nullptr);
  }
  Hdf5Handle file;
  Hdf5Handle memory;
};

void append_rows(hid_t dataset, hid_t type, const void* rows, hsize_t count, std::size_t width) {
  const std::array<hsize_t, 2> old = extent_of(dataset, width == 0 ? 1 : 2);
  const std::array<hsize_t, 2> extent{old[0] + count, width};
  hdf5_checked(H5Dset_extent(dataset, extent.data()));
  const RowSelection selection(dataset, old[0], count, width);
  hdf5_checked(
      H5Dwrite(dataset, type, selection.memory.get(), selection.file.get(), H5P_DEFAULT, rows));
}

void read_rows(hid_t dataset, hid_t type, void* rows, hsize_t count, std::size_t width) {
  if (count == 0) return;
  const RowSelection selection(dataset, 0, count, width);
  hdf5_checked(
      H5Dread(dataset, type, selection.memory.get(), selection.file.get(), H5P_DEFAULT, rows));
}

}  // namespace

MatrixTable MatrixTable::create(hid_t file, const run_schema::MatrixSchema& schema,
                                std::span<const MatrixColumn> columns, std::size_t width) {
  std::vector<Hdf5Handle> datasets;
  for (const MatrixColumn& column : columns)
    datasets.push_back(create_growing(file, column, H5T_IEEE_F32LE, width));
  const MatrixColumn step{schema.step, "1", schema.description};
  return {create_growing(file, step, H5T_STD_I64LE, 0), std::move(datasets), width};
}

MatrixTable MatrixTable::open(hid_t file, const run_schema::MatrixSchema& schema,
                              std::span<const MatrixColumn> columns) {
  std::vector<Hdf5Handle> datasets;
  for (const MatrixColumn& column : columns) {
    const bool is_there =
        datasets.empty() || hdf5_checked(H5Lexists(file, column.path, H5P_DEFAULT));
    datasets.push_back(is_there ? Hdf5Handle(H5Dopen2(file, column.path, H5P_DEFAULT))
                                : Hdf5Handle());
  }
  const std::size_t width = extent_of(datasets.front().get(), 2)[1];
  return {Hdf5Handle(H5Dopen2(file, schema.step, H5P_DEFAULT)), std::move(datasets), width};
}

void MatrixTable::append(std::span<const int64_t> steps,
                         std::span<const std::vector<float>> values) {
  if (steps.empty()) return;
  for (std::size_t column = 0; column < columns_.size(); ++column)
    append_rows(columns_[column].get(), H5T_NATIVE_FLOAT, values[column].data(), steps.size(),
                width_);
  append_rows(steps_.get(), H5T_NATIVE_INT64, steps.data(), steps.size(), 0);
}

MatrixTable::Rows MatrixTable::read() const {
  hsize_t announced = extent_of(steps_.get(), 1)[0];
  for (const Hdf5Handle& column : columns_)
    if (column) announced = std::min(announced, extent_of(column.get(), 2)[0]);
  hsize_t count = stored_rows(steps_.get(), announced);
  for (const Hdf5Handle& column : columns_)
    if (column) count = stored_rows(column.get(), count);
  Rows rows{std::vector<int64_t>(count), {}, width_, static_cast<int64_t>(announced - count)};
  read_rows(steps_.get(), H5T_NATIVE_INT64, rows.steps.data(), count, 0);
  for (const Hdf5Handle& column : columns_) {
    rows.values.emplace_back(count * width_, std::numeric_limits<float>::quiet_NaN());
    if (!column) continue;
    if (extent_of(column.get(), 2)[1] != width_) throw Hdf5Error("matrices differ in width");
    read_rows(column.get(), H5T_NATIVE_FLOAT, rows.values.back().data(), count, width_);
  }
  return rows;
}

std::size_t MatrixTable::worst_case_growth(std::size_t rows) const {
  const std::size_t row_bytes = width_ * sizeof(float);
  const std::size_t matrix = (rows + chunk_rows(row_bytes)) * row_bytes;
  return columns_.size() * matrix + (rows + chunk_rows(sizeof(int64_t))) * sizeof(int64_t);
}

}  // namespace isoflop
