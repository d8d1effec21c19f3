// SPDX-License-Identifier: MIT
#include "planner/cost/machine.hpp"

#include <algorithm>
#include <cmath>
#include <optional>

namespace isoflop {

namespace {

/// The rate at which half depth and half output are stated: an A100's. Faster units finish a tile
/// sooner, so that the same fixed times weigh more.
constexpr double kReferenceFlops = 2.5e14;

bool is_eight_bit(Precision precision) { return precision == Precision::fp8; }

/// What large products reach: measured where somebody has, else a share of the peak.
double ceiling_flops(const DeviceSpec& device, Precision precision, const Calibration& constants) {
  // Both 16-bit types run on the same units, of which one is measured.
  const bool is_half = precision == Precision::fp16;
  const auto measured = device.measured_tflops.find(is_half ? Precision::bf16 : precision);
  if (measured != device.measured_tflops.end()) return measured->second * 1e12;
  const double usual_w = constants.usual_power_w.at(device.architecture);
  const double power = std::pow(device.tdp_w.value_or(usual_w) / usual_w, constants.power_exponent);
  return device.require_peak_dense_tflops(precision) * 1e12 *
         constants.gemm_ceiling.at(device.architecture) * power;
}

ProductRate product_rate(const DeviceSpec& device, Precision precision,
                         const Calibration& constants) {
  double flops = ceiling_flops(device, precision, constants) *
                 constants.gemm_sustained.at(device.architecture);
  if (is_eight_bit(precision)) flops *= constants.fp8_sustained.at(device.architecture);
  const double speed = std::pow(flops / kReferenceFlops, constants.gemm_speed_exponent);
  return {flops, constants.gemm_half_depth * speed, constants.gemm_half_output * speed};
}

/// The widest precision that products of an fp8 run are still made in.
Precision wide_precision(Precision precision) {
  return is_eight_bit(precision) ? Precision::bf16 : precision;
}

/// FlashAttention-2 was written for Ampere and has no use for what came later.
std::string attention_kind(AttentionKernel kernel, const DeviceSpec& device) {
  const std::string name = enum_name(kAttentionKernelNames, kernel);
  const bool later =
      device.architecture == "Hopper" || device.architecture.starts_with("Blackwell");
  const bool is_flash = kernel == AttentionKernel::flash_1 || kernel == AttentionKernel::flash_2;
  return is_flash && later ? name + "_later" : name;
}

/// Of the units for fp32. Where the catalogue has no figure: 1/16 of the matrix units' in 16 bits,
/// as on an A100 (19.5 of 312).
double fp32_flops(const DeviceSpec& device) {
  constexpr double kUnitsOfA100 = 16;
  const std::optional<double> tflops = device.peak_dense_tflops(Precision::fp32);
  return 1e12 *
         tflops.value_or(device.peak_dense_tflops(Precision::bf16).value_or(0) / kUnitsOfA100);
}

/// Devices that reach each other at scale-up speed. A catalogue's domain of a board is the most a
/// host can have; only larger ones than any host join several.
int64_t joined_devices(const Partition& partition) {
  constexpr int kMostOfAHost = 16;
  const int domain = partition.device.scaleup_domain.value_or(1);
  return domain > kMostOfAHost ? domain : partition.devices_per_node;
}

}  // namespace

Network make_network(const Partition& partition, int64_t n_devices, const Calibration& constants) {
  constexpr double kGiga = 1e9;
  constexpr double kMicro = 1e-6;
  const int64_t joined = std::min(joined_devices(partition), n_devices);
  const double nodes = static_cast<double>(joined) / partition.devices_per_node;
  return {.intra_node_bytes_per_s =
              partition.intra_node_gb_per_s_per_device * kGiga * constants.intra_node_bandwidth,
          .inter_node_bytes_per_s = nodes * partition.inter_node_gb_per_s_per_node * kGiga *
                                    constants.inter_node_bandwidth,
          .intra_node_hop_s = partition.intra_node_latency_us * kMicro,
          .inter_node_hop_s = partition.inter_node_latency_us * kMicro,
          .ranks_per_node = joined};
}

Machine make_machine(const DeviceSpec& device, Precision precision, const Network& network,
                     const SoftwareStack& stack, const Calibration& constants) {
  const bool four_bytes = precision == Precision::fp32 || precision == Precision::tf32;
  const std::string attention = attention_kind(stack.attention, device);
  Machine machine;
  machine.product = product_rate(device, precision, constants);
  machine.wide = product_rate(device, wide_precision(precision), constants);
  machine.peak_flops = device.require_peak_dense_tflops(precision) * 1e12;
  machine.element_bytes = four_bytes ? 4 : 2;
  machine.casts_to_fp8 = is_eight_bit(precision);
  machine.attention_forward_flops_per_s =
      machine.wide.flops_per_s * constants.attention_forward.at(attention);
  machine.attention_backward_flops_per_s =
      machine.wide.flops_per_s * constants.attention_backward.at(attention);
  machine.tiled_flops_per_s = fp32_flops(device) * constants.tiled_attention;
  machine.score_flops_per_s = machine.wide.flops_per_s * constants.score_products;
  machine.memory_bytes_per_s = device.mem_bandwidth_gb_per_s * 1e9 * constants.memory_bandwidth;
  machine.elementwise = stack.fuses_elementwise ? 1 : constants.unfused_elementwise;
  machine.launch_s = constants.launch_us * 1e-6 * stack.host;
  machine.network = network;
  machine.stack = stack;
  machine.constants = constants;
  return machine;
}

Machine with_attention(Machine machine, AttentionKernel kernel) {
  machine.stack.attention = kernel;
  if (kernel == AttentionKernel::tiled)
    machine.attention_forward_flops_per_s = machine.attention_backward_flops_per_s =
        machine.tiled_flops_per_s;
  return machine;
}

double product_s(const ProductRate& rate, const Machine& machine, double m, double n, double k) {
  const double output = m * n;
  const double efficiency = k / (k + rate.half_depth) * output / (output + rate.half_output);
  return std::max(2 * output * k / (rate.flops_per_s * efficiency),
                  machine.element_bytes * (m * k + k * n + output) / machine.memory_bytes_per_s);
}

}  // namespace isoflop
