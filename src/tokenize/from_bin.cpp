// SPDX-License-Identifier: MIT
#include "tokenize/from_bin.hpp"

#include "core/base/error.hpp"
#include "core/base/file_failure.hpp"
#include "core/base/format.hpp"
#include "core/tokenizer/tokenizer.hpp"
#include "tokenize/input_files.hpp"
#include "tokenize/progress.hpp"
#include "tokenize/publish.hpp"
#include "tokenize/split_writer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <cstring>
#include <fstream>
#include <memory>
#include <vector>

namespace isoflop {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr std::size_t kChunkIds = std::size_t{1} << 20;

/// Streams the ids of one file.
class IdSource {
 public:
  explicit IdSource(const fs::path& path) : path_(path), file_(path, std::ios::binary) {
    if (!file_) throw_file_failure(path, "open", errno);
    check_header();
    const auto n_bytes = fs::file_size(path);
    if (n_bytes == 0) throw FileError(fmt::format("{}: holds no ids; leave it out", path.string()));
    if (n_bytes % sizeof(uint16_t) != 0)
      throw FileError(
          fmt::format("{}: has {} bytes (an id has two); the file is cut, copy it again",
                      path.string(), n_bytes));
    n_ids_ = static_cast<int64_t>(n_bytes / sizeof(uint16_t));
  }

  int64_t n_ids() const { return n_ids_; }

  /// The next ids, none at the end; valid until the next call.
  std::span<const int32_t> next() {
    packed_.resize(kChunkIds);
    file_.read(reinterpret_cast<char*>(packed_.data()),
               static_cast<std::streamsize>(kChunkIds * sizeof(uint16_t)));
    if (file_.bad()) throw_file_failure(path_, "read", errno);
    packed_.resize(static_cast<std::size_t>(file_.gcount()) / sizeof(uint16_t));
    ids_.assign(packed_.begin(), packed_.end());
    return ids_;
  }

 private:
  /// Read as ids, a header would be training text.
  void check_header() {
    int32_t magic = 0;
    file_.read(reinterpret_cast<char*>(&magic), sizeof(magic));
    if (file_ && is_shard_magic(magic))
      throw FileError(
          fmt::format("{}: begins with a header of llm.c's format ({}); --from-bin reads ids "
                      "without one",
                      path_.string(), magic));
    file_.clear();
    file_.seekg(0);
  }

  fs::path path_;
  std::ifstream file_;
  int64_t n_ids_ = 0;
  std::vector<uint16_t> packed_;
  std::vector<int32_t> ids_;
};

void check_ids(std::span<const int32_t> ids, int64_t first, int64_t vocab_size,
               const fs::path& path) {
  const auto bad =
      std::find_if(ids.begin(), ids.end(), [&](int32_t id) { return id >= vocab_size; });
  if (bad == ids.end()) return;
  throw FileError(
      fmt::format("{}: id {} is {} (the vocabulary has {}); name the tokenizer that "
                  "made the ids",
                  path.string(), first + (bad - ids.begin()), *bad, vocab_size));
}

void append(SplitWriter& split, std::span<const int32_t> ids, int64_t eot_token) {
  split.append(ids);
  for (int64_t i = std::count(ids.begin(), ids.end(), eot_token); i > 0; --i) split.add_document();
}

int64_t count_ids(const std::vector<fs::path>& files) {
  int64_t n_ids = 0;
  for (const fs::path& file : files) n_ids += IdSource(file).n_ids();
  return n_ids;
}

/// Copies files; ids from number `n_train` on go to validation.
class IdRouter {
 public:
  IdRouter(const DatasetIndex& index, SplitWriter& train, SplitWriter& val, int64_t n_train,
           Progress& progress)
      : index_(index), train_(train), val_(val), n_train_left_(n_train), progress_(progress) {}

  SourceFile copy(const fs::path& path) {
    IdSource source(path);
    int64_t first = 0;
    for (auto ids = source.next(); !ids.empty(); ids = source.next()) {
      check_ids(ids, first, index_.vocab_size, path);
      const auto n_train = static_cast<std::size_t>(
          std::min<int64_t>(n_train_left_, static_cast<int64_t>(ids.size())));
      append(train_, ids.first(n_train), index_.eot_token);
      append(val_, ids.subspan(n_train), index_.eot_token);
      n_train_left_ -= static_cast<int64_t>(n_train);
      first += static_cast<int64_t>(ids.size());
      n_bytes_ += static_cast<int64_t>(ids.size() * sizeof(uint16_t));
      progress_.update(n_bytes_, static_cast<int64_t>(ids.size()));
    }
    return {fs::absolute(path).string(), first * static_cast<int64_t>(sizeof(uint16_t))};
  }

 private:
  const DatasetIndex& index_;
  SplitWriter& train_;
  SplitWriter& val_;
  int64_t n_train_left_;
  int64_t n_bytes_ = 0;
  Progress& progress_;
};

void describe_vocabulary(const FromBinOptions& options, const Tokenizer* tokenizer,
                         DatasetIndex& index) {
  if (tokenizer != nullptr) return describe_tokenizer(*tokenizer, index);
  index.vocab_size = *options.vocab_size;
  index.eot_token = *options.eot_token;
  index.tokenizer = fmt::format("ids-{}", index.vocab_size);
}

}  // namespace

TokenizeResult tokenize_from_bin(const FromBinOptions& options) {
  const Clock::time_point start = Clock::now();
  const std::unique_ptr<Tokenizer> tokenizer =
      options.tokenizer.empty() ? nullptr : open_tokenizer(options.tokenizer);
  refuse_shared_files(options.files, options.val_files);
  TokenizeResult result;
  DatasetIndex& index = result.index;
  describe_vocabulary(options, tokenizer.get(), index);
  const int64_t n_ids = count_ids(options.files);
  const int64_t n_val_ids = count_ids(options.val_files);
  const bool has_tail = options.val_files.empty();
  const auto n_tail = static_cast<int64_t>(
      std::floor(static_cast<double>(n_ids) * (has_tail ? options.val_fraction : 0)));
  index.document_rule = fmt::format("id {} ends a document", index.eot_token);
  index.validation_rule =
      !has_tail ? "the files given as --val-files"
                : fmt::format("the last {} of the ids", format_percent(options.val_fraction, 2));
  DatasetFolder folder(options.out, options.existing, UnfinishedWork::discard);
  const ShardSpec spec{folder.staging(), index.vocab_size, options.shard_tokens};
  SplitWriter train("train", spec);
  SplitWriter val("val", spec);
  {
    Progress progress((n_ids + n_val_ids) * static_cast<int64_t>(sizeof(uint16_t)));
    IdRouter router(index, train, val, n_ids - n_tail, progress);
    for (const fs::path& file : options.files) index.sources.push_back(router.copy(file));
    for (const fs::path& file : options.val_files) index.sources.push_back(router.copy(file));
  }
  index.train = train.finish();
  index.val = val.finish();
  check_splits(index, options.val_fraction, !has_tail || options.val_fraction > 0);
  publish_dataset(folder, tokenizer.get(), index);
  result.seconds = std::chrono::duration<double>(Clock::now() - start).count();
  return result;
}

}  // namespace isoflop
