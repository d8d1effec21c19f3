// SPDX-License-Identifier: MIT
#include "planner/step_time.hpp"

#include "core/model/flops.hpp"
#include "core/model/param_count.hpp"
#include "planner/operations.hpp"

#include <algorithm>

namespace isoflop {

namespace {

constexpr double kGradientBytes = 4;
/// AdamW reads gradient, weight and two moments and writes the last three, all fp32; clipping reads
/// the gradient once more.
constexpr double kOptimizerBytes = 8 * 4;
/// fp32 logits are written by the product, read for the softmax, and their gradient is written and
/// read twice by the backward products.
constexpr double kLogitsBytes = 5 * 4;

Network make_network(const Partition& partition, const Calibration& calibration) {
  constexpr double kGiga = 1e9;
  constexpr double kMicro = 1e-6;
  return {.intra_node_bytes_per_s =
              partition.intra_node_gb_per_s_per_device * kGiga * calibration.intra_node_bandwidth,
          .inter_node_bytes_per_s =
              partition.inter_node_gb_per_s_per_node * kGiga * calibration.inter_node_bandwidth,
          .intra_node_hop_s = partition.intra_node_latency_us * kMicro,
          .inter_node_hop_s = partition.inter_node_latency_us * kMicro};
}

double gemm_ceiling_flops(const DeviceSpec& device, Precision precision,
                          const Calibration& calibration, double peak_flops) {
  const auto measured = device.measured_tflops.find(precision);
  if (measured != device.measured_tflops.end()) return measured->second * 1e12;
  return peak_flops * calibration.gemm_ceiling;
}

double gemm_s(const Gemm& gemm, const MachineModel& machine) {
  const double depth = gemm.k / (gemm.k + machine.calibration->gemm_half_depth);
  const double output = gemm.m * gemm.n;
  const double fill = output / (output + machine.calibration->gemm_half_output);
  const double bytes = (gemm.m * gemm.k + gemm.k * gemm.n + output) * machine.compute_bytes;
  return std::max(gemm.flops() / (machine.gemm_flops * depth * fill),
                  bytes / machine.memory_bytes_per_s);
}

double backward_s(const Gemm& forward, const MachineModel& machine) {
  double seconds = 0;
  for (const Gemm& gemm : backward_gemms(forward)) seconds += gemm_s(gemm, machine);
  return seconds;
}

/// Seconds of one direction of one micro batch, by cause.
struct PassTime {
  double matmul_s = 0;
  double attention_s = 0;
  double memory_bound_s = 0;
  double head_s = 0;
  double launch_s = 0;

