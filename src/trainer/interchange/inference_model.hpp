// SPDX-License-Identifier: MIT
#pragma once

#include "trainer/data/batch_loader.hpp"
#include "trainer/interchange/loaded_parameters.hpp"
#include "trainer/model/tensor_parallel.hpp"
#include "trainer/model/transformer.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

namespace isoflop {

/// A saved model ready for forward passes of one size of batch.
class InferenceModel {
 public:
  /// `model` and `backend` must outlive it; `shape` is the model's with an attention backend that
  /// the device has. Attention sees no other document where the run had data.document_mask and
  /// `end_of_document`, a token, is known.
  InferenceModel(const SavedModel& model, ModelShape shape, const Backend& backend,
                 std::optional<int32_t> end_of_document = {});

  const ModelShape& shape() const { return shape_; }
  /// Makes room for batches of this size; no block keeps its activations.
  void resize(int64_t batch_size, int64_t seq_len);
  const StepShape& step() const { return step_; }
  Transformer& transformer() { return *transformer_; }
  BatchLoader& loader() { return *loader_; }
  /// What the model gives the next token after `tokens`, at most seq_len of them in a batch of one
  /// sequence: vocab_size logits. The host waits.
  std::vector<float> next_logits(std::span<const int32_t> tokens);

 private:
  ModelShape shape_;
  const Backend& backend_;
  std::optional<int32_t> end_of_document_;
  LoadedParameters parameters_;
  NoTensorParallel tensor_parallel_;
  StepShape step_;
  std::unique_ptr<Arena> workspace_;
  std::unique_ptr<Transformer> transformer_;
  std::unique_ptr<BatchLoader> loader_;
  Buffer host_logits_;
};

}  // namespace isoflop
