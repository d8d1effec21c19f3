// SPDX-License-Identifier: MIT
#include "planner/estimate/estimate.hpp"

#include <algorithm>
#include <vector>

namespace isoflop {
namespace {

/// NCCL's assumptions about a hop, as for cluster files (core/hardware/cluster_reader).
constexpr double kIntraNodeHop = 3.4e-6;
constexpr double kInterNodeHop = 14e-6;
/// PCIe 4.0 x16, where a part has no scale-up link.
constexpr double kPcieGbPerS = 31.5;

Network make_network(const PublishedRun& run, const Calibration& calibration) {
  const double node_gb_per_s = run.stack.network_gb_per_s_per_node.value_or(
      usual_node_network(run.device, run.devices_per_node));
  const int64_t domain =
      std::max<int64_t>(run.devices_per_node, run.device.scaleup_domain.value_or(1));
  const int64_t joined = std::min(domain, run.n_device);
  const double link =
      run.device.scaleup_gb_per_s().value_or(run.device.pcie_gb_per_s().value_or(kPcieGbPerS));
  return {.intra_node_bytes_per_s = link * 1e9 * calibration.intra_node_bandwidth,
          .inter_node_bytes_per_s = node_gb_per_s * 1e9 * calibration.inter_node_bandwidth *
                                    static_cast<double>(joined) /
                                    static_cast<double>(run.devices_per_node),
          .intra_node_hop_s = kIntraNodeHop,
          .inter_node_hop_s = kInterNodeHop,
          .ranks_per_node = joined};
}

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
  constexpr double kGiB = 1024.0 * 1024.0 * 1024.0;
  return (device.mem_bytes() - calibration.runtime_memory_gib * kGiB) /
         (1 + calibration.fragmentation);
}

}  // namespace

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
  const Machine machine = make_machine(run.device, run.precision, make_network(run, calibration),
                                       run.stack, calibration);
  RunEstimate best = estimate_layout(run, run.layout, machine);
  if (!run.knows_micro_batch) {
    for (const ParallelLayout& layout : larger_micro_batches(run.layout)) {
      const RunEstimate other = estimate_layout(run, layout, machine);
      if (other.memory.total() > usable_bytes(run.device, calibration)) break;
      if (other.step.total() < best.step.total()) best = other;
    }
  }
  best.tokens_per_s_per_device = static_cast<double>(best.layout.global_batch() * run.seq_len) /
                                 static_cast<double>(run.n_device) / best.step.total();
  return best;
}

}  // namespace isoflop
