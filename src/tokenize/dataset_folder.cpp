// SPDX-License-Identifier: MIT
#include "tokenize/dataset_folder.hpp"

#include "core/base/error.hpp"
#include "core/base/file_failure.hpp"
#include "core/base/text_file.hpp"
#include "tokenize/work_state.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <string>
#include <sys/file.h>
#include <system_error>
#include <unistd.h>
#include <vector>

namespace isoflop {
namespace {

namespace fs = std::filesystem;

/// Of the copied vocabulary, in the dataset's folder.
constexpr const char* kVocabularyFolder = "tokenizer";
/// In staging while its shards are moved out of it, with nothing of an earlier dataset left.
constexpr const char* kMovingName = "moving";

/// "train_" or "val_", digits, ".bin".
bool is_shard_name(const std::string& name) {
  const std::size_t start = name.starts_with("train_") ? 6 : name.starts_with("val_") ? 4 : 0;
  if (start == 0 || !name.ends_with(".bin") || name.size() <= start + 4) return false;
  return std::all_of(name.begin() + static_cast<std::ptrdiff_t>(start), name.end() - 4,
                     [](char c) { return c >= '0' && c <= '9'; });
}

void remove_file(const fs::path& path) {
  std::error_code error;
  fs::remove(path, error);
  if (error) throw_file_failure(path, "remove", error.value());
}

std::vector<fs::path> shards_in(const fs::path& folder) {
  std::vector<fs::path> shards;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    if (is_shard_name(entry.path().filename().string())) shards.push_back(entry.path());
  }
  return shards;
}

void remove_old_shards(const fs::path& folder) {
  for (const fs::path& shard : shards_in(folder)) remove_file(shard);
}

void move_file(const fs::path& from, const fs::path& to) {
  std::error_code error;
  fs::rename(from, to, error);
  if (error) throw_file_failure(to, "rename into place", error.value());
}

void move_into_place(const fs::path& staging, const fs::path& folder, const SplitIndex& split) {
  for (const ShardEntry& shard : split.shards) move_file(staging / shard.file, folder / shard.file);
}

/// Of an earlier dataset by the staged one, if any.
void replace_vocabulary(const fs::path& staging, const fs::path& folder) {
  std::error_code error;
  fs::remove_all(folder / kVocabularyFolder, error);
  if (error) throw_file_failure(folder / kVocabularyFolder, "remove", error.value());
  if (!fs::exists(staging / kVocabularyFolder, error)) return;
  fs::rename(staging / kVocabularyFolder, folder / kVocabularyFolder, error);
  if (error) throw_file_failure(folder / kVocabularyFolder, "rename into place", error.value());
}

}  // namespace

DatasetFolder::DatasetFolder(const fs::path& path, ExistingDataset existing,
                             UnfinishedWork unfinished)
    : path_(path), staging_(path / ".staging") {
  std::error_code error;
  created_ = fs::create_directories(path_, error);
  if (error) throw_file_failure(path_, "create the folder", error.value());
  if (existing == ExistingDataset::refuse && fs::exists(path_ / kDatasetIndexName, error))
    throw ConfigError(
        fmt::format("--out is '{}' (it holds a dataset already); add --overwrite to replace it or "
                    "name another folder",
                    path_.string()));
  lock();
  take_back_shards();
  if (unfinished == UnfinishedWork::discard || !has_unfinished_work())
    fs::remove_all(staging_, error);
  fs::create_directory(staging_, error);
  if (error) throw_file_failure(staging_, "create the folder", error.value());
}

/// Held until the descriptor is closed, also by a kill. File systems without locks go unlocked.
void DatasetFolder::lock() {
  lock_fd_ = open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (lock_fd_ < 0 || flock(lock_fd_, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK) return;
  close(lock_fd_);
  throw FileError(
      fmt::format("{}: another tokenize is writing here (the folder is locked); wait "
                  "for it or name another folder",
                  path_.string()));
}

DatasetFolder::~DatasetFolder() {
  std::error_code ignored;
  if (published_ || !has_unfinished_work()) fs::remove_all(staging_, ignored);
  if (created_ && !published_) fs::remove(path_, ignored);  // only when it is empty
  if (lock_fd_ >= 0) close(lock_fd_);
}

/// What a kill within publish() left: a whole dataset, or shards that staging lacks.
void DatasetFolder::take_back_shards() {
  std::error_code error;
  if (!fs::exists(staging_ / kMovingName, error)) return;
  if (fs::exists(path_ / kDatasetIndexName, error)) {
    fs::remove_all(staging_, error);
    return;
  }
  for (const fs::path& shard : shards_in(path_)) move_file(shard, staging_ / shard.filename());
  remove_file(staging_ / kMovingName);
}

bool DatasetFolder::has_unfinished_work() const {
  std::error_code ignored;
  return fs::exists(staging_ / kWorkStateName, ignored);
}

VocabularySource DatasetFolder::stage_vocabulary(const VocabularySource& vocabulary) {
  VocabularySource staged = vocabulary;
  for (fs::path& file : staged.files) {
    const fs::path place = fs::path(kVocabularyFolder) / file.filename();
    write_text_file(staging_ / place, read_text_file(file));
    file = place;
  }
  return staged;
}

void DatasetFolder::publish(const DatasetIndex& index) {
  remove_file(path_ / kDatasetIndexName);
  remove_old_shards(path_);
  replace_vocabulary(staging_, path_);
  write_text_file(staging_ / kMovingName, "");
  move_into_place(staging_, path_, index.train);
  move_into_place(staging_, path_, index.val);
  write_dataset_index(path_, index);
  published_ = true;
}

}  // namespace isoflop
