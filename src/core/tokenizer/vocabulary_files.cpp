// SPDX-License-Identifier: MIT
#include "core/tokenizer/vocabulary_files.hpp"

#include "core/base/text_file.hpp"
#include "core/data/checksum.hpp"

#include <utility>

namespace isoflop {

VocabularySource read_vocabulary_source(const std::string& scheme,
                                        std::vector<std::filesystem::path> files) {
  Crc32 checksum;
  for (const std::filesystem::path& file : files) checksum.update(read_text_file(file));
  return {.scheme = scheme, .files = std::move(files), .crc32 = checksum.value()};
}

}  // namespace isoflop
