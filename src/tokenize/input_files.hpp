// SPDX-License-Identifier: MIT
#pragma once

#include "tokenize/tokenize_options.hpp"

#include <cstdint>
#include <filesystem>
#include <vector>

namespace isoflop {

enum class InputFormat {
  text,
  json_lines  ///< .jsonl and .ndjson, and those packed as .gz or .zst: each line is a document
};

struct InputFile {
  std::filesystem::path path;
  InputFormat format = InputFormat::text;
  int64_t n_stored_bytes = 0;  ///< packed where it is packed
};

/// The inputs that hold text: those for training, then those given for validation.
struct InputFiles {
  std::vector<InputFile> files;
  int64_t first_val_file = 0;
  std::vector<std::filesystem::path> skipped;  ///< without text

  bool has(InputFormat format) const;
  int64_t n_stored_bytes() const;
  /// Of every file's path, size and time of change: another value when the inputs are not the same.
  uint32_t fingerprint() const;
};

/// The files below folders, of all depths, sorted by path; names that start with a dot are left
/// out. Other paths stay as they are. Throws FileError for a folder without files.
std::vector<std::filesystem::path> expand_folders(const std::vector<std::filesystem::path>& paths);

/// Throws ConfigError for a file that is in both: validation on text that was trained on would look
/// good and say nothing.
void refuse_shared_files(const std::vector<std::filesystem::path>& train,
                         const std::vector<std::filesystem::path>& val);

/// Opens every file, so that an unreadable one is named before hours of work. Throws FileError for
/// it, and when no training file holds text; ConfigError for a file that is in both splits, and for
/// options about a format that no file has.
InputFiles open_input_files(const TokenizeOptions& options);

}  // namespace isoflop
