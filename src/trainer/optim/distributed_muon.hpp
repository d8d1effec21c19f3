// SPDX-License-Identifier: MIT
#pragma once

#include "core/parallel/muon_owners.hpp"
#include "core/plan/optimizer_config.hpp"
#include "trainer/backend/backend.hpp"
#include "trainer/comm/collectives.hpp"
#include "trainer/fsdp/flat_shard.hpp"

#include <array>
#include <optional>
#include <span>
#include <vector>

namespace isoflop {

/// Muon on the grid of ranks: every matrix has one owner, who keeps its momentum and makes its
/// update orthogonal; no rank works on all of them. In rounds of one matrix per owner, some of
/// which are a group (muon_groups): each part of a group is done for all of its rounds, and the
/// owner's matrices of one shape are updated as a batch.
///
///   gather: ranks of the owner's shard group send it their pieces of the gradient
///   update: the owner turns the gradient into the update, in place
///   give back: the pieces of the update take the place of those of the gradient
///   share: other shard groups get theirs from the owner's (replicas hold equal gradients)
///
/// and at the end every rank takes all updates of its own pieces. Without shards a gradient is
/// whole on every rank: the owner works in place and shares. A rank that is alone only updates.
///
/// Group k + 1 is gathered (communication stream, M) while group k is updated (compute stream, C).
/// M's order is gather 0, gather 1, give back 0, share 0, gather 2, give back 1, share 1, ... Each
/// stream is in order; an event orders what crosses:
///
/// - M reads and overwrites gradients, and writes receive buffers, after C's earlier use of both
///   (statistics; scratch of the arena): recorded at the start of step()
/// - C reads a receive buffer after its gather (M): `gathered`
/// - M gives back and shares an update after C wrote it: `updated`
/// - M gathers group k + 2 into the buffer of group k after group k was given back: M is in order
/// - C takes the updates, and whatever follows on C uses the arena, after the last share (M):
///   `shared`
/// - M overwrites the gradients of the next step after C took the updates: the engine's own events
class DistributedMuon {
 public:
  /// `shard` was made with OptimizerKind::muon. All three must outlive this object. group_size: of
  /// muon_groups().
  DistributedMuon(const Backend& backend, Collectives& collectives, const FlatShard& shard,
                  const OptimizerConfig& config, int64_t group_size);

  /// Of the backend's device.
  static int64_t group_size(const Backend& backend);
  /// Bytes that step() takes of the arena beside Ops::prepare_update().
  static int64_t arena_bytes(const FlatLayout& layout, int64_t n_rank, int64_t group_size,
                             DType master_dtype);

  /// Enqueues everything behind what the compute stream has: gradients are final there, and `state`
  /// has the clip scale. norms (n_tensor, 2) f64 += as Ops::apply_updates.
  void step(const StepState* state, TensorView norms, Arena& workspace);

  /// A matrix that this rank owns, with its momentum (rows, cols).
  struct Owned {
    FlatMatrix matrix;
    TensorView momentum;
  };
  const std::vector<Owned>& owned() const { return owned_; }

 private:
  /// A piece of the matrix that this rank owns, with the rank of the shard group that holds it.
  struct Transfer {
    int peer = 0;
    int64_t matrix_offset = 0;
    int64_t size = 0;
  };
  /// This rank's part in a round.
  struct Round {
    // of the matrix it owns, if any
    TensorView momentum;            // (rows, cols); none where it owns none
    int64_t receive_offset = 0;     // of the matrix in the group's receive buffer
    TensorView gradient;            // (rows, cols), in place; none with shards
    std::vector<Transfer> holders;  // ranks of the shard group that hold pieces
    // of all matrices
    std::vector<Message> owned;  // own pieces, with their owners in the shard group
    std::vector<Share> shares;   // own pieces, with their owners' places in the replica group
  };

  void plan(const MuonOwners& owners, std::span<const FlatMatrix> matrices);
  void add_job(Round& round, const MuonOwners::Job& job, const FlatMatrix& matrix);
  void own(Round& round, const FlatMatrix& matrix);

  /// Of group k.
  Event gather(std::size_t k);
  Event update(std::size_t k, Event gathered, const Exec& exec, const StepState* state);
  Event give_back_and_share(std::size_t k, Event updated);
  void allocate_receive_buffers(Arena& workspace);
  std::span<const Round> rounds_of(std::size_t k) const;
  TensorView receive_buffer(std::size_t k) const { return received_[k % received_.size()]; }
  /// The matrices that this rank owns in group k, where they are updated.
  std::vector<MuonOperands> operands_of(std::size_t k) const;
  /// Pieces of the matrix that this rank owns in a round of group k, in the receive buffer, with
  /// the ranks of the shard group that hold them.
  std::vector<Message> held_pieces(std::size_t k, const Round& round) const;

  const Backend& backend_;
  Collectives& collectives_;
  const FlatShard& shard_;
  MuonParams params_;
  double weight_decay_;
  Buffer momentum_;
  int64_t momentum_used_ = 0;  // elements, while rounds are planned
  int64_t receive_size_;       // elements of a receive buffer
  std::vector<Owned> owned_;
  std::vector<MuonGroup> groups_;
  std::vector<Round> rounds_;
  std::array<TensorView, kMuonReceiveBuffers> received_;  // in turns; of the arena, set by step()
};

}  // namespace isoflop
