// SPDX-License-Identifier: MIT
#pragma once

#include "trainer/clock.hpp"

#include <array>
#include <atomic>
#include <cstdint>
#include <optional>

namespace isoflop {

/// What the thread that trains is doing. results: waiting for the work of a step that is enqueued.
enum class Phase : int {
  start,
  data,
  forward,
  backward,
  update,
  results,
  recording,
  evaluation,
  checkpoint,
  end,
};

/// "data", "forward", ...
const char* to_string(Phase phase);

/// A phase and since when, in seconds of the activity's clock.
struct Doing {
  int64_t step = 0;  ///< begun last; 0 before the first
  Phase phase = Phase::start;
  double since_s = 0;
  double step_since_s = 0;  ///< the step; the activity itself before the first
};

/// Where this process is in its training, told by the thread that trains and read by its watchdog
/// from another. Telling is a few relaxed stores: nothing waits, nothing is allocated.
class Activity {
 public:
  explicit Activity(Clock clock = steady_time);

  /// The phase `data` of `step` begins.
  void begin_step(int64_t step);
  void enter(Phase phase);

  /// The whole process was stopped (Slurm's suspend): phase and step begin now. For the watchdog.
  void begin_anew();

  Doing now() const;
  double seconds() const { return clock_(); }
  /// From the begin of one step to that of the next, without evaluations and checkpoints; median of
  /// the last 63, absent before there are five. The first two are left out: they warm up.
  std::optional<double> median_step_s() const;
  /// Whether the step under way may take longer than others: one of the first, or the first or
  /// second after an evaluation or a checkpoint, which ranks may leave at different times.
  bool is_out_of_the_ordinary() const;

 private:
  static constexpr std::size_t kLaps = 63;
  static constexpr int64_t kLapsLeftOut = 2;
  static constexpr int64_t kFewestLaps = 5;

  static bool is_pause(Phase phase) {
    return phase == Phase::evaluation || phase == Phase::checkpoint;
  }

  Clock clock_;
  std::atomic<int64_t> step_{0};
  std::atomic<Phase> phase_{Phase::start};
  std::atomic<double> since_s_;
  std::atomic<int64_t> last_pause_{0};  ///< step in which the last pause began
  std::atomic<int64_t> n_laps_{0};      ///< measured; the last kLaps are kept
  std::array<std::atomic<double>, kLaps> laps_{};
  std::atomic<int64_t> n_begun_{0};
  std::atomic<double> begin_s_;      ///< of the step
  std::atomic<double> paused_s_{0};  ///< since then
};

/// That of this process, which is one rank.
Activity& this_activity();

}  // namespace isoflop
