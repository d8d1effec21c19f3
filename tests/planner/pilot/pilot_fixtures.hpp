// SPDX-License-Identifier: MIT
#pragma once

#include "core/plan/train_config.hpp"
#include "core/run/run_writer.hpp"
#include "planner/pilot/pilot_plan.hpp"
#include "planner/planner_fixtures.hpp"

#include <cstdint>
#include <filesystem>
#include <vector>

namespace isoflop::test {

/// Half an hour of the laptops on bytes.
inline PlanRequest laptop_request(const Cluster& cluster) {
  PlanRequest request = request_for(cluster, 0.5);
  request.text = byte_text();
  return request;
}

/// Steps of a run: slow at first, then alternating about `step_s`.
inline std::vector<StepRecord> steps_of(const TrainConfig& config, double step_s, int64_t count) {
  std::vector<StepRecord> steps;
  for (int64_t step = 1; step <= count; ++step) {
    StepRecord row;
    row.step = step;
    row.time = 1.7e9 + static_cast<double>(step) * step_s;
    row.tokens = step * config.tokens_per_step();
    row.step_s = static_cast<float>(step <= 3 ? 10 * step_s : step_s);
    row.mem_peak_gib = static_cast<float>(config.prediction.value().memory_gib);
    steps.push_back(row);
  }
  return steps;
}

inline RunHeader header_of(const TrainConfig& config) {
  RunHeader header;
  header.identity.run_id = config.run.name;
  header.config.yaml = write_train_config(config, "as recorded");
  header.hardware.world_size = static_cast<int32_t>(config.layout.n_ranks.value());
  return header;
}

/// The file that the trainer would leave of this configuration.
inline std::filesystem::path write_run(const TrainConfig& config, double step_s, int64_t count,
                                       RunState state = RunState::done) {
  std::filesystem::create_directories(config.run.out);
  const std::filesystem::path file = config.run.out / (config.run.name + ".s000.h5");
  std::filesystem::remove(file);
  RunWriter writer(file, header_of(config));
  for (const StepRecord& step : steps_of(config, step_s, count)) writer.append(step);
  writer.set_state(state);
  return file;
}

}  // namespace isoflop::test
