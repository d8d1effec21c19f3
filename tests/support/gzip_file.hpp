// SPDX-License-Identifier: MIT
#pragma once

#include <filesystem>
#include <stdexcept>
#include <string_view>
#include <zlib.h>

namespace isoflop::test {

/// Writes `text` packed by gzip.
inline void write_gzip_file(const std::filesystem::path& path, std::string_view text) {
  const gzFile file = gzopen(path.c_str(), "wb");
  if (file == nullptr) throw std::runtime_error("gzopen failed");
  const int written = gzwrite(file, text.data(), static_cast<unsigned>(text.size()));
  if (gzclose(file) != Z_OK || written != static_cast<int>(text.size()))
    throw std::runtime_error("gzwrite failed");
}

}  // namespace isoflop::test
