// SPDX-License-Identifier: MIT
#include "trainer/step_io.hpp"

#include <cstring>

namespace isoflop {
namespace {

/// losses and votes.
constexpr int64_t kLossesAndVotes = 2 + sizeof(StepVotes) / sizeof(double);
constexpr int64_t kTimes = sizeof(RankTimes) / sizeof(double);
constexpr int64_t kMemory = sizeof(RankMemory) / sizeof(double);
constexpr int64_t kCheckpoint = sizeof(CheckpointProgress) / sizeof(double);
static_assert(offsetof(StepState, output) + offsetof(StepState::Output, loss_sum) +
                      kLossesAndVotes * sizeof(double) ==
                  sizeof(StepState),
              "what is summed over ranks must be one piece");

/// By tensor: norms, extremes, sums of gradients.
constexpr int64_t kByTensor = 2 + 2 + 3;

}  // namespace

StepIo::StepIo(Device& device, Collectives& collectives, int64_t n_tensor)
    : device_(device), collectives_(collectives) {
  const int64_t n_rank = collectives.size(Group::world);
  const int64_t n_double = kByTensor * n_tensor + (kTimes + 1) * n_rank + kMemory + kCheckpoint;
  memory_ =
      device.allocate(static_cast<int64_t>(sizeof(StepState)) + n_double * size_of(DType::f64),
                      MemoryCategory::state);
  auto* place = reinterpret_cast<double*>(state() + 1);
  const auto take = [&](Extents shape) {
    const TensorView view(place, DType::f64, shape);
    place += view.size();
    return view;
  };
  statistics_.norms = take({n_tensor, 2});
  rank_times_ = take({n_rank, kTimes});
  rank_losses_ = take({n_rank});
  statistics_.extremes = take({n_tensor, 2});
  rank_memory_ = take({kMemory});
  rank_checkpoint_ = take({kCheckpoint});
  statistics_.sums = take({n_tensor, 3});
  summed_ = {
      &state()->output.loss_sum,
      DType::f64,
      {kLossesAndVotes + statistics_.norms.size() + rank_times_.size() + rank_losses_.size()}};
  compared_ = {
      statistics_.extremes.data, DType::f64, {statistics_.extremes.size() + kMemory + kCheckpoint}};
  for (Slot& slot : slots_) {
    slot.input = device.allocate_pinned(sizeof(StepState::Input));
    slot.results = device.allocate_pinned(bytes_to(place));
  }
  device.zero(state(), sizeof(StepState), device.compute_stream());
  set_loss_scale(StepState::LossScale{});
}

TensorView StepIo::loss_sums() const { return {&state()->output.loss_sum, DType::f64, {2}}; }

void StepIo::set_loss_scale(const StepState::LossScale& loss_scale) {
  upload(&state()->loss_scale, &loss_scale, sizeof(loss_scale));
}

void StepIo::set_n_update(int64_t n_update) {
  upload(&state()->n_update, &n_update, sizeof(n_update));
}

void StepIo::upload(void* out, const void* in, std::size_t bytes) {
  const Buffer staging = device_.allocate_pinned(static_cast<int64_t>(bytes));
  std::memcpy(staging.data(), in, bytes);
  device_.copy(out, staging.data(), static_cast<int64_t>(bytes), device_.compute_stream());
  device_.synchronize(device_.record(device_.compute_stream()));
}

void StepIo::begin(const StepState::Input& input) {
  const Buffer& staging = slot(input.step).input;
  std::memcpy(staging.data(), &input, sizeof(input));
  const Stream compute = device_.compute_stream();
  device_.wait(compute, slot(input.step - 1).copied);
  const StepState::Input& arrived = state()->input;
  StepState::Output& output = state()->output;
  device_.copy(&state()->input, staging.data(), sizeof(input), compute);
  device_.zero(&output, bytes_to(statistics_.extremes.data), compute);
  device_.copy(&output.loss_scale, &state()->loss_scale.scale, sizeof(double), compute);
  device_.copy(&output.votes, &arrived.votes, sizeof(arrived.votes), compute);
  const int64_t rank = collectives_.rank(Group::world);
  device_.copy(rank_times_.flat_slice(rank * kTimes, {kTimes}).data, &arrived.times,
               sizeof(arrived.times), compute);
  device_.copy(rank_memory_.data, &arrived.memory, sizeof(arrived.memory), compute);
  device_.copy(rank_checkpoint_.data, &arrived.checkpoint, sizeof(arrived.checkpoint), compute);
}

void StepIo::reduce() {
  const Stream compute = device_.compute_stream();
  const Stream communication = device_.communication_stream();
  device_.copy(rank_losses_.flat_slice(collectives_.rank(Group::world), {1}).data,
               &state()->output.loss_sum, sizeof(double), compute);
  const Event local = device_.record(compute);
  device_.wait(compute, collectives_.all_reduce(summed_, summed_, ReduceOp::sum, Group::world,
                                                communication, local));
  device_.wait(compute, collectives_.all_reduce(compared_, compared_, ReduceOp::max, Group::world,
                                                communication, local));
}

void StepIo::end(int64_t step) {
  const Stream readback = device_.readback_stream();
  Slot& slot = this->slot(step);
  device_.wait(readback, device_.record(device_.compute_stream()));
  device_.copy(slot.results.data(), &state()->output, slot.results.bytes(), readback);
  slot.copied = device_.record(readback);
}

StepReadback StepIo::wait(int64_t step) {
  const Slot& slot = this->slot(step);
  device_.synchronize(slot.copied);
  StepReadback result;
  std::memcpy(&result.output, slot.results.data(), sizeof(result.output));
  result.sums = on_host(slot, statistics_.sums);
  result.extremes = on_host(slot, statistics_.extremes);
  result.norms = on_host(slot, statistics_.norms);
  result.rank_times = on_host(slot, rank_times_);
  result.rank_losses = on_host(slot, rank_losses_);
  result.rank_times_step = static_cast<const StepState::Input*>(slot.input.data())->times_step;
  const std::span<const double> memory = on_host(slot, rank_memory_);
  result.memory = {.allocated = memory[0], .peak = memory[1], .reserved = memory[2]};
  const std::span<const double> checkpoint = on_host(slot, rank_checkpoint_);
  result.checkpoint = {.minus_finished = checkpoint[0], .failed = checkpoint[1]};
  return result;
}

int64_t StepIo::bytes_to(const void* end) const {
  return static_cast<const std::byte*>(end) - reinterpret_cast<const std::byte*>(&state()->output);
}

std::span<const double> StepIo::on_host(const Slot& slot, const TensorView& result) const {
  const auto* const place =
      static_cast<const std::byte*>(slot.results.data()) + bytes_to(result.data);
  return {reinterpret_cast<const double*>(place), static_cast<std::size_t>(result.size())};
}

}  // namespace isoflop
