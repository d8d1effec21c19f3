// SPDX-License-Identifier: MIT
#include "tokenize/tokenize.hpp"

#include "core/base/build_info.hpp"
#include "core/base/error.hpp"
#include "core/base/log.hpp"
#include "core/data/checksum.hpp"
#include "core/tokenizer/tokenizer.hpp"
#include "tokenize/batch_encoder.hpp"
#include "tokenize/batch_reader.hpp"
#include "tokenize/holdout.hpp"
#include "tokenize/input_files.hpp"
#include "tokenize/ordered_pipeline.hpp"
#include "tokenize/progress.hpp"
#include "tokenize/publish.hpp"
#include "tokenize/split_router.hpp"
#include "tokenize/split_writer.hpp"
#include "tokenize/text_source.hpp"
#include "tokenize/work_state.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <numeric>

namespace isoflop {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;
using Conditions = std::vector<std::pair<std::string, std::string>>;

/// More would bury everything else that is logged.
constexpr int64_t kBadLinesNamed = 20;

std::string text_field_of(const TokenizeOptions& options) {
  return options.text_field.value_or("text");
}

DocumentRule rule_of(const TokenizeOptions& options) {
  return options.documents.value_or(DocumentRule::file);
}

Holdout choose_holdout(const TokenizeOptions& options, const InputFiles& inputs) {
  const auto n_files = static_cast<int64_t>(inputs.files.size());
  if (!options.val_files.empty()) return Holdout::files_from(inputs.first_val_file);
  if (options.val_fraction == 0) return Holdout::nothing();
  if (rule_of(options) != DocumentRule::file || inputs.has(InputFormat::json_lines))
    return Holdout::some_documents(options.val_fraction, options.seed);
  if (n_files == 1)
    return Holdout::tail(count_text_bytes(inputs.files.front().path), options.val_fraction);
  return Holdout::some_files(n_files, options.val_fraction, options.seed);
}

std::string describe_text_documents(const TokenizeOptions& options) {
  switch (rule_of(options)) {
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

std::string describe_documents(const TokenizeOptions& options, const InputFiles& inputs) {
  const std::string text = describe_text_documents(options);
  if (!inputs.has(InputFormat::json_lines)) return text;
  const std::string json = fmt::format(
      "the field '{}' of each line of a .jsonl file is one document", text_field_of(options));
  return inputs.has(InputFormat::text) ? json + "; elsewhere " + text : json;
}

/// Everything that decides what is written.
Conditions conditions_of(const TokenizeOptions& options, const InputFiles& inputs,
                         const Tokenizer& tokenizer) {
  const std::optional<VocabularySource> vocabulary = tokenizer.vocabulary();
  return {{"program", build_version() + " " + build_commit()},
          {"input files", format_crc32(inputs.fingerprint())},
          {"--tokenizer", vocabulary ? format_crc32(vocabulary->crc32) : tokenizer.name()},
          {"document rule", describe_documents(options, inputs)},
          {"--val-fraction", fmt::format("{}", options.val_fraction)},
          {"number of training files", fmt::format("{}", inputs.first_val_file)},
          {"--seed", fmt::format("{}", options.seed)},
          {"--shard-tokens", fmt::format("{}", options.shard_tokens)},
          {"--skip-bad-lines", options.bad_lines == BadLines::skip ? "yes" : "no"}};
}

int64_t n_tokens_of(const OpenSplit& split) {
  return split.index.n_tokens + (split.shard ? split.shard->n_tokens : 0);
}

/// Takes encoded batches in order: writes them, and from time to time how far it has come.
class DatasetBuilder {
 public:
  DatasetBuilder(const TokenizeOptions& options, const InputFiles& inputs, const Holdout& holdout,
                 const ShardSpec& spec, WorkState state)
      : options_(options),
        inputs_(inputs),
        folder_(spec.folder),
        state_(std::move(state)),
        train_("train", spec, state_.train),
        val_("val", spec, state_.val),
        router_(holdout, train_, val_, state_.router),
        progress_(inputs.n_stored_bytes(), stored_bytes_before(state_.next)) {}

  void add(const EncodedBatch& batch) {
    take_bad_lines(batch);
    router_.add(batch);
    state_.next = batch.next;
    state_.source_bytes.resize(static_cast<std::size_t>(batch.file) + 1);
    state_.source_bytes.back() += batch.n_file_bytes;
    progress_.update(batch.n_stored_bytes, static_cast<int64_t>(batch.tokens.size()));
    n_unkept_bytes_ += batch.n_file_bytes;
    if (n_unkept_bytes_ >= options_.keep_every_bytes) keep();
  }

  /// Commits the last shards.
  void finish(DatasetIndex& index) {
    index.train = train_.finish();
    index.val = val_.finish();
    state_.source_bytes.resize(inputs_.files.size());
    for (std::size_t i = 0; i < inputs_.files.size(); ++i)
      index.sources.push_back(
          {fs::absolute(inputs_.files[i].path).string(), state_.source_bytes[i]});
    progress_.clear();
  }

  int64_t n_bad_lines() const { return state_.n_bad_lines; }

 private:
  int64_t stored_bytes_before(InputPlace place) const {
    int64_t n_bytes = 0;
    for (int64_t i = 0; i < place.file; ++i)
      n_bytes += inputs_.files[static_cast<std::size_t>(i)].n_stored_bytes;
    return n_bytes;
  }

  void take_bad_lines(const EncodedBatch& batch) {
    const std::string file = inputs_.files[static_cast<std::size_t>(batch.file)].path.string();
    for (const BadLine& bad : batch.bad_lines) {
      if (options_.bad_lines == BadLines::stop)
        throw FileError(fmt::format("{}:{}: {}; correct the line, or add --skip-bad-lines", file,
                                    bad.line, bad.problem));
      if (++state_.n_bad_lines > kBadLinesNamed) continue;
      progress_.clear();
      log::warn("{}:{}: skipped ({})", file, bad.line, bad.problem);
    }
  }

  void keep() {
    state_.router = router_.state();
    state_.train = train_.keep();
    state_.val = val_.keep();
    save_work_state(folder_, state_);
    n_unkept_bytes_ = 0;
  }

  const TokenizeOptions& options_;
  const InputFiles& inputs_;
  fs::path folder_;
  WorkState state_;
  SplitWriter train_;
  SplitWriter val_;
  SplitRouter router_;
  Progress progress_;
  int64_t n_unkept_bytes_ = 0;
};

/// What an earlier run left, or a fresh start.
WorkState first_state(const DatasetFolder& folder, const TokenizeOptions& options,
                      Conditions conditions, TokenDtype dtype) {
  WorkState state;
  if (folder.has_unfinished_work()) {
    state = load_work_state(folder.staging(), dtype);
    check_conditions(state, conditions, options.out);
  }
  state.conditions = std::move(conditions);
  return state;
}

void encode_all(const TokenizeOptions& options, const InputFiles& inputs, const Holdout& holdout,
                const Tokenizer& tokenizer, InputPlace from, DatasetBuilder& builder) {
  const ReadingRule rule{.documents = rule_of(options),
                         .separator = options.separator,
                         .tail_start = holdout.tail_start()};
  BatchReader reader(inputs, rule, tokenizer, from);
  std::vector<BatchEncoder> encoders;
  for (int i = 0; i < options.n_jobs; ++i)
    encoders.emplace_back(tokenizer.clone(), text_field_of(options));
  run_ordered_pipeline(reader, encoders, [&](const EncodedBatch& batch) { builder.add(batch); });
}

}  // namespace

TokenizeResult tokenize(const TokenizeOptions& options) {
  const Clock::time_point start = Clock::now();
  const std::unique_ptr<Tokenizer> tokenizer = open_tokenizer(options.tokenizer);
  const InputFiles inputs = open_input_files(options);
  const Holdout holdout = choose_holdout(options, inputs);
  DatasetFolder folder(options.out, options.existing, options.unfinished);
  const int64_t vocab_size = tokenizer->vocab_size();
  const WorkState state = first_state(folder, options, conditions_of(options, inputs, *tokenizer),
                                      token_dtype_for_vocab(vocab_size));
  TokenizeResult result;
  result.skipped = inputs.skipped;
  result.n_bytes_before =
      std::accumulate(state.source_bytes.begin(), state.source_bytes.end(), int64_t{0});
  result.n_tokens_before = n_tokens_of(state.train) + n_tokens_of(state.val);
  DatasetBuilder builder(options, inputs, holdout,
                         {folder.staging(), vocab_size, options.shard_tokens}, state);
  encode_all(options, inputs, holdout, *tokenizer, state.next, builder);
  DatasetIndex& index = result.index;
  describe_tokenizer(*tokenizer, index);
  index.document_rule = describe_documents(options, inputs);
  index.validation_rule = holdout.description();
  builder.finish(index);
  result.n_bad_lines = builder.n_bad_lines();
  check_splits(index, options.val_fraction, options.val_fraction > 0 || !options.val_files.empty());
  publish_dataset(folder, tokenizer.get(), index);
  result.seconds = std::chrono::duration<double>(Clock::now() - start).count();
  return result;
}

}  // namespace isoflop
