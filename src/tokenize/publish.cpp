// SPDX-License-Identifier: MIT
#include "tokenize/publish.hpp"

#include "core/base/error.hpp"
#include "tokenize/bigram_counts.hpp"

#include <fmt/format.h>

namespace isoflop {

void describe_tokenizer(const Tokenizer& tokenizer, DatasetIndex& index) {
  index.tokenizer = tokenizer.name();
  index.vocab_size = tokenizer.vocab_size();
  index.eot_token = tokenizer.eot_token();
}

void check_splits(const DatasetIndex& index, double val_fraction, bool wants_val) {
  const int64_t n_documents = index.train.n_documents + index.val.n_documents;
  if (index.train.n_tokens == 0)
    throw ConfigError(
        fmt::format("--val-fraction is {} (all of the {} documents were held out); "
                    "lower it, or cut documents by another rule (--documents)",
                    val_fraction, n_documents));
  if (wants_val && index.val.n_tokens == 0)
    throw ConfigError(
        fmt::format("--val-fraction is {} (none of the {} documents was held out); "
                    "raise it, give --val-files, or 0 for no validation split",
                    val_fraction, n_documents));
}

void publish_dataset(DatasetFolder& folder, const Tokenizer* tokenizer, DatasetIndex& index) {
  index.token_dtype = token_dtype_for_vocab(index.vocab_size);
  if (index.vocab_size <= kMaxCountedVocab)
    index.baselines =
        ngram_baselines(count_bigrams(folder.staging(), index.train, index.vocab_size),
                        count_bigrams(folder.staging(), index.val, index.vocab_size));
  const auto vocabulary = tokenizer != nullptr ? tokenizer->vocabulary() : std::nullopt;
  if (vocabulary) index.vocabulary = folder.stage_vocabulary(*vocabulary);
  folder.publish(index);
}

}  // namespace isoflop
