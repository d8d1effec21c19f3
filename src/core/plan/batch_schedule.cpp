// SPDX-License-Identifier: MIT
#include "core/plan/batch_schedule.hpp"

#include "core/base/check.hpp"

#include <algorithm>

namespace isoflop {

BatchSchedule::BatchSchedule(int64_t full_batch_size, const std::optional<BatchRamp>& ramp)
    : start_(ramp ? ramp->start : full_batch_size) {
  if (!ramp) return;
  increment_ = ramp->increment;
  n_increments_ = (full_batch_size - ramp->start) / ramp->increment;
  steps_per_stage_ = ramp->steps / n_increments_;
  ISOFLOP_CHECK(start_ + n_increments_ * increment_ == full_batch_size &&
                steps_per_stage_ * n_increments_ == ramp->steps);
}

int64_t BatchSchedule::stage(int64_t step) const {
  return std::min((step - 1) / steps_per_stage_, n_increments_);
}

int64_t BatchSchedule::batch_size(int64_t step) const { return start_ + stage(step) * increment_; }

int64_t BatchSchedule::samples_before(int64_t step) const {
  const int64_t stages = stage(step);  // complete ones
  const int64_t of_stages =
      steps_per_stage_ * (stages * start_ + stages * (stages - 1) / 2 * increment_);
  return of_stages + (step - 1 - stages * steps_per_stage_) * batch_size(step);
}

std::optional<int64_t> BatchSchedule::steps_for(int64_t samples) const {
  int64_t too_few = 0;
  int64_t enough = INT32_MAX;
  if (samples_before(enough + 1) < samples) return std::nullopt;
  while (enough - too_few > 1) {
    const int64_t middle = too_few + (enough - too_few) / 2;
    (samples_before(middle + 1) < samples ? too_few : enough) = middle;
  }
  return enough;
}

std::optional<int64_t> BatchSchedule::first_size_not_multiple_of(int64_t sequences) const {
  if (start_ % sequences != 0) return start_;
  if (increment_ % sequences != 0) return start_ + increment_;
  return std::nullopt;
}

}  // namespace isoflop