  double total() const { return matmul_s + attention_s + memory_bound_s + head_s + launch_s; }
};

/// The kernels of all blocks need this long to be launched; the device waits for the difference.
double launch_wait_s(const ModelShape& shape, int kernels_per_block, double device_s,
                     const MachineModel& machine) {
  const double launches = static_cast<double>(shape.n_layer) * kernels_per_block;
  return std::max(0.0, launches * machine.calibration->launch_us * 1e-6 - device_s);
}

/// Causal score and value FLOPs of one block's forward pass.
double attention_flops(const ModelShape& shape, int64_t n_tokens, int64_t seq_len) {
  return 2.0 * static_cast<double>(shape.n_head * shape.d_head) * static_cast<double>(seq_len) *
         static_cast<double>(n_tokens);
}

PassTime forward_pass(const ModelShape& shape, int64_t n_tokens, int64_t seq_len,
                      const MachineModel& machine) {
  const auto layers = static_cast<double>(shape.n_layer);
  PassTime pass;
  for (const Gemm& gemm : block_gemms(shape, n_tokens))
    pass.matmul_s += layers * gemm_s(gemm, machine);
  pass.attention_s = layers * attention_flops(shape, n_tokens, seq_len) /
                     (machine.peak_flops * machine.calibration->attention_forward);
  pass.memory_bound_s = layers * static_cast<double>(n_tokens) *
                        block_element_traffic(shape).forward * machine.compute_bytes /
                        machine.memory_bytes_per_s;
  pass.launch_s = launch_wait_s(shape, kBlockForwardKernels, pass.total(), machine);
  pass.head_s = gemm_s(head_gemm(shape, n_tokens), machine);
  return pass;
}

/// FlashAttention's backward recomputes the scores: 5 products for the forward's 2.
constexpr double kAttentionBackwardFactor = 2.5;

PassTime backward_pass(const ModelShape& shape, int64_t n_tokens, int64_t seq_len, double n_params,
                       const MachineModel& machine) {
  const auto layers = static_cast<double>(shape.n_layer);
  const auto tokens = static_cast<double>(n_tokens);
  PassTime pass;
  for (const Gemm& gemm : block_gemms(shape, n_tokens)) {
    pass.matmul_s += layers * backward_s(gemm, machine);
  }
  pass.attention_s = layers * kAttentionBackwardFactor * attention_flops(shape, n_tokens, seq_len) /
                     (machine.peak_flops * machine.calibration->attention_backward);
  const double accumulation_bytes = 2 * kGradientBytes * n_params;
  pass.memory_bound_s =
      (layers * tokens * block_element_traffic(shape).backward * machine.compute_bytes +
       accumulation_bytes) /
      machine.memory_bytes_per_s;
  pass.head_s =
      backward_s(head_gemm(shape, n_tokens), machine) +
      tokens * static_cast<double>(shape.vocab_size) * kLogitsBytes / machine.memory_bytes_per_s;
  // The host runs ahead while the device is busy with the head.
  pass.launch_s = launch_wait_s(shape, kBlockBackwardKernels, pass.total(), machine);
  return pass;
}

/// Every block but the last (RecomputePlan::in_backward) runs its forward pass again, up to the
/// FFN's second product.
double recompute_s(const ModelShape& shape, int64_t n_tokens, const PassTime& forward,
                   const MachineModel& machine) {
  const auto layers = static_cast<double>(shape.n_layer);
  const double block_s = (forward.total() - forward.head_s) / layers -
                         gemm_s(block_gemms(shape, n_tokens).back(), machine);
  return (layers - 1) * block_s;
}

/// What is left of communication beside compute that can hide it; `open_s` has nothing to hide
/// behind.
double exposed_s(double communication_s, double open_s, double compute_s,
                 const MachineModel& machine) {
  const double hidden_s = machine.calibration->overlap * compute_s;
  return std::min(communication_s, open_s + std::max(0.0, communication_s - hidden_s));
}

/// Exposed communication of a whole step.
double communication_s(const ModelShape& shape, const Layout& layout, double n_params,
                       double forward_s, double backward_s, const MachineModel& machine) {
  const auto units = static_cast<double>(shape.n_layer + 1);
  const double gradient_bytes = kGradientBytes * n_params / units;
  if (layout.strategy == ParallelStrategy::ddp) {
    const double unit_s = all_reduce_s(machine.network, machine.ranks, gradient_bytes);
    return exposed_s(units * unit_s, unit_s, backward_s, machine);
  }
  const double gather_s =
      all_gather_s(machine.network, machine.ranks, machine.compute_bytes * n_params / units);
  const double scatter_s = reduce_scatter_s(machine.network, machine.ranks, gradient_bytes);
  const double micro_step_s =
      exposed_s(units * gather_s, gather_s, forward_s, machine) +
      exposed_s(units * (gather_s + scatter_s), scatter_s, backward_s, machine);
  return static_cast<double>(layout.grad_accum_steps) * micro_step_s;
}

double optimizer_s(const Layout& layout, double n_params, const MachineModel& machine) {
  const double local_params = n_params / static_cast<double>(layout.n_shard);
  const double copy_bytes = machine.compute_bytes < 4 ? machine.compute_bytes : 0;
  return local_params * (kOptimizerBytes + copy_bytes) / machine.memory_bytes_per_s;
}

/// From the shapes of the operations.
StepTime compute_time_by_operations(const ModelShape& shape, const Layout& layout, int64_t seq_len,
                                    double n_params, const MachineModel& machine) {
  const int64_t n_tokens = layout.micro_batch_size * seq_len;
  const PassTime forward = forward_pass(shape, n_tokens, seq_len, machine);
  const PassTime backward = backward_pass(shape, n_tokens, seq_len, n_params, machine);
  const auto repeats = static_cast<double>(layout.grad_accum_steps);
  StepTime step;
  step.matmul_s = repeats * (forward.matmul_s + backward.matmul_s);
  step.attention_s = repeats * (forward.attention_s + backward.attention_s);
  step.memory_bound_s = repeats * (forward.memory_bound_s + backward.memory_bound_s);
  step.head_s = repeats * (forward.head_s + backward.head_s);
  step.launch_s = repeats * (forward.launch_s + backward.launch_s);
  if (layout.recompute == Recompute::full)
    step.recompute_s = repeats * recompute_s(shape, n_tokens, forward, machine);
  step.optimizer_s = optimizer_s(layout, n_params, machine);
  step.forward_s = forward.total();
  return step;
}

/// From the measured efficiency of whole steps, which contains everything but communication.
StepTime compute_time_as_measured(const ModelShape& shape, const Layout& layout, int64_t seq_len,
                                  double efficiency, const MachineModel& machine) {
  const auto tokens = static_cast<double>(layout.micro_batch_size * seq_len);
  const FlopsPerToken flops = forward_flops_per_token(shape, seq_len);
  const double seconds_per_flop = tokens / (machine.peak_flops * efficiency);
  const auto repeats = static_cast<double>(layout.grad_accum_steps);
  StepTime step;
  step.attention_s = repeats * 3 * flops.attention_scores * seconds_per_flop;
  step.head_s = repeats * 3 * flops.lm_head * seconds_per_flop;
  step.matmul_s = repeats * 3 * flops.matmul() * seconds_per_flop - step.attention_s - step.head_s;
  step.recompute_s =
      repeats * recompute_flops_per_token(shape, layout.recompute, seq_len) * seconds_per_flop;
  step.forward_s = flops.matmul() * seconds_per_flop;
  return step;
}

}  // namespace

MachineModel make_machine_model(const Partition& partition, const JobSize& job, Precision precision,
                                const Calibration& calibration) {
  const DeviceSpec& device = partition.device;
  const double peak_flops = device.require_peak_dense_tflops(precision) * 1e12;
  const bool wide = precision == Precision::fp32 || precision == Precision::tf32;
  return {.calibration = &calibration,
          .precision = precision,
          .ranks = {job.nodes, job.devices_per_node},
          .network = make_network(partition, calibration),
          .peak_flops = peak_flops,
          .gemm_flops = gemm_ceiling_flops(device, precision, calibration, peak_flops) *
                        calibration.sustained(device),
          .measured_efficiency = EfficiencyCurve(device, precision),
          .memory_bytes_per_s = device.mem_bandwidth_gb_per_s * 1e9 * calibration.memory_bandwidth,
          .compute_bytes = wide ? 4.0 : 2.0,
          .gpu_kernels = gpu_kernels(device.compute_capability)};
}

StepTime predict_step_time(const ModelShape& shape, const Layout& layout, int64_t seq_len,
                           const MachineModel& machine) {
  const auto n_params = static_cast<double>(count_params(shape).total());
  const std::optional<double> measured = machine.measured_efficiency.at(shape.d_model);
  StepTime step = measured ? compute_time_as_measured(shape, layout, seq_len, *measured, machine)
                           : compute_time_by_operations(shape, layout, seq_len, n_params, machine);
  const double micro_step_s =
      (step.total() - step.optimizer_s) / static_cast<double>(layout.grad_accum_steps);
  step.communication_s = communication_s(shape, layout, n_params, step.forward_s,
                                         micro_step_s - step.forward_s, machine);
  return step;
}

}  // namespace isoflop
