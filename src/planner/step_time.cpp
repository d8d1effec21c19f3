// SPDX-License-Identifier: MIT
#include "planner/step_time.hpp"

#include "core/parallel/fused_gelu.hpp"
#include "core/parallel/gpu_attention.hpp"

#include <algorithm>

namespace isoflop {

namespace {

/// What src/trainer does: cuDNN's attention and fused kernels started from C++, gradients reduced
/// in fp32 beside backward. On GPUs the host's share is 9 launches a block of 4 microseconds, as
/// without device.graphs, where Megatron-LM's 0.93 ms are the unit (data/calibration.yaml), it
/// enqueues a step while the one before runs, and an update moves 32 bytes a parameter: AdamW reads
/// weight, gradient and two moments in fp32 and writes all but the gradient, which the norm reads
/// once more; gradients are not zeroed, and the copies in 16 bits are made beside other work. The
/// backward pass of a norm reads input and two gradients and writes one; logits are read twice and
/// their gradients written in their place in 16 bits. tests/modelled compares all of it with a step
/// that the trainer enqueued.
SoftwareStack our_trainer(DeviceClass kind) {
  SoftwareStack stack;
  stack.name = "isoflop";
  if (kind != DeviceClass::gpu) return stack;
  stack.host = 0.04;
  stack.norm_backward = 1;
  stack.logit_traffic = 5;
  stack.optimizer_bytes = 32;
  stack.waits_between_steps = false;
  return stack;
}

/// What our trainer computes attention with on a GPU.
AttentionKernel attention_kernel(const ModelShape& shape, const MachineModel& machine) {
  switch (gpu_attention({shape, machine.precision, machine.gpu_kernels})) {
    case AttentionBackend::manual:
      return AttentionKernel::materialised;
    case AttentionBackend::sdpa:
      return AttentionKernel::tiled;
    case AttentionBackend::automatic:
    case AttentionBackend::flash_attn_2:
      break;
  }
  return AttentionKernel::vendor;
}

/// Products that end with GELU move one matrix besides: forward what GELU reads is written too,
/// backward it is read. Forward they do not where that is all that backward has to rebuild from
/// (Sublayers::ffn_hidden).
void fuse_gelu(SoftwareStack& stack, const RecomputePlan& recompute) {
  stack.activation_backward = 1.0 / 3;
  if (!recompute.parts_of_any().has_alone(BlockPart::activations))
    stack.activation_forward = 1.0 / 2;
}

StepTime cost_of_operations(const ModelShape& shape, const Layout& layout, int64_t seq_len,
                            const MachineModel& machine) {
  const ParallelLayout parallel = parallel_layout(layout, shape);
  if (!machine.gpu_kernels) return step_cost(shape, parallel, seq_len, machine.machine);
  Machine on_gpu = with_attention(machine.machine, attention_kernel(shape, machine));
  if (fuses_gelu(machine.gpu_kernels->sm_version, shape.activation,
                 static_cast<int64_t>(machine.machine.element_bytes), shape.d_ff))
    fuse_gelu(on_gpu.stack, layout.recompute);
  return step_cost(shape, parallel, seq_len, on_gpu);
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
               : cost_of_operations(shape, layout, seq_len, machine);
  return machine.correction.apply(predicted, layout);
}

}  // namespace isoflop
