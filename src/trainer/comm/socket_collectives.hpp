// SPDX-License-Identifier: MIT
#pragma once

#include "core/parallel/layout.hpp"
#include "trainer/backend/cpu/cpu_device.hpp"
#include "trainer/comm/blocking_calls.hpp"
#include "trainer/comm/collectives.hpp"
#include "trainer/comm/peer_links.hpp"
#include "trainer/comm/process_grid.hpp"
#include "trainer/comm/ring.hpp"

#include <array>
#include <functional>
#include <span>
#include <vector>

namespace isoflop {

/// Collectives of the CPU device over TCP, for jobs without MPI. Reductions and gathers go round a
/// ring of the group's ranks in rank order, so that with contiguous shard groups each node sends
/// and receives everything once. The sum of each element is formed in one order that depends on the
/// group and the number of elements only: the same bits on every rank and in every run. See
/// BlockingCalls for why they cannot deadlock.
class SocketCollectives final : public Collectives {
 public:
  /// `device`, `links` and `launch` must outlive this object, and this object the work it enqueued.
  SocketCollectives(CpuDevice& device, PeerLinks& links, const Layout& layout, Launch& launch);

  int rank(Group group) const override { return of(group).index; }
  int size(Group group) const override { return of(group).size(); }

  /// Reductions throw ConfigError for a dtype that is not accumulated in (bf16, f16).
  Event all_gather(TensorView out, TensorView in, Group group, Stream stream, Event after) override;
  Event reduce_scatter(TensorView out, TensorView in, ReduceOp op, Group group, Stream stream,
                       Event after) override;
  Event all_reduce(TensorView out, TensorView in, ReduceOp op, Group group, Stream stream,
                   Event after) override;
  Event broadcast(TensorView inout, int root, Group group, Stream stream, Event after) override;
  Event exchange(std::span<const Message> sends, std::span<const Message> receives, Group group,
                 Stream stream, Event after) override;
  Event broadcast_each(std::span<const Share> shares, Group group, Stream stream,
                       Event after) override;

  void begin_step(int64_t) override { calls_.begin_step(); }
  void end_step(int64_t step) override { calls_.end_step(step); }
  double exposed_seconds(int64_t step) const override { return calls_.exposed_seconds(step); }
  PeerWaits peer_waits() const override { return calls_.peer_waits(); }
  void poll() override { calls_.poll(); }
  void abort(int exit_code) override { launch_.abort(exit_code); }

 private:
  const GridGroup& of(Group group) const { return groups_[static_cast<std::size_t>(group)]; }
  /// Numbers the call.
  Event enqueue(CallIdentity identity, Group group, Stream stream, Event after,
                std::function<void(const Ring&)> call);

  PeerLinks& links_;
  Launch& launch_;
  BlockingCalls calls_;
  std::array<GridGroup, 3> groups_;  // world, shard, replica, as Group
  std::vector<std::byte> scratch_;
  uint64_t n_calls_ = 0;
};

}  // namespace isoflop
