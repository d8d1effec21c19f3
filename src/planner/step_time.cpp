// SPDX-License-Identifier: MIT
#include "planner/step_time.hpp"

#include <algorithm>

namespace isoflop {

namespace {

/// What src/trainer does: cuDNN's attention and fused kernels started from C++, gradients reduced
/// in fp32 beside backward. On GPUs the host's share is 9 launches a block of 4 microseconds where
/// Megatron-LM's 0.93 ms are the unit (data/calibration.yaml).
SoftwareStack our_trainer(DeviceClass kind) {
  SoftwareStack stack;
  stack.name = "isoflop";
  stack.host = kind == DeviceClass::gpu ? 0.04 : 1;
  return stack;
}

Network make_network(const Partition& partition, const JobSize& job,
                     const Calibration& calibration) {
  constexpr double kGiga = 1e9;
  constexpr double kMicro = 1e-6;
  // Hosts of one NVLink domain are one node for collectives.
  const int64_t domain =
      std::max(job.devices_per_node, partition.device.scaleup_domain.value_or(1));
  const int64_t joined = std::min<int64_t>(domain, job.devices());
  const double ports = static_cast<double>(joined) / partition.devices_per_node;
  return {.intra_node_bytes_per_s =
              partition.intra_node_gb_per_s_per_device * kGiga * calibration.intra_node_bandwidth,
          .inter_node_bytes_per_s = ports * partition.inter_node_gb_per_s_per_node * kGiga *
                                    calibration.inter_node_bandwidth,
          .intra_node_hop_s = partition.intra_node_latency_us * kMicro,
          .inter_node_hop_s = partition.inter_node_latency_us * kMicro,
          .ranks_per_node = joined};
}

}  // namespace

MachineModel make_machine_model(const Partition& partition, const JobSize& job, Precision precision,
                                const Calibration& calibration) {
  const DeviceSpec& device = partition.device;
  return {.machine = make_machine(device, precision, make_network(partition, job, calibration),
                                  our_trainer(device.kind), calibration),
          .precision = precision,
          .n_devices = job.devices(),
          .ranks_per_node = job.devices_per_node,
          .peak_flops = device.require_peak_dense_tflops(precision) * 1e12,
          .measured_efficiency = EfficiencyCurve(device, precision),
          .gpu_kernels = gpu_kernels(device.compute_capability)};
}

StepTime predict_step_time(const ModelShape& shape, const Layout& layout, int64_t seq_len,
                           const MachineModel& machine) {
  const std::optional<double> measured = machine.measured_efficiency.at(shape.d_model);
  if (measured) return step_cost_as_measured(shape, layout, seq_len, *measured, machine.machine);
  return step_cost(shape, parallel_layout(layout, shape), seq_len, machine.machine);
}

}  // namespace isoflop
