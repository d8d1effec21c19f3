// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string_view>

namespace isoflop {

/// Streams one text file, plain or packed by gzip (.gz, and dictzip's .dz) or zstd, in constant
/// memory.
class TextSource {
 public:
  /// Throws FileError for a missing or unreadable file, a folder, and files packed by xz or
  /// bzip2.
  explicit TextSource(const std::filesystem::path& path);
  ~TextSource();
  TextSource(const TextSource&) = delete;
  TextSource& operator=(const TextSource&) = delete;

  /// The next piece of text, 1 MiB unless the text ends, empty at the end; valid until the next
  /// call. Throws FileError when a packed file is damaged or ends early.
  std::string_view next();

  bool is_packed() const;
  /// Bytes of the file, packed or not, taken so far.
  int64_t stored_bytes() const;

 private:
  struct Stream;
  std::unique_ptr<Stream> stream_;
};

/// Bytes of text in the file; reads all of it when it is packed. Throws as TextSource does.
int64_t count_text_bytes(const std::filesystem::path& path);

}  // namespace isoflop
