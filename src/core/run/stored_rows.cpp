// SPDX-License-Identifier: MIT
#include "core/run/stored_rows.hpp"

#include <algorithm>
#include <array>
#include <filesystem>
#include <string>

namespace isoflop {
namespace {

/// How a dataset's rows lie in its chunks; a chunk spans all columns.
struct Chunking {
  hsize_t rows = 1;
  hsize_t row_bytes = 1;
};

Chunking chunking_of(hid_t dataset) {
  const Hdf5Handle properties(H5Dget_create_plist(dataset));
  std::array<hsize_t, 2> shape{1, 1};
  hdf5_checked(H5Pget_chunk(properties.get(), 2, shape.data()));
  const Hdf5Handle type(H5Dget_type(dataset));
  return {shape[0], shape[1] * H5Tget_size(type.get())};
}

hsize_t size_on_disk(hid_t dataset) {
  std::string name(static_cast<std::size_t>(hdf5_checked(H5Fget_name(dataset, nullptr, 0))), '\0');
  hdf5_checked(H5Fget_name(dataset, name.data(), name.size() + 1));
  return std::filesystem::file_size(name);
}

/// Rows of one chunk that lie before the end of the file.
hsize_t rows_of_chunk(hid_t dataset, const Chunking& chunking, hsize_t chunk, hsize_t file_size) {
  const std::array<hsize_t, 2> first{chunk * chunking.rows, 0};
  unsigned filters = 0;
  haddr_t address = HADDR_UNDEF;
  hsize_t bytes = 0;
  hdf5_checked(H5Dget_chunk_info_by_coord(dataset, first.data(), &filters, &address, &bytes));
  if (address == HADDR_UNDEF || address >= file_size) return 0;
  return std::min(chunking.rows, (file_size - address) / chunking.row_bytes);
}

}  // namespace

hsize_t stored_rows(hid_t dataset, hsize_t rows) {
  if (rows == 0) return 0;
  const Chunking chunking = chunking_of(dataset);
  const hsize_t file_size = size_on_disk(dataset);
  hsize_t whole = 0;  // chunks are appended, so those before a whole one are whole
  hsize_t unknown = (rows + chunking.rows - 1) / chunking.rows;
  hsize_t next = unknown - 1;
  while (whole < unknown) {
    const hsize_t present = rows_of_chunk(dataset, chunking, next, file_size);
    if (next * chunking.rows + present >= std::min(rows, (next + 1) * chunking.rows))
      whole = next + 1;
    else
      unknown = next;
    next = whole + (unknown - whole) / 2;
  }
  const hsize_t complete = whole * chunking.rows;
  if (complete >= rows) return rows;
  return complete + rows_of_chunk(dataset, chunking, whole, file_size);
}

}  // namespace isoflop
