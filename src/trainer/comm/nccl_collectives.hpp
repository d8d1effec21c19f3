// SPDX-License-Identifier: MIT
#pragma once

#include "core/parallel/layout.hpp"
#include "trainer/backend/cuda/cuda_device.hpp"
#include "trainer/comm/collectives.hpp"
#include "trainer/comm/nccl_communicator.hpp"
#include "trainer/comm/process_grid.hpp"

#include <optional>
#include <string>

namespace isoflop {

/// Collectives of GPUs over NCCL, one communicator per group of the grid. NCCL takes its turns on
/// the stream it is given, so that the events of a CudaDevice order it like any other work and the
/// host never waits. All calls of a rank go to one stream in the same order on every rank, which is
/// what NCCL asks for; groups of one rank need no call.
class NcclCollectives final : public Collectives {
 public:
  /// Collective over the ranks of `launch`; `device` and `launch` must outlive it.
  NcclCollectives(CudaDevice& device, const Layout& layout, Launch& launch);

  int rank(Group group) const override;
  int size(Group group) const override;

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

  /// As NcclRegistration of the device says. Null, and a line in the log of rank 0, when NCCL has
  /// no memory for it or refuses on any rank.
  std::unique_ptr<RegisteredBuffers> register_buffers(
      std::span<const SharedBuffer> buffers) override;

  void begin_step(int64_t step) override { device_.begin_stall_window(step); }
  void end_step(int64_t) override { device_.end_stall_window(); }
  double exposed_seconds(int64_t step) const override { return device_.stalled_seconds(step); }

  /// By what the compute stream waits for.
  PeerWaits peer_waits() const override;
  void poll() override;
  /// By ncclCommGetAsyncError: kernels that wait for a link that failed do not end, and the host
  /// that waits for them neither.
  std::optional<std::string> failure() const override;
  void abort(int exit_code) override;

 private:
  /// Null for a group of one rank.
  const NcclCommunicator* communicator(Group group) const;
  /// `call(communicator, stream)` after `after`; a copy from in to out where the group is one rank.
  template <typename Call>
  Event enqueue(const char* name, TensorView out, TensorView in, Group group, Stream stream,
                Event after, const Call& call);

  /// What `calls(communicator)` enqueues on `stream` starts together; nothing for a group of one
  /// rank. Throws like check_nccl.
  template <typename Calls>
  Event run_together(const char* name, Group group, Stream stream, const Calls& calls);
  /// The first rank on which `is_well` is false. Collective over all ranks, on the host.
  std::optional<int> first_without(bool is_well);
  void check(ncclResult_t result, const NcclCommunicator& members, const char* name,
             TensorView tensor) const;

  CudaDevice& device_;
  Launch& launch_;
  std::string who_;
  NcclCommunicator world_;
  std::optional<NcclCommunicator> shard_;    // none where it is the world or one rank
  std::optional<NcclCommunicator> replica_;  // likewise
  int n_shard_;
};

}  // namespace isoflop
