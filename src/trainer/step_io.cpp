// SPDX-License-Identifier: MIT
#include "trainer/step_io.hpp"

#include <cstddef>
#include <cstring>

namespace isoflop {
namespace {

/// Neighbours from loss_sum on that are reduced together: loss_sum, z_loss_sum, votes.
constexpr int64_t kReduced = 2 + sizeof(StepVotes) / sizeof(double);
static_assert(offsetof(StepState::Output, votes) ==
              offsetof(StepState::Output, loss_sum) + 2 * sizeof(double));

}  // namespace

StepIo::StepIo(Device& device, Collectives& collectives, const TensorStatistics& gradients)
    : device_(device),
      collectives_(collectives),
      gradients_(gradients),
      state_(device.allocate(sizeof(StepState), MemoryCategory::state)) {
  set_loss_scale(StepState::LossScale{});
  for (Slot& slot : slots_) {
    slot.input = device.allocate_pinned(sizeof(StepState::Input));
    slot.output = device.allocate_pinned(sizeof(StepState::Output));
    slot.statistics = device.allocate_pinned(gradients.sums.bytes() + gradients.extremes.bytes());
  }
}

TensorView StepIo::loss_sums() const { return {&state()->output.loss_sum, DType::f64, {2}}; }

void StepIo::set_loss_scale(const StepState::LossScale& loss_scale) {
  const Buffer staging = device_.allocate_pinned(sizeof(loss_scale));
  std::memcpy(staging.data(), &loss_scale, sizeof(loss_scale));
  device_.copy(&state()->loss_scale, staging.data(), sizeof(loss_scale), device_.compute_stream());
  device_.synchronize(device_.record(device_.compute_stream()));
}

void StepIo::begin(const StepState::Input& input) {
  const Buffer& staging = slot(input.step).input;
  std::memcpy(staging.data(), &input, sizeof(input));
  const Stream compute = device_.compute_stream();
  device_.copy(&state()->input, staging.data(), sizeof(input), compute);
  device_.zero(&state()->output, sizeof(StepState::Output), compute);
  device_.copy(&state()->output.loss_scale, &state()->loss_scale.scale, sizeof(double), compute);
}

void StepIo::end(int64_t step) {
  const Stream compute = device_.compute_stream();
  device_.copy(&state()->output.votes, &state()->input.votes, sizeof(StepVotes), compute);
  const TensorView reduced(&state()->output.loss_sum, DType::f64, {kReduced});
  device_.wait(compute,
               collectives_.all_reduce(reduced, reduced, ReduceOp::sum, Group::world,
                                       device_.communication_stream(), device_.record(compute)));
  Slot& slot = this->slot(step);
  auto* const statistics = static_cast<std::byte*>(slot.statistics.data());
  device_.copy(slot.output.data(), &state()->output, sizeof(StepState::Output), compute);
  device_.copy(statistics, gradients_.sums.data, gradients_.sums.bytes(), compute);
  device_.copy(statistics + gradients_.sums.bytes(), gradients_.extremes.data,
               gradients_.extremes.bytes(), compute);
  slot.copied = device_.record(compute);
}

StepReadback StepIo::wait(int64_t step) {
  const Slot& slot = this->slot(step);
  device_.synchronize(slot.copied);
  StepReadback result;
  std::memcpy(&result.output, slot.output.data(), sizeof(result.output));
  const auto* const statistics = static_cast<const double*>(slot.statistics.data());
  const auto n_sums = static_cast<std::size_t>(gradients_.sums.size());
  result.sums = {statistics, n_sums};
  result.extremes = {statistics + n_sums, static_cast<std::size_t>(gradients_.extremes.size())};
  return result;
}

}  // namespace isoflop
