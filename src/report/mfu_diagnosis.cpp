// SPDX-License-Identifier: MIT
#include "report/mfu_diagnosis.hpp"

#include "core/base/format.hpp"
#include "core/run/settled_steps.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

namespace isoflop {
namespace {

/// Shares of a step above which a phase is a cause.
constexpr double kMuchData = 0.05;
constexpr double kMuchCommunication = 0.15;
constexpr double kMuchOptimizer = 0.20;
constexpr double kMuchElsewhere = 0.15;
constexpr double kMuchRecomputation = 1.05;  ///< hardware FLOPs over model FLOPs

/// Time of a phase over that of the steps that recorded both.
struct PhaseShare {
  std::optional<float> StepRecord::*phase;
  double in_phase = 0;
  double seconds = 0;

  void add(const StepRecord& step) {
    if (!(step.*phase) || !step.step_s) return;
    in_phase += *(step.*phase);
    seconds += *step.step_s;
  }
  std::optional<double> value() const {
    return seconds > 0 ? std::optional(in_phase / seconds) : std::nullopt;
  }
};

struct Cause {
  double share;
  double threshold;
  std::string text;
};

std::string communication_remedy(const std::string& strategy) {
  if (strategy == "fsdp")
    return "fsdp.reshard_after_forward: false, layout.strategy: hsdp within nodes, or a larger "
           "layout.global_batch_size";
  if (strategy == "hsdp")
    return "fsdp.reshard_after_forward: false, or a larger layout.global_batch_size";
  return "a larger layout.global_batch_size reduces gradients less often";
}

std::vector<Cause> causes_of(const StepPhases& phases, const RunHeader& header) {
  const double inside = phases.data.value_or(0) + phases.forward.value_or(0) +
                        phases.backward.value_or(0) + phases.optimizer.value_or(0);
  std::vector<Cause> causes{
      {phases.data.value_or(0), kMuchData,
       "waiting for data: data.path on a faster file system, or fewer ranks on a node's disk"},
      {phases.comm.value_or(0), kMuchCommunication,
       "exposed communication: " + communication_remedy(header.layout.strategy)},
      {phases.optimizer.value_or(0), kMuchOptimizer,
       "the optimizer: a larger layout.global_batch_size, or layout.strategy: zero1, which shares "
       "it among ranks"}};
  if (phases.forward && phases.backward)
    causes.push_back({1 - inside, kMuchElsewhere,
                      "time outside of all phases: checkpoint.interval_minutes, if checkpoints "
                      "stall; else a busy host"});
  return causes;
}

/// Where no phase stands out, the products themselves are slow.
std::string slow_products(const RunHeader& header) {
  if (header.flops.recompute_factor > kMuchRecomputation)
    return fmt::format(
        "products that run again in backward ({:.2f} x the model's FLOPs): "
        "layout.recompute: none, or selective, where memory allows",
        header.flops.recompute_factor);
  return fmt::format(
      "small or slow products, no other phase stands out: a larger "
      "layout.micro_batch_size than {}",
      header.layout.micro_batch_size);
}

}  // namespace

StepPhases step_phases(const TrainingRun& run) {
  PhaseShare data{&StepRecord::data_s};
  PhaseShare forward{&StepRecord::forward_s};
  PhaseShare backward{&StepRecord::backward_s};
  PhaseShare comm{&StepRecord::comm_s};
  PhaseShare optimizer{&StepRecord::optimizer_s};
  for_each_settled(run, [&](const StepRecord& step, int64_t) {
    for (PhaseShare* const share : {&data, &forward, &backward, &comm, &optimizer})
      share->add(step);
  });
  return {.data = data.value(),
          .forward = forward.value(),
          .backward = backward.value(),
          .comm = comm.value(),
          .optimizer = optimizer.value()};
}

std::string diagnose_low_mfu(const TrainingRun& run) {
  const RunHeader& header = run.last().header;
  const StepPhases phases = step_phases(run);
  if (!phases.forward && !phases.comm && !phases.data && !phases.optimizer)
    return "no phases of steps were recorded, hence no diagnosis";
  const std::vector<Cause> causes = causes_of(phases, header);
  const auto worst = std::max_element(
      causes.begin(), causes.end(),
      [](const Cause& a, const Cause& b) { return a.share / a.threshold < b.share / b.threshold; });
  if (worst->share < worst->threshold) return slow_products(header);
  return format_percent(worst->share) + " of step time is " + worst->text;
}

}  // namespace isoflop
