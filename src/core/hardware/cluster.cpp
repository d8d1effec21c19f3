// SPDX-License-Identifier: MIT
#include "core/hardware/cluster.hpp"

#include "core/base/error.hpp"
#include "core/base/suggest.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace isoflop {

const Partition& Cluster::partition(const std::string& partition_name) const {
  std::vector<std::string> names;
  for (const Partition& candidate : partitions) {
    if (candidate.name == partition_name) return candidate;
    names.push_back(candidate.name);
  }
  throw ConfigError(fmt::format(
      "partition '{}' (cluster '{}' has none of that name{}); its partitions: {}", partition_name,
      name, did_you_mean(partition_name, names), fmt::join(names, ", ")));
}

}  // namespace isoflop
