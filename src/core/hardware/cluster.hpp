// SPDX-License-Identifier: MIT
#pragma once

#include "core/base/config_node.hpp"
#include "core/base/enum_names.hpp"
#include "core/hardware/device_spec.hpp"
#include "core/hardware/gpu_catalog.hpp"

#include <array>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace isoflop {

/// How a job asks Slurm for GPUs: --gpus-per-node=N, --gres=gpu[:TYPE]:N, or not at all (CPU nodes,
/// or whole nodes on sites without GRES).
enum class GpuRequest { gpus_per_node, gres, none };

/// How a run goes on after a job's time limit or a failure: the job requeues itself; each job
/// submits the one that follows; an array of which one job runs at a time; or a person submits.
enum class ChainMode { requeue, dependency, array, none };

inline constexpr std::array kChainModeNames = {
    EnumName{ChainMode::requeue, "requeue"}, EnumName{ChainMode::dependency, "dependency"},
    EnumName{ChainMode::array, "array"}, EnumName{ChainMode::none, "none"}};

/// What is exported before srun.
struct EnvironmentVariable {
  std::string name;
  std::string value;
  std::string why = "";  ///< a comment in the script

  bool operator==(const EnvironmentVariable&) const = default;
};

enum class ContainerRuntime {
  apptainer,  ///< each rank is `apptainer exec IMAGE trainer ...`
  pyxis       ///< srun --container-image=IMAGE (NVIDIA's plugin, with Enroot)
};

/// The image that the programs are in.
struct Container {
  ContainerRuntime runtime = ContainerRuntime::apptainer;
  std::string image;
  std::vector<std::string> mounts;   ///< SOURCE or SOURCE:TARGET
  std::vector<std::string> options;  ///< of apptainer exec, or of srun
  std::filesystem::path bin;         ///< folder of the programs inside

  bool operator==(const Container&) const = default;
};

/// What the script passes on of the environment of the shell that submits it.
enum class ExportMode { all, none };

inline constexpr std::array kExportModeNames = {EnumName{ExportMode::all, "all"},
                                                EnumName{ExportMode::none, "none"}};

/// What a site wants in every job script. All strings are single lines.
struct JobSettings {
  std::optional<std::string> account;       ///< --account
  std::optional<std::string> qos;           ///< --qos
  std::optional<std::string> constraint;    ///< --constraint, a Slurm expression such as "h100&ib"
  std::optional<std::string> reservation;   ///< --reservation
  std::optional<std::string> switches;      ///< --switches, "COUNT@TIME"
  std::optional<std::string> mail_user;     ///< --mail-user
  std::vector<std::string> mail_type;       ///< --mail-type
  std::vector<std::string> exclude;         ///< --exclude: nodes that are never used
  std::vector<std::string> sbatch_options;  ///< "--name=value" or "--name", written as they are
  std::vector<std::string> srun_options;    ///< likewise, of the step that trains
  std::vector<std::string> modules;         ///< module load, in this order
  std::vector<EnvironmentVariable> environment;
  std::vector<std::string> setup;  ///< shell lines run before srun
  std::string mpi = "pmix";        ///< srun --mpi; where srun lacks it, ranks meet by TCP
  std::optional<Container> container;
  ExportMode export_environment = ExportMode::all;  ///< --export
  std::optional<std::filesystem::path> work_dir;    ///< --chdir: where runs and logs go
  ChainMode chain = ChainMode::requeue;
  std::optional<int> max_starts;  ///< of one submission; absent: as many as the plan may need
  double stop_margin_s = 60;      ///< of the early signal: what closing files and slow ranks take
};

/// Latency of one step of a ring where nobody states it, microseconds.
/// Source: github.com/NVIDIA/nccl v2.18, src/graph/tuning.cc, hwLat, ring with the simple protocol.
inline constexpr double kNvlinkLatencyUs = 3.4;
inline constexpr double kPcieLatencyUs = 5.7;
inline constexpr double kNetworkLatencyUs = 14.0;

/// A group of equal nodes. "Device" is a GPU, or on CPU nodes the share of one rank; bandwidths are
/// in one direction, 10^9 bytes/s.
struct Partition {
  std::string name;             ///< unique in the cluster file
  std::string slurm_partition;  ///< --partition
  int nodes = 0;
  int devices_per_node = 0;
  std::string device_text;  ///< as written in the cluster file
  DeviceSpec device;
  std::string device_how;  ///< how device_text was understood, for humans
  std::optional<int> cpus_per_node;
  std::optional<double> mem_gb_per_node;  ///< host memory
  double intra_node_gb_per_s_per_device = 0;
  double inter_node_gb_per_s_per_node = 0;  ///< all network ports of a node; 0 with one node
  double intra_node_latency_us = 0;
  double inter_node_latency_us = 0;
  std::optional<double> time_limit_s;  ///< absent: unlimited
  GpuRequest gpu_request = GpuRequest::none;
  std::optional<std::string> gres_type;      ///< TYPE of gpu:TYPE:N, when the file names the GPU so
  std::optional<double> price_per_gpu_hour;  ///< in the currency the user thinks in
  JobSettings job;

  int devices() const { return nodes * devices_per_node; }
};

/// What the user may consume; the planner never exceeds it.
struct Allocation {
  std::optional<double> gpu_hours;
  std::optional<int> max_gpus_per_job;
  std::optional<int> max_jobs;  ///< at the same time
};

/// How often the cluster interrupts a job, and what going on afterwards takes.
struct Reliability {
  /// Device hours between two interruptions; absent: GPUs as in published runs, CPUs never.
  std::optional<double> device_hours_between_interruptions;
  /// Between the end of a job and the start of the one that goes on.
  double requeue_delay_s = 600;
  double checkpoint_gb_per_s_per_node = 1;  ///< that a node writes to shared storage
};

/// A cluster file. configs/clusters/template.yaml explains every key.
struct Cluster {
  std::string name;
  std::vector<Partition> partitions;  ///< at least one
  Allocation allocation;
  Reliability reliability;
  /// A folder whose templates and blocks of job scripts replace those of slurm/templates.
  std::optional<std::filesystem::path> templates;

  /// Throws ConfigError with the nearest name.
  const Partition& partition(const std::string& partition_name) const;
};

/// Throws FileError or ConfigError naming file, line, key, value and what to do.
Cluster load_cluster(const std::filesystem::path& path, const GpuCatalog& catalog);
/// As above from a parsed document; device_file is relative to `folder`.
Cluster read_cluster(const ConfigNode& root, const std::filesystem::path& folder,
                     const GpuCatalog& catalog);

}  // namespace isoflop
