// SPDX-License-Identifier: MIT
#pragma once

#include "core/parallel/rank_group.hpp"
#include "trainer/backend/device.hpp"

#include <memory>
#include <optional>
#include <span>
#include <string>

namespace isoflop {

enum class ReduceOp { sum, max };

/// Elements that go to, or come from, one rank of a group.
struct Message {
  int peer = 0;
  TensorView view;
};

/// Elements that every rank of a group gets from one of them.
struct Share {
  TensorView view;
  int root = 0;
};

/// A buffer of Device::allocate_for_collectives that collectives of a group read or write.
struct SharedBuffer {
  const Buffer* buffer = nullptr;
  Group group = Group::world;
};

/// Buffers that collectives know, until destruction: when no collective is under way, before the
/// buffers are freed and the collectives destroyed.
class RegisteredBuffers {
 public:
  virtual ~RegisteredBuffers() = default;
};

/// How often this rank has begun and ended to stand still for others: the same counts on every rank
/// once all are done. For a rank that waits, begun is larger.
struct PeerWaits {
  int64_t begun = 0;
  int64_t ended = 0;

  bool waits() const { return begun > ended; }
  bool operator==(const PeerWaits&) const = default;
};

/// Collective operations on device buffers, enqueued on a stream. Every rank of the group makes the
/// same calls in the same order. Each call starts after `after` (and after what is enqueued on
/// `stream`) and returns the event of its completion; inputs must not be written and outputs not be
/// read before it. Nothing makes the host wait.
class Collectives {
 public:
  virtual ~Collectives() = default;

  virtual int rank(Group group) const = 0;
  virtual int size(Group group) const = 0;

  /// out (size x n) = every rank's in (n), in rank order. `in` may be this rank's part of out.
  virtual Event all_gather(TensorView out, TensorView in, Group group, Stream stream,
                           Event after) = 0;
  /// out (n) = this rank's part of the reduction of in (size x n). `out` may be this rank's part of
  /// in, whose other parts are undefined then.
  virtual Event reduce_scatter(TensorView out, TensorView in, ReduceOp op, Group group,
                               Stream stream, Event after) = 0;
  /// out = reduction of in; may be the same memory.
  virtual Event all_reduce(TensorView out, TensorView in, ReduceOp op, Group group, Stream stream,
                           Event after) = 0;
  virtual Event broadcast(TensorView inout, int root, Group group, Stream stream, Event after) = 0;

  /// Messages from rank to rank, all under way together; what one rank sends the other receives, of
  /// equal size, not empty. At most one message each way between two ranks, one to itself is a
  /// copy. Ranks without messages call it too. The spans are not kept.
  virtual Event exchange(std::span<const Message> sends, std::span<const Message> receives,
                         Group group, Stream stream, Event after) = 0;
  /// Several broadcasts at once, the same ones in the same order on every rank. The span is not
  /// kept.
  virtual Event broadcast_each(std::span<const Share> shares, Group group, Stream stream,
                               Event after) = 0;

  /// Makes buffers known to the communication library of their groups, which may then move data
  /// between those of different ranks without copies in between. Collective over all ranks, while
  /// none is under way: the same buffers, of the same sizes, in the same order. What they do not
  /// cover goes on to work, but one collective must not be called with memory that is covered on
  /// one rank and not on another. Null where nothing was registered, on all ranks alike.
  virtual std::unique_ptr<RegisteredBuffers> register_buffers(std::span<const SharedBuffer>) {
    return nullptr;
  }

  /// Bracket what is enqueued for a step; steps are numbered 1, 2, ...
  virtual void begin_step(int64_t step) = 0;
  virtual void end_step(int64_t step) = 0;
  /// Seconds that the compute stream stood still for collectives in `step`, the last one ended or
  /// the one before, whose work is over.
  virtual double exposed_seconds(int64_t step) const = 0;
  /// Where this rank stands: asked by its watchdog, from another thread.
  virtual PeerWaits peer_waits() const = 0;
  /// Throws when a peer failed; cheap, called once a step.
  virtual void poll() = 0;
  /// Why collectives under way will not end, where nothing tells the host that waits for them:
  /// asked by this rank's watchdog, from another thread, while they are not destroyed. Collectives
  /// that block their thread throw there.
  virtual std::optional<std::string> failure() const { return std::nullopt; }
  /// Ends the whole job with `exit_code`; does not return when there are other ranks.
  virtual void abort(int exit_code) = 0;
};

}  // namespace isoflop
