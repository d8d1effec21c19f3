// SPDX-License-Identifier: MIT
#include "core/run/superblock.hpp"

#include <array>
#include <cstring>
#include <fstream>

namespace isoflop {
namespace {

using Bytes = std::array<unsigned char, 64>;

constexpr std::array<unsigned char, 8> kSignature{0x89, 'H', 'D', 'F', '\r', '\n', 0x1a, '\n'};
/// Bytes of version 2 and 3 with 8-byte addresses; no HDF5 file is shorter.
constexpr std::streamsize kSmallestSuperblock = 48;
constexpr unsigned kWriteAccess = 1;
constexpr unsigned kLiveWriteAccess = 4;

/// A little-endian address of 8 bytes.
int64_t address_at(const Bytes& bytes, std::size_t offset) {
  uint64_t value = 0;
  for (std::size_t index = 0; index < 8; ++index)
    value |= static_cast<uint64_t>(bytes[offset + index]) << (8 * index);
  return static_cast<int64_t>(value);
}

/// Versions 0 and 1 have the base address after 24 or 28 bytes, then free space, then end of file.
Superblock parse_old(const Bytes& bytes) {
  const std::size_t base = bytes[8] == 0 ? 24 : 28;
  return {bytes[8], false, false, address_at(bytes, base + 16)};
}

/// Versions 2 and 3: flags in byte 11, base address, extension, end of file from byte 12 on.
Superblock parse_new(const Bytes& bytes) {
  const bool has_flags = bytes[8] == 3;
  return {bytes[8], has_flags && (bytes[11] & kWriteAccess) != 0,
          has_flags && (bytes[11] & kLiveWriteAccess) != 0, address_at(bytes, 28)};
}

}  // namespace

std::optional<Superblock> read_superblock(const std::filesystem::path& path) {
  Bytes bytes{};
  std::ifstream stream(path, std::ios::binary);
  stream.read(reinterpret_cast<char*>(bytes.data()), bytes.size());
  if (std::memcmp(bytes.data(), kSignature.data(), kSignature.size()) != 0) return std::nullopt;
  if (stream.gcount() < kSmallestSuperblock)
    return Superblock{0, false, false, kSmallestSuperblock};
  const bool is_old = bytes[8] < 2;
  if (bytes[8] > 3 || bytes[is_old ? 13 : 9] != 8) return std::nullopt;
  return is_old ? parse_old(bytes) : parse_new(bytes);
}

}  // namespace isoflop
