// SPDX-License-Identifier: MIT
#include "core/base/error.hpp"
#include "core/base/suggest.hpp"
#include "core/hardware/cluster.hpp"
#include "core/hardware/cluster_devices.hpp"
#include "core/hardware/job_settings_reader.hpp"
#include "core/hardware/slurm_time.hpp"

#include <fmt/format.h>

#include <set>

namespace isoflop {
namespace {

/// What every partition is read against.
struct Context {
  const GpuCatalog& catalog;
  const DefinedDevices& devices;
  const JobSettings& defaults;
};

int read_count(MapReader& map, const std::string& key) {
  const int64_t value = map.required_at_least(key, 1);
  if (value > 1'000'000) map.required_node(key).fail("must be at most a million");
  return static_cast<int>(value);
}

std::optional<int> find_count(MapReader& map, const std::string& key) {
  return map.find_node(key) ? std::optional(read_count(map, key)) : std::nullopt;
}

[[noreturn]] void fail_unknown_cpu(const ConfigNode& node, const DefinedDevices& devices) {
  std::vector<std::string> names;
  for (const auto& [name, device] : devices) names.push_back(name);
  node.fail("no device of that name is defined" + did_you_mean(node.text(), names),
            "define it under devices (trainer bench prints it)");
}

/// `cpu_device: NAME` and `ranks_per_node: N`.
void read_cpu_device(MapReader& map, const Context& context, Partition& partition) {
  const ConfigNode node = map.required_node("cpu_device");
  partition.device_text = node.as<std::string>();
  const auto defined = context.devices.find(partition.device_text);
  if (defined == context.devices.end()) fail_unknown_cpu(node, context.devices);
  partition.device = defined->second.spec;
  partition.device_how = defined->second.how;
  if (partition.device.kind != DeviceClass::cpu)
    node.fail("that device is a GPU", "write gpu: instead");
  partition.devices_per_node = read_count(map, "ranks_per_node");
  partition.gpu_request = GpuRequest::none;
}

/// The count of `gpus_per_node`, of the GRES text, or of both when they agree.
int read_gpus_per_node(MapReader& map, const std::optional<int>& gres_count) {
  if (!gres_count) return read_count(map, "gpus_per_node");
  const std::optional<int> stated = find_count(map, "gpus_per_node");
  if (stated && *stated != *gres_count)
    map.required_node("gpus_per_node")
        .fail(fmt::format("the GRES text says {}", *gres_count), "remove one of the two");
  return *gres_count;
}

GpuRequest read_gpu_request(MapReader& map) {
  const std::optional<ConfigNode> node = map.find_node("gpu_request");
  if (!node || node->text() == "gpus_per_node") return GpuRequest::gpus_per_node;
  if (node->text() == "gres") return GpuRequest::gres;
  if (node->text() == "none") return GpuRequest::none;
  node->fail("must be gpus_per_node, gres or none");
}

/// `gpu: TEXT`, `gpus_per_node: N` and `gpu_request`.
void read_gpu_device(MapReader& map, const Context& context, Partition& partition) {
  const ConfigNode node = map.required_node("gpu");
  partition.device_text = node.as<std::string>();
  std::optional<int> gres_count;
  const auto defined = context.devices.find(partition.device_text);
  if (defined != context.devices.end()) {
    partition.device = defined->second.spec;
    partition.device_how = defined->second.how;
  } else {
    const GpuMatch match = context.catalog.find(node);
    partition.device = match.spec;
    partition.device_how = match.how;
    if (match.gres) {
      gres_count = match.gres->count;
      partition.gres_type = match.gres->type;
    }
  }
  if (partition.device.kind != DeviceClass::gpu)
    node.fail("that device is a CPU", "write cpu_device: instead");
  partition.devices_per_node = read_gpus_per_node(map, gres_count);
  partition.gpu_request = read_gpu_request(map);
}

void read_device_of(MapReader& map, const Context& context, Partition& partition) {
  const std::optional<ConfigNode> gpu = map.find_node("gpu");
  const std::optional<ConfigNode> cpu = map.find_node("cpu_device");
  if (gpu && cpu) cpu->fail("gpu is given too", "keep one: a partition has one kind of device");
  if (cpu) {
    read_cpu_device(map, context, partition);
  } else {
    read_gpu_device(map, context, partition);
  }
}

/// True when NVLink or xGMI joins all devices of a node.
bool scaleup_joins_node(const Partition& partition) {
  return partition.device.scaleup_bidir_gb_per_s &&
         partition.device.scaleup_domain.value_or(1) >= partition.devices_per_node;
}

std::optional<double> default_intra_node_gb_per_s(const Partition& partition) {
  return scaleup_joins_node(partition) ? partition.device.scaleup_gb_per_s()
                                       : partition.device.pcie_gb_per_s();
}

void read_network(MapReader& map, Partition& partition) {
  const std::string intra = "intra_node_gb_per_s_per_device";
  const std::optional<double> known = default_intra_node_gb_per_s(partition);
  const bool single = partition.devices_per_node == 1;
  partition.intra_node_gb_per_s_per_device =
      known || single ? map.find_positive(intra).value_or(known.value_or(0))
                      : map.required_positive(intra);
  const std::string inter = "inter_node_gb_per_s_per_node";
  partition.inter_node_gb_per_s_per_node =
      partition.nodes == 1 ? map.find_positive(inter).value_or(0) : map.required_positive(inter);
  partition.intra_node_latency_us =
      map.find_positive("intra_node_latency_us")
          .value_or(scaleup_joins_node(partition) ? kNvlinkLatencyUs : kPcieLatencyUs);
  partition.inter_node_latency_us =
      map.find_positive("inter_node_latency_us").value_or(kNetworkLatencyUs);
}

Partition read_partition(const ConfigNode& node, const Context& context) {
  MapReader map(node);
  Partition partition;
  partition.name = single_line(map.required_node("name"));
  const std::optional<ConfigNode> slurm_name = map.find_node("slurm_partition");
  partition.slurm_partition = slurm_name ? single_line(*slurm_name) : partition.name;
  partition.nodes = read_count(map, "nodes");
  read_device_of(map, context, partition);
  partition.cpus_per_node = find_count(map, "cpus_per_node");
  if (partition.cpus_per_node && *partition.cpus_per_node < partition.devices_per_node)
    map.required_node("cpus_per_node")
        .fail(fmt::format("below the {} ranks of a node", partition.devices_per_node),
              "give each rank a core");
  partition.mem_gb_per_node = map.find_positive("mem_gb_per_node");
  read_network(map, partition);
  if (const auto limit = map.find_node("time_limit"))
    partition.time_limit_s = parse_time_limit_s(*limit);
  partition.price_per_gpu_hour = map.find_positive("price_per_gpu_hour");
  partition.job = read_job_settings(map, context.defaults);
  map.finish();
  return partition;
}

JobSettings read_defaults(MapReader& cluster) {
  const std::optional<ConfigNode> node = cluster.find_node("defaults");
  if (!node) return {};
  MapReader map(*node);
  JobSettings defaults = read_job_settings(map, {});
  map.finish();
  return defaults;
}

Allocation read_allocation(MapReader& cluster) {
  const std::optional<ConfigNode> node = cluster.find_node("allocation");
  if (!node) return {};
  MapReader map(*node);
  const Allocation allocation = {.gpu_hours = map.find_positive("gpu_hours"),
                                 .max_gpus_per_job = find_count(map, "max_gpus_per_job"),
                                 .max_jobs = find_count(map, "max_jobs")};
  map.finish();
  return allocation;
}

/// What the file leaves out keeps its default: a delay that is assumed, and the 2 TB/s that the
/// storage of Llama 3's 16,384 GPUs sustains (2,048 nodes; arXiv:2407.21783, section 3.3.1).
Reliability read_reliability(MapReader& cluster) {
  const std::optional<ConfigNode> node = cluster.find_node("reliability");
  if (!node) return {};
  MapReader map(*node);
  Reliability reliability;
  reliability.device_hours_between_interruptions =
      map.find_positive("device_hours_between_interruptions");
  if (const auto delay = map.find_node("requeue_delay")) {
    const std::optional<double> seconds = parse_time_limit_s(*delay);
    if (!seconds) delay->fail("must be a time", "write 10m");
    reliability.requeue_delay_s = *seconds;
  }
  reliability.checkpoint_gb_per_s_per_node =
      map.find_positive("checkpoint_gb_per_s_per_node")
          .value_or(reliability.checkpoint_gb_per_s_per_node);
  map.finish();
  return reliability;
}

std::vector<Partition> read_partitions(const ConfigNode& list, const Context& context) {
  std::vector<Partition> partitions;
  std::set<std::string> names;
  for (const ConfigNode& node : list.items()) {
    partitions.push_back(read_partition(node, context));
    if (!names.insert(partitions.back().name).second)
      MapReader(node).required_node("name").fail(
          "another partition has that name",
          "rename one; slurm_partition may be the same for both");
  }
  if (partitions.empty()) list.fail("no partition", "describe at least one");
  return partitions;
}

}  // namespace

Cluster load_cluster(const std::filesystem::path& path, const GpuCatalog& catalog) {
  return read_cluster(ConfigNode::load(path), path.parent_path(), catalog);
}

Cluster read_cluster(const ConfigNode& root, const std::filesystem::path& folder,
                     const GpuCatalog& catalog) {
  MapReader map(root);
  Cluster cluster;
  cluster.name = single_line(map.required_node("name"));
  const DefinedDevices devices = read_cluster_devices(map, folder, catalog);
  const JobSettings defaults = read_defaults(map);
  cluster.allocation = read_allocation(map);
  cluster.reliability = read_reliability(map);
  if (const auto templates = map.find<std::filesystem::path>("templates"))
    cluster.templates = (folder / *templates).lexically_normal();
  const ConfigNode list = map.required_node("partitions");
  map.finish();
  cluster.partitions = read_partitions(list, {catalog, devices, defaults});
  return cluster;
}

}  // namespace isoflop
