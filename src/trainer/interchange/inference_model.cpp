// SPDX-License-Identifier: MIT
#include "trainer/interchange/inference_model.hpp"

#include "core/base/check.hpp"

#include <algorithm>
#include <utility>

namespace isoflop {

InferenceModel::InferenceModel(const SavedModel& model, ModelShape shape, const Backend& backend,
                               std::optional<int32_t> end_of_document)
    : shape_(std::move(shape)),
      backend_(backend),
      end_of_document_(model.config().data.document_mask ? end_of_document : std::nullopt),
      parameters_(model, backend),
      host_logits_(
          backend.device->allocate_pinned(shape_.vocab_size * size_of(backend.master_dtype))) {}

void InferenceModel::resize(int64_t batch_size, int64_t seq_len) {
  loader_.reset();
  transformer_.reset();
  workspace_.reset();
  // what no backward pass reads may lie in memory that all blocks share
  step_ = {.batch_size = batch_size, .seq_len = seq_len, .recompute = Recompute::full};
  const int64_t bytes =
      workspace_bytes(shape_, step_, backend_) +
      backend_.ops->prepare(shape_, {batch_size, seq_len, end_of_document_.has_value()});
  workspace_ = std::make_unique<Arena>(*backend_.device, bytes, MemoryCategory::workspace);
  transformer_ = std::make_unique<Transformer>(shape_, step_, backend_, parameters_,
                                               tensor_parallel_, *workspace_);
  loader_ = std::make_unique<BatchLoader>(*backend_.device, step_, BatchLoader::kMinStaging,
                                          end_of_document_);
}

std::vector<float> InferenceModel::next_logits(std::span<const int32_t> tokens) {
  ISOFLOP_CHECK(!tokens.empty() && std::ssize(tokens) <= step_.seq_len && step_.batch_size == 1);
  const Batch batch = loader_->load([&](std::span<int32_t> inputs, std::span<int32_t> targets) {
    std::fill(inputs.begin(), inputs.end(), 0);  // tokens behind the last change nothing
    std::copy(tokens.begin(), tokens.end(), inputs.begin());
    std::fill(targets.begin(), targets.end(), -1);
  });
  transformer_->forward(batch);
  const TensorView logits = transformer_->logits(std::ssize(tokens) - 1);
  Device& device = *backend_.device;
  device.copy(host_logits_.data(), logits.data, logits.bytes(), device.compute_stream());
  device.synchronize(device.record(device.compute_stream()));
  const auto n = static_cast<std::size_t>(shape_.vocab_size);
  if (logits.dtype == DType::f32) {
    const auto* const values = static_cast<const float*>(host_logits_.data());
    return {values, values + n};
  }
  const auto* const values = static_cast<const double*>(host_logits_.data());
  return {values, values + n};
}

}  // namespace isoflop
