// SPDX-License-Identifier: MIT
#include "planner/training_text.hpp"

#include "core/base/error.hpp"
#include "core/data/dataset_index.hpp"

#include <fmt/format.h>

namespace isoflop {

namespace {

/// Bytes 0 to 255 and end of text.
constexpr int64_t kByteVocabSize = 257;

TrainingText read_dataset(const std::filesystem::path& folder) {
  const DatasetIndex index = load_dataset_index(folder);
  TrainingText text;
  text.path = std::filesystem::absolute(folder).lexically_normal();
  text.tokenizer = index.tokenizer;
  text.vocab_size = index.vocab_size;
  text.train_tokens = index.train.n_tokens;
  text.val_tokens = index.val.n_tokens;
  return text;
}

void refuse_contradictions(const TrainingText& text, const TextOptions& options) {
  const std::string where = (text.path / kDatasetIndexName).string();
  if (options.dataset_tokens) {
    throw ConfigError(
        fmt::format("--dataset-tokens beside --data ({} has {} training tokens); leave it out",
                    where, *text.train_tokens));
  }
  if (options.tokenizer && *options.tokenizer != text.tokenizer) {
    throw ConfigError(fmt::format("--tokenizer is '{}' ({} says '{}'); leave the option out",
                                  *options.tokenizer, where, text.tokenizer));
  }
  if (options.vocab_size && *options.vocab_size < text.vocab_size) {
    throw ConfigError(fmt::format("--vocab-size is {} ({} has ids up to {}); give at least {}",
                                  *options.vocab_size, where, text.vocab_size - 1,
                                  text.vocab_size));
  }
}

}  // namespace

TrainingText describe_text(const TextOptions& options) {
  TrainingText text;
  if (options.data) {
    text = read_dataset(*options.data);
    refuse_contradictions(text, options);
  }
  text.assumed_tokens = options.dataset_tokens;
  if (options.tokenizer) text.tokenizer = *options.tokenizer;
  if (!options.data && text.tokenizer == "bytes") text.vocab_size = kByteVocabSize;
  if (options.vocab_size) text.vocab_size = *options.vocab_size;
  if (text.vocab_size < 2) {
    throw ConfigError(fmt::format("--vocab-size is {} (must be at least 2)", text.vocab_size));
  }
  return text;
}

}  // namespace isoflop
