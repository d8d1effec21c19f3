// SPDX-License-Identifier: MIT
#include "trainer/checkpoint/state_file.hpp"

#include "core/base/atomic_file.hpp"
#include "core/base/error.hpp"
#include "core/base/input_file.hpp"
#include "core/base/round_up.hpp"
#include "core/data/checksum.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>

namespace isoflop {
namespace {

static_assert(std::endian::native == std::endian::little, "files are little-endian as memory is");

constexpr std::array<char, 8> kMagic = {'I', 'S', 'O', 'F', 'S', 'T', 'A', 'T'};
constexpr uint32_t kVersion = 1;
constexpr int64_t kDataAlignment = 4096;
constexpr int64_t kPieceAlignment = 64;

struct FileHeader {
  std::array<char, 8> magic = kMagic;
  uint32_t version = kVersion;
  uint32_t crc32 = 0;  ///< of header and records, with 0 in this place
  int64_t step = 0;
  int64_t rank = 0;
  int64_t n_ranks = 0;
  int64_t n_records = 0;
};
static_assert(sizeof(FileHeader) == 48);

struct FileRecord {
  uint32_t kind = 0;
  uint32_t element_bytes = 0;  ///< 4: IEEE single, 8: double
  int64_t tensor = 0;
  int64_t offset = 0;
  int64_t size = 0;
  int64_t place = 0;
  uint32_t crc32 = 0;
  uint32_t unused = 0;
};
static_assert(sizeof(FileRecord) == 48);

constexpr uint32_t kLastKind = static_cast<uint32_t>(StateKind::momentum);

template <typename T>
std::string_view bytes_of(const T& value) {
  return {reinterpret_cast<const char*>(&value), sizeof(T)};
}

std::string_view bytes_of(const TensorView& view) {
  return {static_cast<const char*>(view.data), static_cast<std::size_t>(view.bytes())};
}

int64_t table_bytes(std::size_t n_records) {
  return static_cast<int64_t>(sizeof(FileHeader) + n_records * sizeof(FileRecord));
}

FileRecord to_file(const StateRecord& record) {
  return {.kind = static_cast<uint32_t>(record.kind),
          .element_bytes = static_cast<uint32_t>(size_of(record.dtype)),
          .tensor = record.tensor,
          .offset = record.offset,
          .size = record.size,
          .place = record.place,
          .crc32 = record.crc32};
}

[[noreturn]] void fail(const std::string& name, const std::string& what) {
  throw FileError(fmt::format("{}: {}; this checkpoint is damaged", name, what));
}

StateRecord from_file(const FileRecord& record, const std::string& name) {
  if (record.kind > kLastKind || (record.element_bytes != 4 && record.element_bytes != 8) ||
      record.size <= 0 || record.offset < 0 || record.place < 0)
    fail(name, "has a record that makes no sense");
  return {.kind = static_cast<StateKind>(record.kind),
          .dtype = record.element_bytes == 4 ? DType::f32 : DType::f64,
          .tensor = record.tensor,
          .offset = record.offset,
          .size = record.size,
          .place = record.place,
          .crc32 = record.crc32};
}

template <typename T>
T take(std::string_view& bytes, const std::string& name) {
  if (bytes.size() < sizeof(T)) fail(name, "ends inside its table");
  T value;
  std::memcpy(&value, bytes.data(), sizeof(T));
  bytes.remove_prefix(sizeof(T));
  return value;
}

/// Where each piece goes, in order.
std::vector<StateRecord> place(std::span<const StatePiece> pieces) {
  int64_t end = round_up(table_bytes(pieces.size()), kDataAlignment);
  std::vector<StateRecord> records;
  for (const StatePiece& piece : pieces) {
    records.push_back({.kind = piece.kind,
                       .dtype = piece.view.dtype,
                       .tensor = piece.tensor,
                       .offset = piece.offset,
                       .size = piece.view.size(),
                       .place = end});
    end = round_up(end + piece.view.bytes(), kPieceAlignment);
  }
  return records;
}

int64_t end_of(const StateTable& table) {
  int64_t end = table_bytes(table.records.size());
  for (const StateRecord& record : table.records)
    end = std::max(end, record.place + record.bytes());
  return end;
}

StateTable read_table(const InputFile& file) {
  const std::string name = file.path().string();
  FileHeader header;
  if (file.size() < static_cast<int64_t>(sizeof(header))) fail(name, "is too short");
  file.read(0, {reinterpret_cast<std::byte*>(&header), sizeof(header)});
  const int64_t room = (file.size() - static_cast<int64_t>(sizeof(header))) /
                       static_cast<int64_t>(sizeof(FileRecord));
  const auto n = static_cast<std::size_t>(std::clamp<int64_t>(header.n_records, 0, room));
  std::string bytes(static_cast<std::size_t>(table_bytes(n)), '\0');
  file.read(0, {reinterpret_cast<std::byte*>(bytes.data()), bytes.size()});
  std::string_view rest = bytes;
  StateTable table = decode_state_table(rest, name);
  if (end_of(table) > file.size()) fail(name, "is shorter than its table says");
  return table;
}

}  // namespace

std::string state_file_name(int64_t rank) { return fmt::format("rank-{:05}.state", rank); }

StateTable write_state_file(const std::filesystem::path& path, const StateFileId& id,
                            std::span<const StatePiece> pieces) {
  AtomicFile file(path);
  StateTable table{id, place(pieces)};
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    const std::string_view bytes = bytes_of(pieces[i].view);
    table.records[i].crc32 = crc32_of(bytes);
    file.write_at(table.records[i].place, bytes);
  }
  file.write_at(0, encode_state_table(table));
  file.commit();
  return table;
}

