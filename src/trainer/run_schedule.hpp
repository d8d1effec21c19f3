// SPDX-License-Identifier: MIT
#pragma once

#include "core/plan/train_config.hpp"
#include "trainer/optim/decay_plan.hpp"

#include <cstdint>
#include <optional>

namespace isoflop {

/// What each step of a run is: its learning rate, its batch, whether it is the last. Known from the
/// start, but for a run with a deadline, whose decay is chosen on the way. The same on all ranks.
class RunSchedule {
 public:
  explicit RunSchedule(const TrainConfig& config);

  const ScheduleConfig& config() const { return config_; }
  const BatchSchedule& batches() const { return batches_; }
  int64_t last_step() const { return chosen_ ? chosen_->last_step() : config_.steps; }
  double learning_rate(int64_t step) const;
  /// Whether kind wsd's decay, as known by now, is begun by `step`.
  bool decays_at(int64_t step) const { return step >= decay().first_step; }
  /// Only the first choice counts; later ones were voted for before it was known. Says whether it
  /// was this one.
  bool choose(const DecayPlan& decay);
  /// The choice, if there was one.
  const std::optional<DecayPlan>& chosen() const { return chosen_; }

 private:
  DecayPlan decay() const { return chosen_.value_or(planned_decay(config_)); }

  ScheduleConfig config_;
  double peak_lr_;
  BatchSchedule batches_;
  std::optional<DecayPlan> chosen_;
};

}  // namespace isoflop
