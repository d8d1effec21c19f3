// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

namespace isoflop {

/// The ranks of one collective: equal nodes with the same number of ranks each.
struct RankGroup {
  int nodes = 1;
  int ranks_per_node = 1;

  int size() const { return nodes * ranks_per_node; }
};

/// What collectives of this job can use: bytes per second in one direction that libraries reach
/// (not the data sheet's), and seconds per hop.
struct Network {
  double intra_node_bytes_per_s = 0;  ///< of one rank, to its neighbours in the node
  double inter_node_bytes_per_s = 0;  ///< of one node, all its ports
  double intra_node_hop_s = 0;
  double inter_node_hop_s = 0;
};

/// Seconds of a ring all-gather whose result has `bytes` on every rank. With n ranks on k nodes
/// every rank receives (n-1)/n of the bytes and every node (k-1)/k of them; the slower of the two
/// decides, and the last piece has passed every hop of the ring. Source: Thakur, Rabenseifner,
/// Gropp 2005, "Optimization of Collective Communication Operations in MPICH", section 4.1, with
/// as many rings as a node has ports.
double all_gather_s(const Network& network, const RankGroup& group, double bytes);

/// As all_gather_s: the same traffic in the opposite direction; the sums are free beside it.
double reduce_scatter_s(const Network& network, const RankGroup& group, double bytes);

/// A reduce-scatter followed by an all-gather.
double all_reduce_s(const Network& network, const RankGroup& group, double bytes);

}  // namespace isoflop
