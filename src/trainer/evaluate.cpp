// SPDX-License-Identifier: MIT
#include "trainer/evaluate.hpp"

#include <algorithm>
#include <chrono>

namespace isoflop {

Evaluator::Evaluator(const Backend& backend, Collectives& collectives, const TokenWindows& windows,
                     int64_t n_sequences, const StepShape& step)
    : backend_(backend),
      collectives_(collectives),
      windows_(windows),
      n_sequences_(std::min(n_sequences, windows.n_windows())),
      step_(step),
      loss_sums_(backend.device->allocate(2 * sizeof(double), MemoryCategory::state)),
      host_loss_sum_(backend.device->allocate_pinned(sizeof(double))) {}

EvalResult Evaluator::run(Transformer& model, BatchLoader& loader) {
  const auto start = std::chrono::steady_clock::now();
  Device& device = *backend_.device;
  const Stream compute = device.compute_stream();
  const TensorView loss_sums = loss_sums_.view(DType::f64, {2});
  const TensorView loss_sum = loss_sums.flat_slice(0, {1});
  device.zero(loss_sums.data, loss_sums.bytes(), compute);
  const int64_t stride = collectives_.size(Group::world) * step_.batch_size;
  for (int64_t first = collectives_.rank(Group::world) * step_.batch_size;
       first - first % stride < n_sequences_; first += stride) {
    const Batch batch = loader.load([&](std::span<int32_t> inputs, std::span<int32_t> targets) {
      fill(first, inputs, targets);
    });
    model.forward(batch);
    model.loss(batch, loss_sums);
  }
  device.wait(compute,
              collectives_.all_reduce(loss_sum, loss_sum, ReduceOp::sum, Group::world,
                                      device.communication_stream(), device.record(compute)));
  device.copy(host_loss_sum_.data(), loss_sum.data, loss_sum.bytes(), compute);
  device.synchronize(device.record(compute));

  EvalResult result;
  result.n_tokens = windows_.n_targets(n_sequences_);
  result.loss =
      *static_cast<const double*>(host_loss_sum_.data()) / static_cast<double>(result.n_tokens);
  result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return result;
}

void Evaluator::fill(int64_t first_window, std::span<int32_t> inputs,
                     std::span<int32_t> targets) const {
  const auto T = static_cast<std::size_t>(step_.seq_len);
  for (int64_t row = 0; row < step_.batch_size; ++row) {
    const std::span<int32_t> row_inputs = inputs.subspan(static_cast<std::size_t>(row) * T, T);
    const std::span<int32_t> row_targets = targets.subspan(static_cast<std::size_t>(row) * T, T);
    if (first_window + row < n_sequences_) {
      windows_.read(first_window + row, row_inputs, row_targets);
    } else {
      std::fill(row_inputs.begin(), row_inputs.end(), 0);
      std::fill(row_targets.begin(), row_targets.end(), -1);
    }
  }
}

}  // namespace isoflop
