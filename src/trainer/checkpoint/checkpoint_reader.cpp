// SPDX-License-Identifier: MIT
#include "trainer/checkpoint/checkpoint_reader.hpp"

#include "core/base/error.hpp"
#include "core/base/text_file.hpp"
#include "core/data/checksum.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace isoflop {
namespace {

/// The part of a record that lies in a range; `size` may be 0 or less.
struct Overlap {
  int64_t begin = 0;  ///< in the tensor
  int64_t size = 0;
};
Overlap overlap(const StateRecord& record, const StateRange& range) {
  const int64_t begin = std::max(record.offset, range.offset);
  const int64_t end = std::min(record.offset + record.size, range.offset + range.size);
  return {begin, end - begin};
}

}  // namespace

void write_index(const std::filesystem::path& folder, CheckpointManifest& manifest) {
  std::string index;
  manifest.bytes = 0;
  for (int64_t rank = 0; rank < manifest.n_files; ++rank) {
    const std::filesystem::path path = folder / state_file_name(rank);
    const StateTable table = read_state_table(path);
    if (table.id != StateFileId{manifest.step, rank, manifest.n_files})
      throw FileError(fmt::format("{}: is of step {}, rank {} of {}, not of this checkpoint",
                                  path.string(), table.id.step, table.id.rank, table.id.n_ranks));
    index += encode_state_table(table);
    for (const StateRecord& record : table.records) manifest.bytes += record.bytes();
  }
  write_text_file(folder / kIndexName, index);
  manifest.index_crc32 = crc32_of(index);
}

CheckpointReader::CheckpointReader(std::filesystem::path folder)
    : folder_(std::move(folder)), manifest_(read_manifest(folder_)) {
  const std::filesystem::path path = folder_ / kIndexName;
  const std::string index = read_text_file(path);
  if (crc32_of(index) != manifest_.index_crc32)
    throw FileError(
        fmt::format("{}: its checksum does not hold; this checkpoint is damaged", path.string()));
  std::string_view rest = index;
  for (int64_t file = 0; file < manifest_.n_files; ++file)
    for (const StateRecord& record : decode_state_table(rest, path.string()).records)
      places_[{record.kind, record.tensor}].push_back({file, record});
  for (auto& [key, places] : places_)
    std::sort(places.begin(), places.end(),
              [](const Place& a, const Place& b) { return a.record.offset < b.record.offset; });
}

std::filesystem::path CheckpointReader::file_path(int64_t file) const {
  return folder_ / state_file_name(file);
}

void CheckpointReader::verify_file(int64_t file) const { verify_state_file(file_path(file)); }

const InputFile& CheckpointReader::open(int64_t file) const {
  if (open_file_ != file) opened_ = std::make_unique<InputFile>(file_path(file));
  open_file_ = file;
  return *opened_;
}

const std::vector<CheckpointReader::Place>& CheckpointReader::places(StateKind kind,
                                                                     int64_t tensor) const {
  static const std::vector<Place> kNone;
  const auto found = places_.find({kind, tensor});
  return found == places_.end() ? kNone : found->second;
}

int64_t CheckpointReader::size_of_state(StateKind kind, int64_t tensor) const {
  int64_t size = 0;
  for (const Place& place : places(kind, tensor)) size += place.record.size;
  return size;
}

void CheckpointReader::read(const StateRange& range, DType dtype, std::span<std::byte> out) const {
  const int64_t width = size_of(dtype);
  int64_t filled = 0;
  for (const Place& place : places(range.kind, range.tensor)) {
    const auto [begin, size] = overlap(place.record, range);
    if (size <= 0) continue;
    if (place.record.dtype != dtype)
      throw FileError(fmt::format("{}: holds {}-byte elements, this run has {}-byte ones",
                                  file_path(place.file).string(), size_of(place.record.dtype),
                                  width));
    open(place.file)
        .read(place.record.place + (begin - place.record.offset) * width,
              out.subspan(static_cast<std::size_t>((begin - range.offset) * width),
                          static_cast<std::size_t>(size * width)));
    filled += size;
  }
  if (filled != range.size)
    throw FileError(fmt::format("{}: holds {} of {} elements of tensor {}", folder_.string(),
                                filled, range.size, range.tensor));
}

}  // namespace isoflop
