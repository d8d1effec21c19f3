// SPDX-License-Identifier: MIT
#pragma once

#include "trainer/comm/collectives.hpp"

namespace isoflop {

/// The collectives of a rank that is alone: every group has size 1 and every operation is a copy,
/// or nothing where input and output are the same memory. Lets parallel code run serially.
class SelfCollectives final : public Collectives {
 public:
  /// `device` must outlive this object.
  explicit SelfCollectives(Device& device) : device_(device) {}

  int rank(Group) const override { return 0; }
  int size(Group) const override { return 1; }

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

  void begin_step(int64_t) override {}
  void end_step(int64_t) override {}
  double exposed_seconds(int64_t) const override { return 0; }
  PeerWaits peer_waits() const override { return {}; }
  void poll() override {}
  void abort(int) override {}

 private:
  Event copy(TensorView out, TensorView in, Stream stream, Event after);

  Device& device_;
};

}  // namespace isoflop
