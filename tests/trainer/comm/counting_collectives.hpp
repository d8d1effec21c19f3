// SPDX-License-Identifier: MIT
#pragma once

#include "core/parallel/communication.hpp"
#include "trainer/comm/collectives.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <utility>
#include <vector>

namespace isoflop::test {

/// Counts what passes through to another implementation: calls by kind, and the bytes that this
/// rank would send in rings (ring_bytes) or does send in messages to others.
class CountingCollectives final : public Collectives {
 public:
  explicit CountingCollectives(std::unique_ptr<Collectives> inner) : inner_(std::move(inner)) {}

  const std::vector<Traffic>& traffic() const { return traffic_; }
  /// Calls, those in groups of one rank included.
  int64_t n_calls(CollectiveKind kind) const {
    const auto found = n_calls_.find(kind);
    return found == n_calls_.end() ? 0 : found->second;
  }
  void reset();

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
  void begin_step(int64_t step) override { inner_->begin_step(step); }
  void end_step(int64_t step) override { inner_->end_step(step); }
  double exposed_seconds(int64_t step) const override { return inner_->exposed_seconds(step); }
  PeerWaits peer_waits() const override { return inner_->peer_waits(); }
  void poll() override { inner_->poll(); }
  void abort(int exit_code) override { inner_->abort(exit_code); }

 private:
  void count(CollectiveKind kind, Group group, int64_t bytes);
  void count_ring(CollectiveKind kind, Group group, TensorView whole) {
    count(kind, group, ring_bytes(kind, whole.bytes(), inner_->size(group)));
  }

  std::unique_ptr<Collectives> inner_;
  std::vector<Traffic> traffic_;
  std::map<CollectiveKind, int64_t> n_calls_;
};

}  // namespace isoflop::test
