// SPDX-License-Identifier: MIT
#include "planner/network.hpp"

#include <algorithm>

namespace isoflop {

namespace {

/// (n - 1) / n: the part of a result that one of n holders receives from the others.
double received_fraction(int64_t n) { return static_cast<double>(n - 1) / static_cast<double>(n); }

double ports_bytes_per_s(const Network& network, const RankGroup& group) {
  return network.inter_node_bytes_per_s * group.port_share;
}

double transfer_s(const Network& network, const RankGroup& group, double bytes) {
  double seconds = 0;
  if (group.ranks_per_node > 1) {
    seconds = received_fraction(group.size()) * bytes / network.intra_node_bytes_per_s;
  }
  if (group.nodes > 1) {
    seconds = std::max(seconds,
                       received_fraction(group.nodes) * bytes / ports_bytes_per_s(network, group));
  }
  return seconds;
}

double hops_s(const Network& network, const RankGroup& group) {
  const auto intra_hops = static_cast<double>(group.nodes * (group.ranks_per_node - 1));
  const auto inter_hops = static_cast<double>(group.nodes - 1);
  return intra_hops * network.intra_node_hop_s + inter_hops * network.inter_node_hop_s;
}

}  // namespace

RankGroup rank_group(const Network& network, int64_t size, int64_t stride) {
  const int64_t in_node = std::max<int64_t>(1, network.ranks_per_node / stride);
  const int64_t per_node = std::min(size, in_node);
  return {
      .nodes = (size + per_node - 1) / per_node,
      .ranks_per_node = per_node,
      .port_share = static_cast<double>(per_node) / static_cast<double>(network.ranks_per_node)};
}

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

double all_to_all_s(const Network& network, const RankGroup& group, double bytes,
                    double inter_node_copies) {
  if (group.size() == 1) return 0;
  const double inside_s = received_fraction(group.size()) * bytes / network.intra_node_bytes_per_s;
  if (group.nodes == 1) return inside_s + network.intra_node_hop_s;
  const double rank_port =
      network.inter_node_bytes_per_s / static_cast<double>(network.ranks_per_node);
  return std::max(inside_s, inter_node_copies * bytes / rank_port) + network.inter_node_hop_s;
}

double send_s(const Network& network, int64_t stride, double bytes) {
  if (stride < network.ranks_per_node)
    return bytes / network.intra_node_bytes_per_s + network.intra_node_hop_s;
  const double rank_port =
      network.inter_node_bytes_per_s / static_cast<double>(network.ranks_per_node);
  return bytes / rank_port + network.inter_node_hop_s;
}

}  // namespace isoflop
