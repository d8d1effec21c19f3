// SPDX-License-Identifier: MIT
#include "trainer/health/activity.hpp"

#include <algorithm>
#include <utility>
#include <vector>

namespace isoflop {
namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;

}  // namespace

const char* to_string(Phase phase) {
  switch (phase) {
    case Phase::start:
      return "start";
    case Phase::data:
      return "data";
    case Phase::forward:
      return "forward";
    case Phase::backward:
      return "backward";
    case Phase::update:
      return "update";
    case Phase::results:
      return "results";
    case Phase::recording:
      return "recording";
    case Phase::evaluation:
      return "evaluation";
    case Phase::checkpoint:
      return "checkpoint";
    case Phase::end:
      return "end";
  }
  return "unknown";
}

Activity::Activity(Clock clock)
    : clock_(std::move(clock)), since_s_(clock_()), begin_s_(since_s_.load()) {}

void Activity::begin_step(int64_t step) {
  enter(Phase::data);
  const double now_s = since_s_.load(kRelaxed);
  const int64_t n_begun = n_begun_.fetch_add(1, kRelaxed);
  if (n_begun > kLapsLeftOut) {
    const auto n = static_cast<std::size_t>(n_laps_.load(kRelaxed));
    laps_[n % kLaps].store(now_s - begin_s_.load(kRelaxed) - paused_s_.load(kRelaxed), kRelaxed);
    n_laps_.fetch_add(1, std::memory_order_release);
  }
  begin_s_.store(now_s, kRelaxed);
  paused_s_.store(0, kRelaxed);
  step_.store(step, kRelaxed);
}

void Activity::enter(Phase phase) {
  const double now_s = clock_();
  const Phase before = phase_.load(kRelaxed);
  if (is_pause(before))
    paused_s_.store(paused_s_.load(kRelaxed) + now_s - since_s_.load(kRelaxed), kRelaxed);
  if (is_pause(phase)) last_pause_.store(n_begun_.load(kRelaxed), kRelaxed);
  phase_.store(phase, kRelaxed);
  since_s_.store(now_s, std::memory_order_release);
}

void Activity::begin_anew() {
  const double now_s = clock_();
  since_s_.store(now_s, kRelaxed);
  begin_s_.store(now_s, kRelaxed);
  paused_s_.store(0, kRelaxed);
}

/// A phase that changes while it is read is no phase that stalls: `since_s` is then just now.
Doing Activity::now() const {
  Doing doing;
  doing.since_s = since_s_.load(std::memory_order_acquire);
  doing.phase = phase_.load(kRelaxed);
  doing.step = step_.load(kRelaxed);
  doing.step_since_s = begin_s_.load(kRelaxed);
  doing.since_s = std::max(doing.since_s, since_s_.load(kRelaxed));
  return doing;
}

std::optional<double> Activity::median_step_s() const {
  const int64_t n_laps = n_laps_.load(std::memory_order_acquire);
  if (n_laps < kFewestLaps) return std::nullopt;
  std::vector<double> laps;
  for (std::size_t i = 0; i < std::min(kLaps, static_cast<std::size_t>(n_laps)); ++i)
    laps.push_back(laps_[i].load(kRelaxed));
  const auto middle = laps.begin() + static_cast<std::ptrdiff_t>(laps.size() / 2);
  std::nth_element(laps.begin(), middle, laps.end());
  return *middle;
}

bool Activity::is_out_of_the_ordinary() const {
  const int64_t n_begun = n_begun_.load(kRelaxed);
  const int64_t last_pause = last_pause_.load(kRelaxed);
  return n_laps_.load(kRelaxed) < kFewestLaps || (last_pause > 0 && n_begun <= last_pause + 2);
}

Activity& this_activity() {
  static Activity activity;
  return activity;
}

}  // namespace isoflop
