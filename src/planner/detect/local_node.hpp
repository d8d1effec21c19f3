// SPDX-License-Identifier: MIT
#pragma once

#include "core/hardware/gpu_catalog.hpp"
#include "planner/detect/detected_cluster.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace isoflop {

/// One GPU as the vendor's tool names it.
struct LocalGpu {
  std::string name;
  int64_t mem_mib = 0;
  bool is_sliced = false;  ///< MIG mode is on
  bool operator==(const LocalGpu&) const = default;
};

/// What nvidia-smi is asked: --query-gpu=kNvidiaQuery --format=csv,noheader,nounits.
inline constexpr const char* kNvidiaQuery = "name,memory.total,mig.mode.current";

/// A line for each GPU. Throws ConfigError for a line of another form.
std::vector<LocalGpu> read_nvidia_gpus(std::string_view text);

/// `rocm-smi --showproductname --showmeminfo vram --json`, of ROCm 5 and 6.
std::vector<LocalGpu> read_rocm_gpus(const std::string& text);

/// Whether every pair of a node's GPUs is joined by NVLink or xGMI, some pairs only, or none.
enum class LinkJoins { all, some, none };
/// Of `nvidia-smi topo -m`; absent when the text shows no matrix of two GPUs or more.
std::optional<LinkJoins> read_nvlink_topology(std::string_view text);
/// Of `rocm-smi --showtopotype --json`; absent when the text names no pair.
std::optional<LinkJoins> read_xgmi_topology(const std::string& text);

/// This node, as far as it is known.
struct LocalNode {
  std::string host;
  int cpus = 1;
  double mem_gb = 0;
  std::string cpu_name;
  std::vector<LocalGpu> gpus;
  std::optional<LinkJoins> links;
  std::optional<double> network_gb_per_s;  ///< of its active InfiniBand and RoCE ports
};

/// A cluster of this one node: a partition for each kind of GPU, or of CPU ranks without any.
DetectedCluster describe_local(const LocalNode& node, const GpuCatalog& catalog);

/// Asks nvidia-smi, then rocm-smi, and the kernel. Throws FileError when a tool that is there
/// fails.
LocalNode look_at_this_node();

}  // namespace isoflop
