// SPDX-License-Identifier: MIT
#include "tokenize/input_files.hpp"

#include "core/base/error.hpp"
#include "core/base/file_failure.hpp"
#include "core/data/checksum.hpp"
#include "tokenize/text_source.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <set>
#include <sys/stat.h>
#include <system_error>

namespace isoflop {
namespace {

namespace fs = std::filesystem;

InputFormat format_of(fs::path path) {
  if (path.extension() == ".gz" || path.extension() == ".zst") path.replace_extension();
  const bool is_json_lines = path.extension() == ".jsonl" || path.extension() == ".ndjson";
  return is_json_lines ? InputFormat::json_lines : InputFormat::text;
}

bool is_hidden(const fs::path& path) { return path.filename().string().starts_with('.'); }

std::vector<fs::path> files_below(const fs::path& folder) {
  std::vector<fs::path> files;
  std::error_code error;
  fs::recursive_directory_iterator entries(folder, fs::directory_options::follow_directory_symlink,
                                           error);
  for (; !error && entries != fs::recursive_directory_iterator(); entries.increment(error)) {
    if (is_hidden(entries->path())) {
      entries.disable_recursion_pending();
    } else if (!entries->is_directory()) {
      files.push_back(entries->path());
    }
  }
  if (error) throw_file_failure(folder, "list the folder", error.value());
  if (files.empty())
    throw FileError(fmt::format("{}: the folder holds no files; name another", folder.string()));
  std::sort(files.begin(), files.end());
  return files;
}

void add_inputs(InputFiles& inputs, const std::vector<fs::path>& files) {
  for (const fs::path& file : files) {
    if (TextSource(file).next().empty()) {
      inputs.skipped.push_back(file);
    } else {
      inputs.files.push_back({file, format_of(file), static_cast<int64_t>(fs::file_size(file))});
    }
  }
}

/// Device and number: the same for all names of a file.
std::pair<dev_t, ino_t> identity_of(const fs::path& path) {
  struct stat status {};
  if (stat(path.c_str(), &status) != 0) throw_file_failure(path, "open", errno);
  return {status.st_dev, status.st_ino};
}

/// An option that concerns no input would be ignored.
void refuse_idle_options(const TokenizeOptions& options, const InputFiles& inputs) {
  const auto refuse = [](const char* option, const char* why) {
    throw ConfigError(fmt::format("{} is given ({}); leave it out", option, why));
  };
  const char* const no_json = "no input is a .jsonl file";
  if (options.text_field && !inputs.has(InputFormat::json_lines)) refuse("--text-field", no_json);
  if (options.bad_lines == BadLines::skip && !inputs.has(InputFormat::json_lines))
    refuse("--skip-bad-lines", no_json);
  if (options.documents && !inputs.has(InputFormat::text))
    refuse(options.separator.empty() ? "--documents" : "--separator",
           "every input is a .jsonl file, where a line is a document");
}

}  // namespace

bool InputFiles::has(InputFormat format) const {
  return std::any_of(files.begin(), files.end(),
                     [format](const InputFile& file) { return file.format == format; });
}

int64_t InputFiles::n_stored_bytes() const {
  return std::accumulate(
      files.begin(), files.end(), int64_t{0},
      [](int64_t total, const InputFile& file) { return total + file.n_stored_bytes; });
}

uint32_t InputFiles::fingerprint() const {
  Crc32 checksum;
  for (const InputFile& file : files) {
    struct stat status {};
    if (stat(file.path.c_str(), &status) != 0) throw_file_failure(file.path, "open", errno);
    checksum.update(fmt::format("{}\n{} {}.{}\n", fs::absolute(file.path).string(), status.st_size,
                                status.st_mtim.tv_sec, status.st_mtim.tv_nsec));
  }
  return checksum.value();
}

std::vector<fs::path> expand_folders(const std::vector<fs::path>& paths) {
  std::vector<fs::path> files;
  for (const fs::path& path : paths) {
    std::error_code ignored;  // reported where the file is opened
    if (!fs::is_directory(path, ignored)) {
      files.push_back(path);
      continue;
    }
    const std::vector<fs::path> below = files_below(path);
    files.insert(files.end(), below.begin(), below.end());
  }
  return files;
}

void refuse_shared_files(const std::vector<fs::path>& train, const std::vector<fs::path>& val) {
  std::set<std::pair<dev_t, ino_t>> known;
  if (val.empty()) return;
  for (const fs::path& file : train) known.insert(identity_of(file));
  for (const fs::path& file : val) {
    if (known.contains(identity_of(file)))
      throw ConfigError(fmt::format(
          "--val-files is '{}' (it is among the training files too); name it once", file.string()));
  }
}

InputFiles open_input_files(const TokenizeOptions& options) {
  const std::vector<fs::path> train = expand_folders(options.files);
  const std::vector<fs::path> val = expand_folders(options.val_files);
  InputFiles inputs;
  add_inputs(inputs, train);
  inputs.first_val_file = static_cast<int64_t>(inputs.files.size());
  if (inputs.first_val_file == 0)
    throw FileError(
        fmt::format("{}: holds no text (0 bytes); name a file with text", train.front().string()));
  add_inputs(inputs, val);
  refuse_shared_files(train, val);
  refuse_idle_options(options, inputs);
  return inputs;
}

}  // namespace isoflop
