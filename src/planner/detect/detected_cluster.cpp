// SPDX-License-Identifier: MIT
#include "planner/detect/detected_cluster.hpp"

#include "core/base/error.hpp"
#include "core/base/format.hpp"
#include "core/base/yaml_writer.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace isoflop {
namespace {

/// What a core of a CPU that nobody measured is taken to do: 16 fp32 operations a cycle (one AVX2
/// multiply-add) at 2 GHz, of 64 that current server cores do, and 2 GB/s of memory.
constexpr double kAssumedTflopsPerCore = 0.032;
constexpr double kAssumedMemoryGbPerSPerCore = 2;

/// The least GPU that the trainer's GPU backend runs on: stands in for one that is not known.
constexpr const char* kAssumedGpu = "A100-SXM4-40GB";

template <typename T>
void write_finding(YamlWriter& yaml, const std::string& key, const Finding<T>& finding) {
  if (finding.assumed) {
    yaml.comment(fmt::format("TODO {}: {}", key, *finding.assumed));
    yaml.entry(key, finding.value, "ASSUMED");
  } else {
    yaml.entry(key, finding.value);
  }
}

std::string request_word(GpuRequest request) {
  switch (request) {
    case GpuRequest::gpus_per_node:
      return "gpus_per_node";
    case GpuRequest::gres:
      return "gres";
    case GpuRequest::none:
      return "none";
  }
  return "none";
}

std::string device_name(const DetectedGroup& group) {
  return group.name + (group.cpu ? "-cpu" : "-gpu");
}

void write_gpu(YamlWriter& yaml, const DetectedGroup& group) {
  if (group.unknown_gpu_mem_mib) {
    yaml.comment("TODO gpu: described under devices below");
    yaml.entry("gpu", device_name(group), "ASSUMED");
  } else {
    write_finding(yaml, "gpu", group.gpu);
  }
  yaml.entry("gpus_per_node", group.gpus_per_node);
  yaml.entry("gpu_request", request_word(group.gpu_request));
}

void write_cpu(YamlWriter& yaml, const DetectedGroup& group) {
  yaml.entry("cpu_device", device_name(group));
  yaml.entry("ranks_per_node", group.cpu->ranks_per_node);
}

void write_job_keys(YamlWriter& yaml, const DetectedGroup& group) {
  if (group.time_limit_s) yaml.entry("time_limit", format_slurm_time(*group.time_limit_s));
  if (group.account) yaml.entry("account", *group.account);
  if (group.qos) yaml.entry("qos", *group.qos);
  if (group.constraint) yaml.entry("constraint", *group.constraint);
}

/// A file with fewer CPUs than GPUs would be refused, and jobs of it could not start.
bool has_cpu_for_each_gpu(const DetectedGroup& group) {
  return group.cpu || group.cpus_per_node >= group.gpus_per_node;
}

std::vector<std::string> remarks_of(const DetectedGroup& group) {
  std::vector<std::string> remarks = group.remarks;
  if (!has_cpu_for_each_gpu(group))
    remarks.push_back(
        fmt::format("TODO cpus_per_node: {} CPUs were seen for {} GPUs (a container or a job step "
                    "may have fewer than the node); give the node's",
                    group.cpus_per_node, group.gpus_per_node));
  return remarks;
}

void write_group(YamlWriter& yaml, const DetectedGroup& group) {
  yaml.begin_item();
  yaml.entry("name", group.name);
  const std::vector<std::string> remarks = remarks_of(group);
  if (!remarks.empty()) yaml.comment(fmt::format("{}", fmt::join(remarks, "\n")));
  if (group.slurm_partition != group.name) yaml.entry("slurm_partition", group.slurm_partition);
  yaml.entry("nodes", group.nodes);
  if (group.cpu) {
    write_cpu(yaml, group);
  } else {
    write_gpu(yaml, group);
  }
  if (has_cpu_for_each_gpu(group)) yaml.entry("cpus_per_node", group.cpus_per_node);
  if (group.mem_gb_per_node) yaml.entry("mem_gb_per_node", *group.mem_gb_per_node);
  if (group.intra_node_gb_per_s_per_device)
    write_finding(yaml, "intra_node_gb_per_s_per_device", *group.intra_node_gb_per_s_per_device);
  if (group.inter_node_gb_per_s_per_node)
    write_finding(yaml, "inter_node_gb_per_s_per_node", *group.inter_node_gb_per_s_per_node);
  write_job_keys(yaml, group);
  yaml.end_map();
}

void write_cpu_device(YamlWriter& yaml, const DetectedGroup& group) {
  const DetectedCpu& cpu = *group.cpu;
  yaml.comment(fmt::format(
      "TODO: speeds are assumed; srun trainer bench --out FILE on a node measures them"));
  yaml.begin_map(device_name(group));
  yaml.entry("kind", "cpu").entry("mem_gb", cpu.mem_gb_per_rank);
  yaml.entry("mem_bandwidth_gb_per_s", kAssumedMemoryGbPerSPerCore * cpu.cores_per_rank, "ASSUMED");
  yaml.begin_map("peak_tflops");
  yaml.entry("fp32", kAssumedTflopsPerCore * cpu.cores_per_rank, "ASSUMED");
  yaml.end_map().entry("source", cpu.source).end_map();
}

void write_gpu_device(YamlWriter& yaml, const DetectedGroup& group) {
  yaml.comment(fmt::format("TODO: {}", group.gpu.assumed.value_or("an unknown GPU")));
  yaml.begin_map(device_name(group));
  yaml.entry("kind", "gpu").entry("like", kAssumedGpu, "ASSUMED");
  yaml.entry("visible_mem_mib", *group.unknown_gpu_mem_mib);
  yaml.entry("source", group.gpu.value + ", speeds assumed").end_map();
}

void write_devices(YamlWriter& yaml, const std::vector<DetectedGroup>& groups) {
  bool begun = false;
  for (const DetectedGroup& group : groups) {
    if (!group.cpu && !group.unknown_gpu_mem_mib) continue;
    if (!begun) yaml.begin_map("devices");
    begun = true;
    group.cpu ? write_cpu_device(yaml, group) : write_gpu_device(yaml, group);
  }
  if (begun) yaml.end_map();
}

std::vector<std::string> assumed_keys(const DetectedGroup& group) {
  std::vector<std::string> keys;
  if (group.cpu) keys = {"peak_tflops", "mem_bandwidth_gb_per_s"};
  if (group.gpu.assumed || group.unknown_gpu_mem_mib) keys.emplace_back("gpu");
  if (group.intra_node_gb_per_s_per_device && group.intra_node_gb_per_s_per_device->assumed)
    keys.emplace_back("intra_node_gb_per_s_per_device");
  if (group.inter_node_gb_per_s_per_node && group.inter_node_gb_per_s_per_node->assumed)
    keys.emplace_back("inter_node_gb_per_s_per_node");
  return keys;
}

std::string device_words(const DetectedGroup& group) {
  if (group.cpu)
    return fmt::format("{} CPU ranks of {} cores", group.cpu->ranks_per_node,
                       group.cpu->cores_per_rank);
  return fmt::format("{} GPUs: {}", group.gpus_per_node, group.gpu.value);
}

/// The comment at the top of the file.
std::string header(const DetectedCluster& cluster) {
  std::string text = fmt::format(
      "Written by planner detect from {}. TODO and ASSUMED mark what could not be seen: look\n"
      "through them. configs/clusters/template.yaml explains every key.",
      cluster.how);
  for (const std::string& line : cluster.left_out) text += "\nLeft out: " + line;
  return text;
}

}  // namespace

