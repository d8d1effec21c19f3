// SPDX-License-Identifier: MIT
#include "planner/estimate/estimate.hpp"

#include "core/base/format.hpp"

#include <algorithm>
#include <vector>

namespace isoflop {
namespace {

/// PCIe 4.0 x16, where a part has no scale-up link.
constexpr double kPcieGbPerS = 31.5;

RunEstimate estimate_layout(const PublishedRun& run, const ParallelLayout& layout,
                            const Machine& machine) {
  RunEstimate estimate;
  estimate.layout = layout;
  estimate.step = step_cost(run.shape, layout, run.seq_len, machine);
  estimate.memory = memory_cost(run.shape, layout, run.seq_len, run.precision, run.stack);
  return estimate;
}

/// The same batch in fewer, larger micro batches: twice, four times, ... as large.
std::vector<ParallelLayout> larger_micro_batches(ParallelLayout layout) {
  std::vector<ParallelLayout> layouts;
  while (layout.n_micro_batch % 2 == 0) {
    layout.micro_batch *= 2;
    layout.n_micro_batch /= 2;
    layouts.push_back(layout);
  }
  return layouts;
}

double usable_bytes(const DeviceSpec& device, const Calibration& calibration) {
  return (device.mem_bytes() - calibration.runtime_memory_gib * kGiB) /
         (1 + calibration.fragmentation);
}

}  // namespace

Partition usual_nodes(const DeviceSpec& device, int64_t devices_per_node,
                      std::optional<double> network_gb_per_s_per_node) {
  Partition partition;
  partition.device = device;
  partition.devices_per_node = static_cast<int>(devices_per_node);
  partition.intra_node_gb_per_s_per_device =
      device.scaleup_gb_per_s().value_or(device.pcie_gb_per_s().value_or(kPcieGbPerS));
  partition.inter_node_gb_per_s_per_node =
      network_gb_per_s_per_node.value_or(usual_node_network(device, devices_per_node));
  partition.intra_node_latency_us = kNvlinkLatencyUs;
  partition.inter_node_latency_us = kNetworkLatencyUs;
  return partition;
}

Machine machine_of(const PublishedRun& run, const Calibration& calibration) {
  const Partition nodes =
      usual_nodes(run.device, run.devices_per_node, run.stack.network_gb_per_s_per_node);
  return make_machine(run.device, run.precision, make_network(nodes, run.n_device, calibration),
                      run.stack, calibration);
}

std::vector<ParallelLayout> possible_layouts(const PublishedRun& run,
                                             const Calibration& calibration) {
  std::vector<ParallelLayout> layouts{run.layout};
  if (run.knows_micro_batch) return layouts;
  for (const ParallelLayout& layout : larger_micro_batches(run.layout)) {
    const DeviceMemory memory =
        memory_cost(run.shape, layout, run.seq_len, run.precision, run.stack);
    if (memory.total() > usable_bytes(run.device, calibration)) break;
    layouts.push_back(layout);
  }
  return layouts;
}

double usual_node_network(const DeviceSpec& device, int64_t devices_per_node) {
  const auto devices = static_cast<double>(devices_per_node);
  if (device.name.starts_with("GB300")) return 100 * devices;
  if (device.name.starts_with("GB200")) return 50 * devices;
  if (device.architecture == "Hopper" || device.architecture.starts_with("Blackwell"))
    return 50 * devices;
  if (device.architecture == "Ampere") return 25 * devices;
  return 12.5 * devices;
}

RunEstimate estimate_run(const PublishedRun& run, const Calibration& calibration) {
  const Machine machine = machine_of(run, calibration);
  const std::vector<ParallelLayout> layouts = possible_layouts(run, calibration);
  RunEstimate best = estimate_layout(run, layouts.front(), machine);
  for (std::size_t i = 1; i < layouts.size(); ++i) {
    const RunEstimate other = estimate_layout(run, layouts[i], machine);
    if (other.step.total() < best.step.total()) best = other;
  }
  best.tokens_per_s_per_device = static_cast<double>(best.layout.global_batch() * run.seq_len) /
                                 static_cast<double>(run.n_device) / best.step.total();
  return best;
}

}  // namespace isoflop
