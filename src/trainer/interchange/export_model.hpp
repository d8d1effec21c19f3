// SPDX-License-Identifier: MIT
#pragma once

#include "trainer/interchange/foreign_family.hpp"
#include "trainer/tensor/dtype.hpp"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

namespace isoflop {

/// transformers' own default.
inline constexpr int64_t kDefaultShardBytes = 5'000'000'000;

struct ExportRequest {
  std::filesystem::path checkpoint;  ///< as SavedModel takes it
  std::filesystem::path to;          ///< a new folder
  /// Of the weights; absent: the type that the run's forward pass had them in.
  std::optional<DType> dtype = std::nullopt;
  int64_t shard_bytes = kDefaultShardBytes;
  std::filesystem::path data = {};  ///< dataset that tells the tokenizer; empty: the run's
};

/// What was written.
struct ExportedModel {
  std::filesystem::path checkpoint;
  int64_t step = 0;
  ForeignFamily family = ForeignFamily::llama;
  DType dtype = DType::f32;
  int64_t n_parameters = 0;
  int64_t bytes = 0;
  int64_t n_files = 0;
  int64_t model_vocab_size = 0;  ///< with padding
  int64_t vocab_size = 0;        ///< without, as far as the dataset is known
  std::string tokenizer;         ///< what became of it, in words
};

/// Writes the folder that transformers loads with from_pretrained: config.json, safetensors and the
/// tokenizer's files as far as the run's dataset keeps them. Holds a part of a tensor in memory at
/// a time, or one whole matrix of GPT-2's, which is transposed. Throws FileError, or ConfigError
/// for a model that transformers does not have (foreign_family) and for weights beyond float16.
ExportedModel export_model(const ExportRequest& request);

}  // namespace isoflop
