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

/// Of a node, or of several where the catalogue's domain joins them.
int64_t fast_domain_of(const DeviceSpec& device, const Network& network) {
  return std::min<int64_t>(network.ranks_per_node, device.scaleup_domain.value_or(1));
}

}  // namespace

MachineModel make_machine_model(const Partition& partition, const JobSize& job, Precision precision,
                                const Calibration& calibration) {
  const DeviceSpec& device = partition.device;
  const Network network = make_network(partition, job.devices(), calibration);
  return {
      .machine = make_machine(device, precision, network, our_trainer(device.kind), calibration),
      .precision = precision,
      .n_devices = job.devices(),
      .ranks_per_node = job.devices_per_node,
      .fast_domain = fast_domain_of(device, network),
      .peak_flops = device.require_peak_dense_tflops(precision) * 1e12,
      .measured_efficiency = EfficiencyCurve(device, precision),
      .gpu_kernels = gpu_kernels(device.compute_capability)};
}

StepTime predict_step_time(const ModelShape& shape, const Layout& layout, int64_t seq_len,
                           const MachineModel& machine) {
  const std::optional<double> measured = machine.measured_efficiency.at(shape.d_model);
  const StepTime predicted =
      measured ? step_cost_as_measured(shape, layout, seq_len,
                                       *measured * machine.machine.constants.bench_efficiency,
                                       machine.machine)
               : step_cost(shape, parallel_layout(layout, shape), seq_len, machine.machine);
  return machine.correction.apply(predicted, layout);
}

}  // namespace isoflop
