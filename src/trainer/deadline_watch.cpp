// SPDX-License-Identifier: MIT
#include "trainer/deadline_watch.hpp"

#include "trainer/backend/step_state.hpp"

#include <algorithm>

namespace isoflop {
namespace {

/// The host enqueues two steps before it waits for the first, which is slower than the others.
constexpr int64_t kLapsLeftOut = 2;
/// Laps that make a pace.
constexpr int64_t kFewestLaps = 5;

}  // namespace

DeadlineWatch::DeadlineWatch(double deadline_s, const EvalConfig& eval)
    : deadline_s_(deadline_s), eval_(eval) {}

void DeadlineWatch::begin_step(int64_t step, int64_t batch_size, double now_s) {
  if (step_ > kLapsLeftOut) {
    laps_.at(static_cast<std::size_t>(n_laps_ % kWindow)) = {now_s - begin_s_ - paused_s_,
                                                             samples_};
    ++n_laps_;
  }
  step_ = step;
  samples_ = batch_size;
  begin_s_ = now_s;
  paused_s_ = 0;
}

void DeadlineWatch::evaluated(double seconds) {
  paused_s_ += seconds;
  evaluation_s_ = seconds;
}

double DeadlineWatch::seconds_per_sample() const {
  Lap sum;
  for (const Lap& lap : laps_) {
    sum.seconds += lap.seconds;
    sum.samples += lap.samples;
  }
  return sum.seconds / static_cast<double>(sum.samples);
}

/// Before the first evaluation as if its sequences were trained on, which takes longer.
double DeadlineWatch::evaluation_seconds() const {
  return evaluation_s_.value_or(static_cast<double>(eval_.sequences) * seconds_per_sample());
}

TimeLeft DeadlineWatch::time_left(const RunSchedule& schedule) const {
  const auto batch = static_cast<double>(schedule.batches().batch_size(schedule.config().steps));
  const double share = eval_.interval > 0 ? 1.0 / static_cast<double>(eval_.interval) : 0.0;
  return {.step = step_,
          .left_s = deadline_s_ - begin_s_,
          .step_s = seconds_per_sample() * batch + share * evaluation_seconds(),
          .end_s = evaluation_seconds()};
}

double DeadlineWatch::vote(const RunSchedule& schedule) const {
  // This step and the next are trained whatever is voted for.
  if (schedule.last_step() < step_ + kDecisionDelay) return 0;
  if (deadline_s_ <= begin_s_) return StepVotes::kOutOfTime;
  if (n_laps_ < kFewestLaps) return 0;
  const TimeLeft time = time_left(schedule);
  if (schedule.decays_at(step_ + kDecisionDelay)) {
    const bool in_time = time.left_s > static_cast<double>(kDecisionDelay) * time.step_s;
    return in_time ? 0 : StepVotes::kOutOfTime;
  }
  const auto decay = decay_for_deadline(schedule.config(), time);
  return decay ? static_cast<double>(decay->n_steps) : 0;
}

}  // namespace isoflop
