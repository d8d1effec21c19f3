// SPDX-License-Identifier: MIT
// usage: virtual_cluster CLUSTER.yaml
// Prints the nodes and partitions of a cluster file as lines of slurm.conf, for slurm/testbed/up
// --nodes.
#include "core/base/main_guard.hpp"
#include "core/hardware/cluster.hpp"
#include "core/hardware/gpu_catalog.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <map>
#include <string>
#include <vector>

namespace isoflop {
namespace {

/// MiB where the file does not say what a node has.
constexpr double kSomeMemory = 1e6;

/// What Slurm knows under one name.
struct SlurmPartition {
  std::vector<std::string> nodes;
  double limit_s = 0;  ///< 0: none
};

/// "h100&ib" asks for nodes with both features.
std::string features_of(const std::string& constraint) {
  std::string words = constraint;
  std::replace_if(
      words.begin(), words.end(),
      [](unsigned char c) { return std::isalnum(c) == 0 && c != '_' && c != '-'; }, ',');
  return words;
}

std::string node_line(const Partition& partition, const std::string& nodes) {
  const double mib = partition.mem_gb_per_node
                         ? std::floor(*partition.mem_gb_per_node * 1e9 / (1024.0 * 1024.0))
                         : kSomeMemory;
  std::string line = fmt::format("NodeName={} CPUs={} RealMemory={:.0f} State=CLOUD", nodes,
                                 partition.cpus_per_node.value_or(partition.devices_per_node), mib);
  if (partition.gpu_request != GpuRequest::none)
    line += fmt::format(" Gres=gpu:{}{}", partition.gres_type ? *partition.gres_type + ":" : "",
                        partition.devices_per_node);
  if (partition.job.constraint) line += " Feature=" + features_of(*partition.job.constraint);
  return line;
}

void print_cluster(const Cluster& cluster) {
  std::map<std::string, SlurmPartition> partitions;
  for (std::size_t i = 0; i < cluster.partitions.size(); ++i) {
    const Partition& partition = cluster.partitions[i];
    const std::string nodes = fmt::format("n{}-[1-{}]", i, partition.nodes);
    fmt::print("{}\n", node_line(partition, nodes));
    if (!partition.job.exclude.empty())
      fmt::print("{}\n",
                 node_line(partition, fmt::format("{}", fmt::join(partition.job.exclude, ","))));
    SlurmPartition& slurm = partitions[partition.slurm_partition];
    slurm.nodes.push_back(nodes);
    slurm.limit_s = std::max(slurm.limit_s, partition.time_limit_s.value_or(0));
  }
  for (const auto& [name, partition] : partitions)
    fmt::print("PartitionName={} Nodes={} MaxTime={} State=UP\n", name,
               fmt::join(partition.nodes, ","),
               partition.limit_s > 0 ? fmt::format("{:.0f}", std::ceil(partition.limit_s / 60))
                                     : "UNLIMITED");
}

}  // namespace
}  // namespace isoflop

int main(int argc, char** argv) {
  return isoflop::run_main("virtual_cluster", [&] {
    if (argc != 2) return 2;
    isoflop::print_cluster(isoflop::load_cluster(argv[1], isoflop::GpuCatalog::load()));
    return 0;
  });
}
