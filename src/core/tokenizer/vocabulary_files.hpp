// SPDX-License-Identifier: MIT
#pragma once

#include "core/data/dataset_index.hpp"

#include <filesystem>
#include <string>
#include <vector>

namespace isoflop {

/// The files with their checksum. Throws FileError for one that cannot be read.
VocabularySource read_vocabulary_source(const std::string& scheme,
                                        std::vector<std::filesystem::path> files);

}  // namespace isoflop
