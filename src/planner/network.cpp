// SPDX-License-Identifier: MIT
#include "planner/network.hpp"

#include <algorithm>

namespace isoflop {

namespace {

/// (n - 1) / n: the part of a result that one of n holders receives from the others.
double received_fraction(int n) { return static_cast<double>(n - 1) / n; }

double transfer_s(const Network& network, const RankGroup& group, double bytes) {
  double seconds = 0;
  if (group.ranks_per_node > 1) {
    seconds = received_fraction(group.size()) * bytes / network.intra_node_bytes_per_s;
  }
  if (group.nodes > 1) {
    seconds =
        std::max(seconds, received_fraction(group.nodes) * bytes / network.inter_node_bytes_per_s);
  }
  return seconds;
}

double hops_s(const Network& network, const RankGroup& group) {
  const int intra_hops = group.nodes * (group.ranks_per_node - 1);
  const int inter_hops = group.nodes - 1;
  return intra_hops * network.intra_node_hop_s + inter_hops * network.inter_node_hop_s;
}

}  // namespace

double all_gather_s(const Network& network, const RankGroup& group, double bytes) {
  if (group.size() == 1) return 0;
  return transfer_s(network, group, bytes) + hops_s(network, group);
}

double reduce_scatter_s(const Network& network, const RankGroup& group, double bytes) {
  return all_gather_s(network, group, bytes);
}

double all_reduce_s(const Network& network, const RankGroup& group, double bytes) {
  return reduce_scatter_s(network, group, bytes) + all_gather_s(network, group, bytes);
}

}  // namespace isoflop
