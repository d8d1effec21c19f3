// SPDX-License-Identifier: MIT
#pragma once

#include "trainer/backend/trace.hpp"
#include "trainer/comm/collectives.hpp"

#include <memory>

namespace isoflop {

/// Collectives that leave a scope of each call in a trace.
class TracedCollectives final : public Collectives {
 public:
  /// `device` and `trace` must outlive it.
  TracedCollectives(std::unique_ptr<Collectives> inner, Device& device, Trace& trace)
      : inner_(std::move(inner)), device_(device), trace_(trace) {}

  int rank(Group group) const override { return inner_->rank(group); }
  int size(Group group) const override { return inner_->size(group); }
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
  std::unique_ptr<RegisteredBuffers> register_buffers(
      std::span<const SharedBuffer> buffers) override {
    return inner_->register_buffers(buffers);
  }
  void begin_step(int64_t step) override { inner_->begin_step(step); }
  void end_step(int64_t step) override { inner_->end_step(step); }
  double exposed_seconds(int64_t step) const override { return inner_->exposed_seconds(step); }
  PeerWaits peer_waits() const override { return inner_->peer_waits(); }
  void poll() override { inner_->poll(); }
  std::optional<std::string> failure() const override { return inner_->failure(); }
  void abort(int exit_code) override { inner_->abort(exit_code); }

 private:
  /// What a call waits for anyway, so that it is not part of its scope.
  void wait_for(Stream stream, Event after);

  std::unique_ptr<Collectives> inner_;
  Device& device_;
  Trace& trace_;
};

}  // namespace isoflop
