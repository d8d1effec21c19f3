// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

namespace isoflop {

/// The text a plan trains on, as far as it is known.
struct TrainingText {
  std::filesystem::path path = "data/tokens";  ///< folder that tokenize wrote, or shall write
  std::string tokenizer = "GPT-2 BPE";
  int64_t vocab_size = 50257;
  std::optional<int64_t> train_tokens;  ///< absent: the plan was made without --data
  std::optional<int64_t> val_tokens;

  std::optional<double> assumed_tokens;  ///< --dataset-tokens

  bool known() const { return train_tokens.has_value(); }
  /// Tokens that there are before any is read again, as far as somebody said.
  std::optional<double> unique_tokens() const {
    return train_tokens ? static_cast<double>(*train_tokens) : assumed_tokens;
  }
};

/// What the user said about the text: a dataset, or a tokenizer and a vocabulary to assume.
struct TextOptions {
  std::optional<std::filesystem::path> data;
  std::optional<std::string> tokenizer;
  std::optional<int64_t> vocab_size;
  std::optional<double> dataset_tokens = std::nullopt;
};

/// Reads dataset.yaml when --data is given. Throws FileError or ConfigError, also when an option
/// contradicts the dataset.
TrainingText describe_text(const TextOptions& options);

}  // namespace isoflop
