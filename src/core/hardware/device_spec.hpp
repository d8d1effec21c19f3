// SPDX-License-Identifier: MIT
#pragma once

#include "core/hardware/precision.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace isoflop {

enum class DeviceClass { gpu, cpu };

/// TFLOP/s (10^12 per second, a multiply-add counts as two) for each precision.
using TflopsByPrecision = std::map<Precision, double>;

/// What whole training steps of our trainer reached on one rank, without communication: one row of
/// `trainer bench`.
struct TrainEfficiency {
  Precision precision = Precision::fp32;
  int64_t d_model = 0;
  int64_t n_layer = 0;
  int64_t seq_len = 0;
  double mfu = 0;  ///< causal FLOPs over peak_tflops, a fraction
};

/// What one rank computes on: a GPU, or the share of a CPU node that one rank of the trainer gets.
/// From data/gpus.yaml, or from a cluster file's devices. Bandwidths are in 10^9 bytes/s.
struct DeviceSpec {
  std::string name;  ///< "H100-SXM5-80GB"
  DeviceClass kind = DeviceClass::gpu;
  std::string form;                        ///< "SXM5", "PCIe"; empty for CPUs
  std::string architecture;                ///< "Hopper"
  std::string compute_capability;          ///< "9.0", "gfx942"; empty for CPUs
  double mem_gb = 0;                       ///< as the maker states it; see mem_bytes
  std::optional<int64_t> visible_mem_mib;  ///< MiB that nvidia-smi shows
  double mem_bandwidth_gb_per_s = 0;
  TflopsByPrecision peak_tflops;      ///< dense; read it through peak_dense_tflops
  TflopsByPrecision sparse_tflops;    ///< 2:4 sparse: never a peak, only to recognise the mistake
  TflopsByPrecision measured_tflops;  ///< best dense matrix product measured
  std::vector<TrainEfficiency> train_efficiency;  ///< by `trainer bench`; may be empty
  /// NVLink or xGMI of one GPU, both directions together, as data sheets print it.
  std::optional<double> scaleup_bidir_gb_per_s;
  std::optional<int> scaleup_domain;  ///< GPUs joined at that speed
  std::optional<int> pcie_generation;
  std::optional<double> tdp_w;
  std::string source;
  std::string certainty;  ///< confirmed, partly confirmed, conflicting, unconfirmed
  std::string note;       ///< traps and variants; may be empty

  /// The device's peak on dense matrices; absent when it does not have the precision.
  std::optional<double> peak_dense_tflops(Precision precision) const;
  /// As above. Throws ConfigError naming the precisions the device has.
  double require_peak_dense_tflops(Precision precision) const;
  /// Bytes a job can count on: what nvidia-smi shows, else mem_gb x 10^9 (cautious: makers often
  /// mean GiB).
  double mem_bytes() const;
  /// Scale-up bandwidth of one device in one direction; absent without NVLink or xGMI.
  std::optional<double> scaleup_gb_per_s() const;
  /// PCIe x16 in one direction after line coding; absent when the generation is unknown.
  /// Source: PCI-SIG, 8, 16, 32 GT/s with 128b/130b coding; 64 GT/s with 236/256 flits.
  std::optional<double> pcie_gb_per_s() const;
};

/// "gpu" or "cpu".
std::string to_string(DeviceClass kind);

}  // namespace isoflop
