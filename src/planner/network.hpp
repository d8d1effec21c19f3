// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

namespace isoflop {

/// What collectives of this job can use: bytes per second in one direction that libraries reach
/// (not the data sheet's), and seconds per hop. A "node" is a group of devices joined at the inner
/// speed: a host, or a whole NVLink domain.
struct Network {
  double intra_node_bytes_per_s = 0;  ///< of one rank, to its neighbours in the node
  double inter_node_bytes_per_s = 0;  ///< of one node, all its ports
  double intra_node_hop_s = 0;
  double inter_node_hop_s = 0;
  int64_t ranks_per_node = 1;
};

/// The ranks of one collective: equal nodes with the same number of ranks each.
struct RankGroup {
  int64_t nodes = 1;
  int64_t ranks_per_node = 1;
  /// Of a node's network, what this group has while the others like it communicate too.
  double port_share = 1;

  int64_t size() const { return nodes * ranks_per_node; }
};

/// `size` ranks, each `stride` after the one before: with stride 8 on nodes of 8 all ranks are on
/// different nodes, and eight such groups share the ports.
RankGroup rank_group(const Network& network, int64_t size, int64_t stride);

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

/// Every rank sends `bytes` in equal parts to all ranks of the group; between nodes a token that
/// several ranks of a node want travels once where `copies` < 1 says so.
double all_to_all_s(const Network& network, const RankGroup& group, double bytes,
                    double inter_node_copies);

/// One message of `bytes` to a rank `stride` away.
double send_s(const Network& network, int64_t stride, double bytes);

}  // namespace isoflop
