// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>

namespace isoflop {

/// Unpacks one file of zstd frames piece by piece.
class ZstdReader {
 public:
  /// Throws FileError when the file cannot be opened.
  explicit ZstdReader(const std::filesystem::path& path);
  ~ZstdReader();

  /// Fills `buffer` unless the text ends before; returns the bytes written. Throws FileError when
  /// the file is damaged or ends early.
  std::size_t read(std::span<char> buffer);
  /// Bytes of the packed file taken so far.
  int64_t packed_bytes() const;

 private:
  struct Stream;
  std::unique_ptr<Stream> stream_;
};

}  // namespace isoflop
