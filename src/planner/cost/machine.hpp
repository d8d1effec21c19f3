// SPDX-License-Identifier: MIT
#pragma once

#include "core/hardware/cluster.hpp"
#include "core/hardware/device_spec.hpp"
#include "planner/calibration.hpp"
#include "planner/cost/software_stack.hpp"
#include "planner/network.hpp"

#include <cstdint>

namespace isoflop {

/// Matrix products of one precision on one device.
struct ProductRate {
  double flops_per_s = 0;  ///< of large products within a step
  double half_depth = 0;   ///< K at which a product reaches half of that
  double half_output = 0;  ///< M x N at which it does
};

/// A device, its links and the program on it, as rates: all that the time of a step depends on
/// besides model and layout.
struct Machine {
  ProductRate product;    ///< in the training precision
  ProductRate wide;       ///< of the output projection, which no program runs in fp8
  double peak_flops = 0;  ///< dense, of the training precision
  double element_bytes = 2;
  bool casts_to_fp8 = false;
  double attention_forward_flops_per_s = 0;  ///< long sequences, heads of 128; causal FLOPs
  double attention_backward_flops_per_s = 0;
  double tiled_flops_per_s = 0;  ///< of attention by AttentionKernel::tiled, likewise
  double score_flops_per_s = 0;  ///< of the products that write and read scores
  double memory_bytes_per_s = 0;
  /// Traffic of element-wise kernels over that of fully fused ones.
  double elementwise = 1;
  double launch_s = 0;
  Network network;
  SoftwareStack stack;
  Calibration constants;
};

/// The links of `n_devices` of a partition. Hosts that share a scale-up domain (NVL72) are one
/// node.
Network make_network(const Partition& partition, int64_t n_devices, const Calibration& constants);

/// Throws ConfigError when the device does not have the precision.
Machine make_machine(const DeviceSpec& device, Precision precision, const Network& network,
                     const SoftwareStack& stack, const Calibration& constants);

/// The same machine with attention by `kernel`: materialised or tiled.
Machine with_attention(Machine machine, AttentionKernel kernel);

/// Seconds of C (m, n) = A (m, k) B (k, n): the rate times K / (K + K_half) times
/// MN / (MN + MN_half), or memory speed when that is slower.
double product_s(const ProductRate& rate, const Machine& machine, double m, double n, double k);

}  // namespace isoflop
