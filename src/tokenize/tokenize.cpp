// SPDX-License-Identifier: MIT
#include "tokenize/tokenize.hpp"

#include "core/base/error.hpp"
#include "core/base/format.hpp"
#include "core/base/log.hpp"
#include "tokenize/document_router.hpp"
#include "tokenize/holdout.hpp"
#include "tokenize/split_writer.hpp"
#include "tokenize/text_source.hpp"
#include "tokenize/tokenizer.hpp"

#include <fmt/format.h>

#include <chrono>
#include <memory>
#include <system_error>

namespace isoflop {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// The inputs that hold text: those for training, then those given for validation.
struct Inputs {
  std::vector<fs::path> files;
  int64_t first_val_file = 0;
  std::vector<fs::path> skipped;
};

/// Opens every file, so that an unreadable one is named before hours of work.
void add_inputs(Inputs& inputs, const std::vector<fs::path>& files) {
  for (const fs::path& file : files) {
    const bool has_text = !TextSource(file).next().empty();
    (has_text ? inputs.files : inputs.skipped).push_back(file);
  }
}

/// Validation on text that was trained on would look good and say nothing.
void refuse_shared_files(const TokenizeOptions& options) {
  for (const fs::path& val_file : options.val_files) {
    std::error_code missing;  // reported where the file is opened
    for (const fs::path& file : options.files) {
      if (fs::equivalent(val_file, file, missing))
        throw ConfigError(
            fmt::format("--val-files is '{}' (it is among the training files too); name it once",
                        val_file.string()));
    }
  }
}

Inputs open_inputs(const TokenizeOptions& options) {
  refuse_shared_files(options);
  Inputs inputs;
  add_inputs(inputs, options.files);
  inputs.first_val_file = static_cast<int64_t>(inputs.files.size());
  if (inputs.first_val_file == 0)
    throw FileError(fmt::format("{}: holds no text (0 bytes); name a file with text",
                                options.files.front().string()));
  add_inputs(inputs, options.val_files);
  return inputs;
}

Holdout choose_holdout(const TokenizeOptions& options, const Inputs& inputs) {
  const auto n_files = static_cast<int64_t>(inputs.files.size());
  if (!options.val_files.empty()) return Holdout::files_from(inputs.first_val_file);
  if (options.val_fraction == 0) return Holdout::nothing();
  if (options.documents != DocumentRule::file)
    return Holdout::some_documents(options.val_fraction, options.seed);
  if (n_files == 1)
    return Holdout::tail(count_text_bytes(inputs.files.front()), options.val_fraction);
  return Holdout::some_files(n_files, options.val_fraction, options.seed);
}

std::string describe_documents(const TokenizeOptions& options) {
  switch (options.documents) {
    case DocumentRule::file:
      return "each file is one document";
    case DocumentRule::paragraph:
      return "empty lines end a document unless the next line is indented";
    case DocumentRule::line:
      return "each line is one document";
    case DocumentRule::separator:
      return fmt::format("a line '{}' ends a document", options.separator);
  }
  return "";
}

/// One line on stderr every ten seconds.
class Progress {
 public:
  void add(int64_t n_bytes) {
    n_bytes_ += n_bytes;
    if (seconds_since(last_) < 10) return;
    last_ = Clock::now();
    log::info("read {} of text, {:.0f} MB/s", format_bytes(n_bytes_),
              static_cast<double>(n_bytes_) / 1e6 / seconds_since(start_));
  }

 private:
  Clock::time_point start_ = Clock::now();
  Clock::time_point last_ = start_;
  int64_t n_bytes_ = 0;
};

std::vector<SourceFile> stream_files(const TokenizeOptions& options, const Inputs& inputs,
                                     DocumentRouter& router) {
  std::vector<SourceFile> sources;
  DocumentSplitter splitter(options.documents, options.separator, router.handler());
  Progress progress;
  for (const fs::path& file : inputs.files) {
    router.start_file(static_cast<int64_t>(sources.size()));
    TextSource source(file);
    SourceFile& entry = sources.emplace_back(SourceFile{fs::absolute(file).string(), 0});
    for (std::string_view text = source.next(); !text.empty(); text = source.next()) {
      splitter.feed(text);
      entry.n_bytes += static_cast<int64_t>(text.size());
      progress.add(static_cast<int64_t>(text.size()));
    }
    splitter.finish();
  }
  router.finish();
  return sources;
}

void check_splits(const TokenizeOptions& options, const DatasetIndex& index) {
  const int64_t n_documents = index.train.n_documents + index.val.n_documents;
  if (index.train.n_tokens == 0)
    throw ConfigError(
        fmt::format("--val-fraction is {} (all of the {} documents were held out); "
                    "lower it, or cut documents by another rule (--documents)",
                    options.val_fraction, n_documents));
  const bool wants_val = options.val_fraction > 0 || !options.val_files.empty();
  if (wants_val && index.val.n_tokens == 0)
    throw ConfigError(
        fmt::format("--val-fraction is {} (none of the {} documents was held out); "
                    "raise it, give --val-files, or 0 for no validation split",
                    options.val_fraction, n_documents));
}

DatasetIndex build_dataset(const TokenizeOptions& options, const Inputs& inputs,
                           Tokenizer& tokenizer, const fs::path& folder) {
  const Holdout holdout = choose_holdout(options, inputs);
  const ShardSpec spec{folder, tokenizer.vocab_size(), options.shard_tokens};
  SplitWriter train("train", spec);
  SplitWriter val("val", spec);
  DocumentRouter router(tokenizer, holdout, train, val);
  DatasetIndex index;
  index.tokenizer = tokenizer.name();
  index.vocab_size = tokenizer.vocab_size();
  index.eot_token = tokenizer.eot_token();
  index.token_dtype = token_dtype_for_vocab(tokenizer.vocab_size());
  index.document_rule = describe_documents(options);
  index.validation_rule = holdout.description();
  index.sources = stream_files(options, inputs, router);
  index.train = train.finish();
  index.val = val.finish();
  if (train.bigrams()) index.baselines = ngram_baselines(*train.bigrams(), *val.bigrams());
  return index;
}

}  // namespace

TokenizeResult tokenize(const TokenizeOptions& options) {
  const Clock::time_point start = Clock::now();
  const std::unique_ptr<Tokenizer> tokenizer = make_tokenizer(options.tokenizer);
  const Inputs inputs = open_inputs(options);
  DatasetFolder folder(options.out, options.existing);
  const DatasetIndex index = build_dataset(options, inputs, *tokenizer, folder.staging());
  check_splits(options, index);
  folder.publish(index);
  return {.index = index, .skipped = inputs.skipped, .seconds = seconds_since(start)};
}

}  // namespace isoflop
