// SPDX-License-Identifier: MIT
#pragma once

#include "core/base/text_file.hpp"

#include <filesystem>
#include <stdexcept>
#include <string>
#include <string_view>
#include <zstd.h>

namespace isoflop::test {

/// Writes `text` packed by zstd, as one frame.
inline void write_zstd_file(const std::filesystem::path& path, std::string_view text) {
  std::string packed(ZSTD_compressBound(text.size()), '\0');
  const std::size_t size =
      ZSTD_compress(packed.data(), packed.size(), text.data(), text.size(), ZSTD_CLEVEL_DEFAULT);
  if (ZSTD_isError(size)) throw std::runtime_error("ZSTD_compress failed");
  write_text_file(path, std::string_view(packed).substr(0, size));
}

}  // namespace isoflop::test
