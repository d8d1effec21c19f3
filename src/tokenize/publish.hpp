// SPDX-License-Identifier: MIT
#pragma once

#include "core/tokenizer/tokenizer.hpp"
#include "tokenize/dataset_folder.hpp"

namespace isoflop {

/// The part of the index that a tokenizer decides, but for its vocabulary.
void describe_tokenizer(const Tokenizer& tokenizer, DatasetIndex& index);

/// Throws ConfigError when training, or a validation split that `wants_val`, has no tokens.
void check_splits(const DatasetIndex& index, double val_fraction, bool wants_val);

/// Adds baselines to the index of what is staged (small vocabularies have them) and publishes it
/// with the tokenizer's vocabulary; `tokenizer` is null when there is none.
void publish_dataset(DatasetFolder& folder, const Tokenizer* tokenizer, DatasetIndex& index);

}  // namespace isoflop
