// SPDX-License-Identifier: MIT
#include "planner/fit/measured_run.hpp"

#include "core/base/error.hpp"
#include "core/plan/train_config.hpp"
#include "core/run/settled_steps.hpp"
#include "planner/estimate/estimate.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

namespace isoflop {
namespace {

/// Thrown inside this file only; becomes UnusableRun.
struct CannotUse {
  std::string reason;
};

std::optional<double> median(std::vector<double> values) {
  if (values.empty()) return std::nullopt;
  std::sort(values.begin(), values.end());
  const std::size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

/// Steps that trained a full batch, after the warm-up.
std::vector<StepRecord> settled_steps(const RunFile& file, int64_t tokens_per_step) {
  std::vector<StepRecord> settled;
  for (std::size_t i = warm_up_steps(file); i < file.steps.size(); ++i) {
    const bool full = file.steps[i].tokens - file.steps[i - 1].tokens == tokens_per_step;
    const bool stalled = (file.steps[i].flags & kStepCheckpoint) != 0;
    if (full && !stalled && file.steps[i].step_s) settled.push_back(file.steps[i]);
  }
  return settled;
}

std::optional<double> median_of(const std::vector<StepRecord>& steps,
                                std::optional<float> StepRecord::*column) {
  std::vector<double> values;
  for (const StepRecord& step : steps)
    if (step.*column) values.push_back(*(step.*column));
  return median(std::move(values));
}

JobSize job_of(const RunHardware& hardware) {
  const int world = hardware.world_size;
  const int per_node =
      hardware.gpus_per_node > 0 ? std::min<int>(hardware.gpus_per_node, world) : world;
  return {(world + per_node - 1) / per_node, per_node};
}

/// A usual node of the GPU that the run names.
Partition usual_partition(const RunFile& file, const GpuCatalog& catalog, const JobSize& job) {
  const std::string& name = file.header.hardware.gpu_name;
  const std::optional<DeviceSpec> device = catalog.find_device(name);
  if (!device)
    throw CannotUse{
        fmt::format("ran on '{}' (memory and links are not in the file); give its "
                    "cluster file with --cluster",
                    name)};
  return usual_nodes(*device, job.devices_per_node, std::nullopt);
}

const Partition* find_partition(const Cluster& cluster, const RunFile& file,
                                const GpuCatalog& catalog) {
  const std::string& name = file.header.hardware.gpu_name;
  const std::optional<DeviceSpec> known = catalog.find_device(name);
  const auto found = std::find_if(
      cluster.partitions.begin(), cluster.partitions.end(), [&](const Partition& partition) {
        return partition.device.name == name || (known && partition.device.name == known->name);
      });
  return found == cluster.partitions.end() ? nullptr : &*found;
}

Partition partition_of(const RunFile& file, const GpuCatalog& catalog,
                       const std::optional<Cluster>& cluster, const JobSize& job) {
  if (!cluster) return usual_partition(file, catalog, job);
  if (const Partition* const found = find_partition(*cluster, file, catalog)) return *found;
  throw CannotUse{
      fmt::format("ran on '{}' (no partition of cluster '{}' has that device); give the "
                  "cluster file it was planned with",
                  file.header.hardware.gpu_name, cluster->name)};
}

MeasuredRun measure(const RunFile& file, const Partition& partition) {
  const TrainConfig config =
      read_train_config(ConfigNode::parse(file.header.config.yaml, file.path.string()));
  const std::vector<StepRecord> steps = settled_steps(file, config.tokens_per_step());
  if (steps.empty())
    throw CannotUse{"has no step after its warm-up (the first 5 %, at least 2); train longer"};
  MeasuredRun run;
  run.name = file.path.string();
  run.shape = config.model;
  run.layout = resolve_layout(config.layout, file.header.hardware.world_size);
  run.seq_len = config.data.seq_len;
  run.precision = config.precision;
  run.partition = partition;
  run.job = job_of(file.header.hardware);
  run.n_step = static_cast<int64_t>(steps.size());
  run.step = {.total_s = median_of(steps, &StepRecord::step_s).value(),
              .communication_s = median_of(steps, &StepRecord::comm_s),
              .optimizer_s = median_of(steps, &StepRecord::optimizer_s)};
  return run;
}

}  // namespace

std::variant<MeasuredRun, UnusableRun> measured_run(const RunFile& file, const GpuCatalog& catalog,
                                                    const std::optional<Cluster>& cluster) try {
  return measure(file, partition_of(file, catalog, cluster, job_of(file.header.hardware)));
} catch (const CannotUse& problem) {
  return UnusableRun{file.path.string() + ": " + problem.reason};
} catch (const ConfigError& error) {
  return UnusableRun{error.what()};
}

MeasuredRun read_measured_run(const std::filesystem::path& path, const Partition& partition) try {
  return measure(read_run_or_throw(path), partition);
} catch (const CannotUse& problem) {
  throw ConfigError(path.string() + ": " + problem.reason);
}

StepTime predict_run(const MeasuredRun& run, const Calibration& calibration) {
  return predict_step_time(run.shape, run.layout, run.seq_len,
                           make_machine_model(run.partition, run.job, run.precision, calibration));
}

}  // namespace isoflop
