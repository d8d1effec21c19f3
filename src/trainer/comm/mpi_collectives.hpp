// SPDX-License-Identifier: MIT
#pragma once

#include "core/parallel/layout.hpp"
#include "trainer/backend/cpu/cpu_device.hpp"
#include "trainer/comm/blocking_calls.hpp"
#include "trainer/comm/collectives.hpp"
#include "trainer/comm/mpi_communicator.hpp"

#include <array>
#include <limits>
#include <string>

namespace isoflop {

/// Collectives of the CPU device over MPI. Each call is work on the given stream: it blocks in MPI
/// when the stream gets there, on the thread that runs the stream, which is the one that
/// initialised MPI (MPI_THREAD_FUNNELED).
/// See BlockingCalls for why this cannot deadlock.
///
/// Results have the same bits on every rank and in every run of the same grid, as Open MPI's
/// algorithms depend on sizes only. This object must outlive the work it enqueued.
class MpiCollectives final : public Collectives {
 public:
  /// Elements one MPI call may move or reduce; counts are int. Larger ones are split.
  static constexpr int64_t kMaxCount = std::numeric_limits<int>::max();

  /// Collective over `parent`, whose size is the layout's world size. `who` is "rank 3 on node07".
  MpiCollectives(CpuDevice& device, MPI_Comm parent, const Layout& layout, std::string who,
                 int64_t max_count = kMaxCount);

  int rank(Group group) const override { return communicator(group).rank(); }
  int size(Group group) const override { return communicator(group).size(); }

  /// Throw ConfigError for a dtype MPI cannot reduce (bf16, f16).
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
  void abort(int exit_code) override;

 private:
  const MpiCommunicator& communicator(Group group) const {
    return communicators_[static_cast<std::size_t>(group)];
  }
  void check(int code, const char* operation, TensorView tensor) const;

  void run_all_gather(TensorView out, TensorView in, const MpiCommunicator& group) const;
  void run_reduce_scatter(TensorView out, TensorView in, ReduceOp op,
                          const MpiCommunicator& group) const;
  void run_all_reduce(TensorView out, TensorView in, ReduceOp op,
                      const MpiCommunicator& group) const;
  void run_broadcast(TensorView inout, int root, const MpiCommunicator& group) const;
  void run_exchange(std::span<const Message> sends, std::span<const Message> receives,
                    const MpiCommunicator& group) const;
  void run_broadcast_each(std::span<const Share> shares, const MpiCommunicator& group) const;
  void wait_for_all(std::span<MPI_Request> requests) const;

  BlockingCalls calls_;
  std::string who_;
  int64_t max_count_;
  std::array<MpiCommunicator, 3> communicators_;  // world, shard, replica, as Group
};

}  // namespace isoflop