std::string cluster_document(const DetectedCluster& cluster) {
  if (cluster.groups.empty())
    throw NothingFitsError(fmt::format("no node to describe ({}){}{}", cluster.how,
                                       cluster.left_out.empty() ? "" : ": ",
                                       fmt::join(cluster.left_out, "; ")));
  YamlWriter yaml;
  yaml.comment(header(cluster));
  yaml.entry("name", cluster.name);
  yaml.comment(
      "TODO what your project may use:\n"
      "allocation: {gpu_hours: 20000, max_gpus_per_job: 64}\n"
      "TODO what every job needs at your site:\n"
      "defaults: {account: my-project, modules: [cuda, openmpi], work_dir: /scratch/me}");
  yaml.begin_list("partitions");
  for (const DetectedGroup& group : cluster.groups) write_group(yaml, group);
  yaml.end_list();
  write_devices(yaml, cluster.groups);
  return yaml.text();
}

std::string describe_detection(const DetectedCluster& cluster) {
  std::string text;
  for (const DetectedGroup& group : cluster.groups) {
    text += fmt::format("{}: {} {} with {}\n", group.name, group.nodes,
                        group.nodes == 1 ? "node" : "nodes", device_words(group));
    for (const std::string& remark : remarks_of(group)) text += fmt::format("  {}\n", remark);
    for (const std::string& key : assumed_keys(group)) text += fmt::format("  assumed: {}\n", key);
  }
  for (const std::string& line : cluster.left_out) text += fmt::format("left out: {}\n", line);
  return text;
}

namespace {

void write_strings(JsonWriter& json, std::string_view key, const std::vector<std::string>& lines) {
  json.key(key).begin_array();
  for (const std::string& line : lines) json.value(line);
  json.end_array();
}

void write_detected_group(JsonWriter& json, const DetectedGroup& group) {
  json.begin_object().entry("name", group.name);
  json.entry("slurm_partition", group.slurm_partition).entry("nodes", group.nodes);
  if (group.cpu) {
    json.entry("ranks_per_node", group.cpu->ranks_per_node);
  } else {
    json.entry("gpu", group.gpu.value).entry("gpus_per_node", group.gpus_per_node);
  }
  if (has_cpu_for_each_gpu(group)) json.entry("cpus_per_node", group.cpus_per_node);
  if (group.mem_gb_per_node) json.entry("mem_gb_per_node", *group.mem_gb_per_node);
  if (group.time_limit_s) json.entry("time_limit_s", *group.time_limit_s);
  if (group.constraint) json.entry("constraint", *group.constraint);
  write_strings(json, "assumed", assumed_keys(group));
  write_strings(json, "remarks", remarks_of(group));
  json.end_object();
}

}  // namespace

void write_detection(JsonWriter& json, const DetectedCluster& cluster) {
  json.begin_object().entry("name", cluster.name).entry("how", cluster.how);
  json.key("partitions").begin_array();
  for (const DetectedGroup& group : cluster.groups) write_detected_group(json, group);
  json.end_array();
  write_strings(json, "left_out", cluster.left_out);
  json.end_object();
}

}  // namespace isoflop
