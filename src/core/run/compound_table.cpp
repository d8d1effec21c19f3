// SPDX-License-Identifier: MIT
#include "core/run/compound_table.hpp"

#include "core/run/hdf5_attributes.hpp"
#include "core/run/stored_rows.hpp"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>
#include <string>

namespace isoflop {
namespace {

using run_schema::ColumnLayout;
using run_schema::ColumnType;
using run_schema::EnumMember;
using run_schema::RowLayout;

Hdf5Handle enum_type(std::span<const EnumMember> members) {
  Hdf5Handle type(H5Tenum_create(H5T_STD_I32LE));
  for (const EnumMember& member : members)
    hdf5_checked(H5Tenum_insert(type.get(), member.name, &member.value));
  return type;
}

Hdf5Handle column_type(const ColumnLayout& column) {
  switch (column.type) {
    case ColumnType::i4:
      return Hdf5Handle(H5Tcopy(H5T_STD_I32LE));
    case ColumnType::i8:
      return Hdf5Handle(H5Tcopy(H5T_STD_I64LE));
    case ColumnType::u1:
      return Hdf5Handle(H5Tcopy(H5T_STD_U8LE));
    case ColumnType::u4:
      return Hdf5Handle(H5Tcopy(H5T_STD_U32LE));
    case ColumnType::f4:
      return Hdf5Handle(H5Tcopy(H5T_IEEE_F32LE));
    case ColumnType::f8:
      return Hdf5Handle(H5Tcopy(H5T_IEEE_F64LE));
    case ColumnType::text:
      return fixed_text_type(column.size);
    case ColumnType::eval_set:
      return enum_type(run_schema::kEvalSets);
    case ColumnType::event_kind:
      return enum_type(run_schema::kEventKinds);
  }
  throw Hdf5Error("column " + column.name + " has no type");
}

Hdf5Handle make_row_type(const RowLayout& layout) {
  Hdf5Handle type(H5Tcreate(H5T_COMPOUND, layout.row_size));
  for (const ColumnLayout& column : layout.columns) {
    const Hdf5Handle member = column_type(column);
    hdf5_checked(H5Tinsert(type.get(), column.name.c_str(), column.offset, member.get()));
  }
  return type;
}

void describe(hid_t dataset, const run_schema::TableSchema& schema, const RowLayout& layout) {
  std::vector<std::string> units;
  std::vector<std::string> long_names;
  for (const ColumnLayout& column : layout.columns) {
    units.push_back(column.units);
    long_names.push_back(column.long_name);
  }
  write_attribute(dataset, "description", schema.description);
  write_attribute(dataset, "units", units);
  write_attribute(dataset, "long_name", long_names);
}

hsize_t count_rows(hid_t dataset) {
  const Hdf5Handle space(H5Dget_space(dataset));
  if (hdf5_checked(H5Sget_simple_extent_ndims(space.get())) != 1)
    throw Hdf5Error("a table does not have one dimension");
  hsize_t rows = 0;
  hdf5_checked(H5Sget_simple_extent_dims(space.get(), &rows, nullptr));
  return rows;
}

/// A row in which every column is missing.
std::vector<std::byte> missing_row(const RowLayout& layout) {
  std::vector<std::byte> row(layout.row_size, std::byte{0});
  for (const ColumnLayout& column : layout.columns) {
    const auto cell = std::span(row).subspan(column.offset, column.size);
    if (column.type == ColumnType::f4)
      run_schema::store(std::numeric_limits<float>::quiet_NaN(), cell);
    if (column.type == ColumnType::f8)
      run_schema::store(std::numeric_limits<double>::quiet_NaN(), cell);
  }
  return row;
}

}  // namespace

CompoundTable::CompoundTable(Hdf5Handle dataset, Hdf5Handle row_type, const RowLayout& layout,
                             std::size_t chunk_bytes)
    : dataset_(std::move(dataset)),
      row_type_(std::move(row_type)),
      layout_(layout),
      chunk_bytes_(chunk_bytes) {}

CompoundTable CompoundTable::create(hid_t file, const run_schema::TableSchema& schema,
                                    const RowLayout& layout) {
  Hdf5Handle type = make_row_type(layout);
  const hsize_t none = 0;
  const hsize_t unlimited = H5S_UNLIMITED;
  const Hdf5Handle space(H5Screate_simple(1, &none, &unlimited));
  const Hdf5Handle creation = compact_attributes(H5P_DATASET_CREATE);
  const hsize_t chunk = schema.chunk_rows;
  hdf5_checked(H5Pset_chunk(creation.get(), 1, &chunk));
  Hdf5Handle dataset(H5Dcreate2(file, schema.path, type.get(), space.get(), H5P_DEFAULT,
                                creation.get(), H5P_DEFAULT));
  describe(dataset.get(), schema, layout);
  return {std::move(dataset), std::move(type), layout, schema.chunk_rows * layout.row_size};
}

CompoundTable CompoundTable::open(hid_t file, const char* path, const RowLayout& layout) {
  return {Hdf5Handle(H5Dopen2(file, path, H5P_DEFAULT)), make_row_type(layout), layout, 0};
}

void CompoundTable::append(std::span<const std::byte> rows) {
  const hsize_t count = rows.size() / layout_.row_size;
  if (count == 0) return;
  const hsize_t start = count_rows(dataset_.get());
  const hsize_t extent = start + count;
  hdf5_checked(H5Dset_extent(dataset_.get(), &extent));
  const Hdf5Handle file_space(H5Dget_space(dataset_.get()));
  hdf5_checked(
      H5Sselect_hyperslab(file_space.get(), H5S_SELECT_SET, &start, nullptr, &count, nullptr));
  const Hdf5Handle memory_space(H5Screate_simple(1, &count, nullptr));
  hdf5_checked(H5Dwrite(dataset_.get(), row_type_.get(), memory_space.get(), file_space.get(),
                        H5P_DEFAULT, rows.data()));
}

CompoundTable::Count CompoundTable::count() const {
  const hsize_t announced = count_rows(dataset_.get());
  const hsize_t stored = stored_rows(dataset_.get(), announced);
  return {stored, static_cast<int64_t>(announced - stored)};
}

std::vector<std::byte> CompoundTable::read(std::size_t begin, std::size_t count) const {
  std::vector<std::byte> rows(count * layout_.row_size);
  if (count == 0) return rows;
  const Hdf5Handle stored_type(H5Dget_type(dataset_.get()));
  if (H5Tequal(stored_type.get(), row_type_.get()) <= 0) {  // may lack columns
    const std::vector<std::byte> missing = missing_row(layout_);
    for (auto row = rows.begin(); row != rows.end(); row += std::ssize(missing))
      std::copy(missing.begin(), missing.end(), row);
  }
  const hsize_t first = begin;
  const hsize_t n_row = count;
  const Hdf5Handle file_space(H5Dget_space(dataset_.get()));
  hdf5_checked(
      H5Sselect_hyperslab(file_space.get(), H5S_SELECT_SET, &first, nullptr, &n_row, nullptr));
  const Hdf5Handle memory_space(H5Screate_simple(1, &n_row, nullptr));
  hdf5_checked(H5Dread(dataset_.get(), row_type_.get(), memory_space.get(), file_space.get(),
                       H5P_DEFAULT, rows.data()));
  return rows;
}

}  // namespace isoflop
