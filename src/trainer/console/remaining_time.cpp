// SPDX-License-Identifier: MIT
#include "trainer/console/remaining_time.hpp"

#include <algorithm>

namespace isoflop {
namespace {

constexpr std::size_t kStepsKept = 101;

double median(std::vector<double> values) {
  const auto middle = values.begin() + std::ssize(values) / 2;
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

/// Multiples of `interval` in (after, last]; none where it is 0.
int64_t multiples(int64_t interval, int64_t after, int64_t last) {
  return interval > 0 ? last / interval - after / interval : 0;
}

}  // namespace

RemainingTime::RemainingTime(const TrainConfig& config, const RunSchedule& schedule)
    : config_(config), schedule_(schedule) {}

void RemainingTime::add_step(int64_t step, double seconds) {
  const double per_sample = seconds / static_cast<double>(schedule_.batches().batch_size(step));
  if (seconds_per_sample_.size() < kStepsKept)
    seconds_per_sample_.push_back(per_sample);
  else
    seconds_per_sample_[next_] = per_sample;
  next_ = (next_ + 1) % kStepsKept;
}

std::optional<double> RemainingTime::after(int64_t step) const {
  if (seconds_per_sample_.empty()) return std::nullopt;
  const double seconds =
      steps_after(step) + static_cast<double>(evaluations_after(step)) * evaluations_.value();
  return seconds + checkpoints_after(step, seconds);
}

double RemainingTime::steps_after(int64_t step) const {
  const BatchSchedule& batches = schedule_.batches();
  const int64_t samples =
      batches.samples_before(schedule_.last_step() + 1) - batches.samples_before(step + 1);
  return static_cast<double>(samples) * median(seconds_per_sample_);
}

int64_t RemainingTime::evaluations_after(int64_t step) const {
  const int64_t last = schedule_.last_step();
  const int64_t interval = config_.eval.interval;
  const bool last_is_extra = interval == 0 || last % interval != 0;
  return multiples(interval, step, last) + (last_is_extra && step < last ? 1 : 0);
}

double RemainingTime::checkpoints_after(int64_t step, double seconds) const {
  const CheckpointConfig& checkpoint = config_.checkpoint;
  const int64_t last = schedule_.last_step();
  auto n = static_cast<double>(multiples(checkpoint.interval, step, last) +
                               multiples(checkpoint.milestone_interval, step, last));
  if (checkpoint.by_time()) n += seconds / (60 * checkpoint.interval_minutes);
  if (checkpoint.at_end) n += 1;
  return n * checkpoints_.value();
}

}  // namespace isoflop