std::string encode_state_table(const StateTable& table) {
  FileHeader header{.step = table.id.step,
                    .rank = table.id.rank,
                    .n_ranks = table.id.n_ranks,
                    .n_records = std::ssize(table.records)};
  std::string records;
  for (const StateRecord& record : table.records) records += bytes_of(to_file(record));
  header.crc32 = crc32_of(std::string(bytes_of(header)) + records);
  return std::string(bytes_of(header)) + records;
}

StateTable decode_state_table(std::string_view& bytes, const std::string& name) {
  const std::string_view begin = bytes;
  auto header = take<FileHeader>(bytes, name);
  if (header.magic != kMagic) fail(name, "does not begin as a state file");
  if (header.version != kVersion)
    throw FileError(
        fmt::format("{}: has format {} (this program reads {}); use the version that "
                    "wrote it",
                    name, header.version, kVersion));
  if (header.n_records < 0 ||
      static_cast<std::size_t>(header.n_records) > bytes.size() / sizeof(FileRecord))
    fail(name, "ends inside its table");
  const auto n = static_cast<std::size_t>(header.n_records);
  const std::string_view records = begin.substr(sizeof(FileHeader), n * sizeof(FileRecord));
  const uint32_t stored = std::exchange(header.crc32, 0);
  if (crc32_of(std::string(bytes_of(header)).append(records)) != stored)
    fail(name, "has a table whose checksum does not hold");
  StateTable table{{header.step, header.rank, header.n_ranks}, {}};
  for (std::size_t i = 0; i < n; ++i)
    table.records.push_back(from_file(take<FileRecord>(bytes, name), name));
  return table;
}

StateTable read_state_table(const std::filesystem::path& path) {
  return read_table(InputFile(path));
}

void verify_state_file(const std::filesystem::path& path) {
  constexpr int64_t kPart = int64_t{1} << 22;
  const InputFile file(path);
  const StateTable table = read_table(file);
  std::string buffer(static_cast<std::size_t>(kPart), '\0');
  for (const StateRecord& record : table.records) {
    Crc32 crc;
    for (int64_t done = 0; done < record.bytes(); done += kPart) {
      const auto n = static_cast<std::size_t>(std::min(kPart, record.bytes() - done));
      file.read(record.place + done, {reinterpret_cast<std::byte*>(buffer.data()), n});
      crc.update({buffer.data(), n});
    }
    if (crc.value() != record.crc32)
      fail(path.string(),
           fmt::format("has a checksum that does not hold (tensor {})", record.tensor));
  }
}

}  // namespace isoflop
