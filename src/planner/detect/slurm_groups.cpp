// SPDX-License-Identifier: MIT
#include "planner/detect/slurm_groups.hpp"

#include "planner/detect/network_hint.hpp"
#include "planner/detect/slurm_gpu.hpp"
#include "planner/detect/text_fields.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <set>

namespace isoflop {
namespace {

/// Equal nodes of one partition.
struct NodeSet {
  const SlurmNode* first = nullptr;
  std::optional<NodeGpus> gpus;
  bool has_several_types = false;
  int usable = 0, drained = 0, down = 0;
  double least_mem_mb = 0;
  std::vector<std::string> features;  ///< that all have
};

std::optional<NodeGpus> most_of(const std::vector<NodeGpus>& gpus) {
  if (gpus.empty()) return std::nullopt;
  return *std::max_element(gpus.begin(), gpus.end(),
                           [](const NodeGpus& a, const NodeGpus& b) { return a.count < b.count; });
}

bool same_memory(double a, double b) { return std::fabs(a - b) <= 0.1 * std::max(a, b); }

bool belongs(const NodeSet& set, const SlurmNode& node) {
  return set.first->gres == node.gres && set.first->cpus == node.cpus &&
         same_memory(set.first->mem_mb, node.mem_mb);
}

void add(NodeSet& set, const SlurmNode& node) {
  if (node.health == NodeHealth::drained) set.drained += node.count;
  if (node.health == NodeHealth::down) set.down += node.count;
  if (node.health != NodeHealth::usable) return;
  std::erase_if(set.features, [&](const std::string& feature) {
    return std::find(node.features.begin(), node.features.end(), feature) == node.features.end();
  });
  set.least_mem_mb = set.usable == 0 ? node.mem_mb : std::min(set.least_mem_mb, node.mem_mb);
  set.usable += node.count;
}

NodeSet begin_set(const SlurmNode& node) {
  const std::vector<NodeGpus> gpus = whole_gpus(node.gres);
  return {.first = &node,
          .gpus = most_of(gpus),
          .has_several_types = gpus.size() > 1,
          .features = node.features};
}

bool is_in(const SlurmNode& node, const std::string& partition) {
  return std::find(node.partitions.begin(), node.partitions.end(), partition) !=
         node.partitions.end();
}

std::vector<NodeSet> equal_nodes(const SlurmState& state, const std::string& partition) {
  std::vector<NodeSet> sets;
  for (const SlurmNode& node : state.nodes) {
    if (!is_in(node, partition)) continue;
    auto set = std::find_if(sets.begin(), sets.end(),
                            [&](const NodeSet& candidate) { return belongs(candidate, node); });
    if (set == sets.end()) set = sets.insert(sets.end(), begin_set(node));
    add(*set, node);
  }
  return sets;
}

/// A feature of this set's nodes that no other set of the partition has.
std::optional<std::string> own_feature(const NodeSet& set, const std::vector<NodeSet>& sets) {
  for (const std::string& feature : set.features) {
    const bool elsewhere = std::any_of(sets.begin(), sets.end(), [&](const NodeSet& other) {
      return other.first != set.first &&
             std::find(other.first->features.begin(), other.first->features.end(), feature) !=
                 other.first->features.end();
    });
    if (!elsewhere) return feature;
  }
  return std::nullopt;
}

bool type_is_unique(const NodeSet& set, const std::vector<NodeSet>& sets) {
  return set.gpus && set.gpus->type &&
         std::count_if(sets.begin(), sets.end(), [&](const NodeSet& other) {
           return other.gpus && other.gpus->type == set.gpus->type;
         }) == 1;
}

/// How jobs of this group stay on its nodes when the partition has others.
void separate_from_others(DetectedGroup& group, const NodeSet& set,
                          const std::vector<NodeSet>& sets) {
  if (sets.size() == 1) return;
  if (group.gpu_request == GpuRequest::gres && type_is_unique(set, sets)) return;
  group.constraint = own_feature(set, sets);
  if (!group.constraint)
    group.remarks.push_back(
        "TODO: the partition has other nodes too and neither a GPU type nor a feature tells these "
        "apart; ask your site for a constraint");
}

double usable_mem_mb(const NodeSet& set, const SlurmPartition& partition) {
  return partition.max_mem_mb_per_node ? std::min(*partition.max_mem_mb_per_node, set.least_mem_mb)
                                       : set.least_mem_mb;
}

/// Slurm's megabytes are MiB; rounded down to whole GB.
std::optional<double> gb_of_mb(double mem_mb) {
  const double gb = std::floor(mem_mb * 1024 * 1024 / 1e9);
  return gb >= 1 ? std::optional(gb) : std::nullopt;
}

/// One value that must be named is filled in; of several the user chooses.
std::optional<std::string> only_allowed(const std::string& what,
                                        const std::vector<std::string>& allowed,
                                        DetectedGroup& group) {
  if (allowed.size() == 1) return allowed.front();
  if (!allowed.empty())
    group.remarks.push_back(
        fmt::format("TODO {}: the partition takes {}", what, fmt::join(allowed, ", ")));
  return std::nullopt;
}

void add_limits(DetectedGroup& group, const SlurmPartition& partition) {
  group.time_limit_s = partition.time_limit_s;
  if (partition.max_nodes && *partition.max_nodes < group.nodes) {
    group.remarks.push_back(
        fmt::format("{} nodes can be used, of which a job may have {} (MaxNodes)", group.nodes,
                    *partition.max_nodes));
    group.nodes = *partition.max_nodes;
  }
  if (partition.max_cpus_per_node)
    group.cpus_per_node = std::min(group.cpus_per_node, *partition.max_cpus_per_node);
  group.account = only_allowed("account", partition.allow_accounts, group);
  group.qos = only_allowed("qos", partition.allow_qos, group);
  if (!partition.allow_groups.empty())
    group.remarks.push_back(
        fmt::format("only for members of the groups {}", fmt::join(partition.allow_groups, ", ")));
  if (partition.default_mem_mb_per_node)
    group.remarks.push_back(fmt::format("jobs that ask for no memory get {:g} MB a node",
                                        *partition.default_mem_mb_per_node));
  if (partition.default_mem_mb_per_cpu)
    group.remarks.push_back(fmt::format("jobs that ask for no memory get {:g} MB a CPU",
                                        *partition.default_mem_mb_per_cpu));
}

void add_unusable(DetectedGroup& group, const NodeSet& set) {
  if (set.drained + set.down > 0)
    group.remarks.push_back(
        fmt::format("not counted: {} drained and {} down nodes", set.drained, set.down));
}

void set_gpus(DetectedGroup& group, const NodeSet& set, const GpuCatalog& catalog) {
  GpuChoice choice = choose_gpu(*set.gpus, set.features, group.slurm_partition, catalog);
  group.gpu = std::move(choice.text);
  group.gpus_per_node = set.gpus->count;
  group.gpu_request = choice.request;
  group.remarks.insert(group.remarks.end(), choice.remarks.begin(), choice.remarks.end());
  if (set.has_several_types)
    group.remarks.push_back(fmt::format("the nodes have other GPUs too: {}", set.first->gres));
  if (choice.spec && !knows_intra_node(*choice.spec, group.gpus_per_node))
    group.intra_node_gb_per_s_per_device = assumed_intra_node();
}

void set_cpus(DetectedGroup& group, const NodeSet& set, double mem_gb) {
  const int ranks = std::clamp(set.first->sockets, 1, group.cpus_per_node);
  group.cpu = DetectedCpu{
      .ranks_per_node = ranks,
      .cores_per_rank = std::max(1, group.cpus_per_node / ranks / set.first->threads_per_core),
      .mem_gb_per_rank = std::max(1.0, mem_gb / ranks),
      .source = fmt::format("assumed by planner detect for {} CPUs of {}", group.cpus_per_node,
                            group.slurm_partition)};
  if (ranks > 1) group.intra_node_gb_per_s_per_device = assumed_intra_node();
}

DetectedGroup make_group(const NodeSet& set, const std::vector<NodeSet>& sets,
                         const SlurmPartition& partition, const GpuCatalog& catalog) {
  DetectedGroup group;
  group.slurm_partition = partition.name;
  group.nodes = set.usable;
  group.cpus_per_node = set.first->cpus;
  add_unusable(group, set);
  add_limits(group, partition);
  group.mem_gb_per_node = gb_of_mb(usable_mem_mb(set, partition));
  if (set.gpus) {
    set_gpus(group, set, catalog);
  } else {
    set_cpus(group, set, group.mem_gb_per_node.value_or(1));
  }
  if (group.nodes > 1)
    group.inter_node_gb_per_s_per_node = network_from_features(set.features, set.gpus.has_value());
  separate_from_others(group, set, sets);
  return group;
}

/// "gpu", or "gpu-h100" and "gpu-a100" in a partition of several kinds; numbered when still equal.
void name_groups(std::vector<DetectedGroup>& groups, const std::vector<std::string>& kinds) {
  std::set<std::string> taken;
  for (std::size_t i = 0; i < groups.size(); ++i) {
    DetectedGroup& group = groups[i];
    const auto same = [&](const DetectedGroup& other) {
      return other.slurm_partition == group.slurm_partition;
    };
    const bool alone = std::count_if(groups.begin(), groups.end(), same) == 1;
    const std::string base = alone ? group.slurm_partition : group.slurm_partition + "-" + kinds[i];
    group.name = base;
    for (int number = 2; !taken.insert(group.name).second; ++number)
      group.name = fmt::format("{}-{}", base, number);
  }
}

bool any_gpu(const SlurmState& state) {
  return std::any_of(state.nodes.begin(), state.nodes.end(),
                     [](const SlurmNode& node) { return !whole_gpus(node.gres).empty(); });
}

/// Why a set of nodes is not described; absent when it is.
std::optional<std::string> objection(const NodeSet& set, const SlurmPartition& partition,
                                     bool gpus_only) {
  const int nodes = set.usable + set.drained + set.down;
  if (!set.gpus && has_gpu_slices(set.first->gres))
    return fmt::format("{}: {} nodes offer slices of GPUs only ({})", partition.name, nodes,
                       set.first->gres);
  if (set.usable == 0)
    return fmt::format("{}: all {} nodes with {} are drained or down", partition.name, nodes,
                       set.first->gres.empty() ? "CPUs only" : set.first->gres);
  if (!set.gpus && gpus_only)
    return fmt::format("{}: {} nodes without GPUs (--cpus describes them)", partition.name, nodes);
  return std::nullopt;
}

}  // namespace

DetectedCluster group_nodes(const SlurmState& state, const GpuCatalog& catalog,
                            CpuPartitions cpu_partitions, const std::string& how) {
  DetectedCluster cluster;
  cluster.name = state.cluster_name.value_or("slurm");
  cluster.how = how;
  const bool gpus_only = cpu_partitions == CpuPartitions::only_without_gpus && any_gpu(state);
  std::vector<std::string> kinds;
  for (const SlurmPartition& partition : state.partitions) {
    if (!partition.is_up) {
      cluster.left_out.push_back(partition.name + ": closed to jobs");
      continue;
    }
    const std::vector<NodeSet> sets = equal_nodes(state, partition.name);
    for (const NodeSet& set : sets) {
      if (const std::optional<std::string> why = objection(set, partition, gpus_only)) {
        cluster.left_out.push_back(*why);
        continue;
      }
      cluster.groups.push_back(make_group(set, sets, partition, catalog));
      kinds.push_back(set.gpus ? set.gpus->type.value_or("gpu") : "cpu");
    }
  }
  name_groups(cluster.groups, kinds);
  return cluster;
}

}  // namespace isoflop
