// SPDX-License-Identifier: MIT
#include "trainer/optim/distributed_muon.hpp"

#include "core/base/round_up.hpp"

#include <algorithm>

namespace isoflop {
namespace {

std::size_t index(int64_t i) { return static_cast<std::size_t>(i); }

}  // namespace

DistributedMuon::DistributedMuon(const Backend& backend, Collectives& collectives,
                                 const FlatShard& shard, const OptimizerConfig& config,
                                 int64_t group_size)
    : backend_(backend),
      collectives_(collectives),
      shard_(shard),
      params_{.momentum = config.momentum,
              .nesterov = config.nesterov,
              .n_iteration = static_cast<int>(config.iterations)},
      weight_decay_(config.weight_decay),
      receive_size_(muon_receive_size(shard.layout(), collectives.size(Group::world), group_size)) {
  const int64_t n_rank = collectives.size(Group::world);
  const std::vector<FlatMatrix> matrices = flat_matrices(shard.layout());
  const MuonOwners owners = muon_owners(matrices, n_rank);
  groups_ = muon_groups(matrices, owners, n_rank, group_size);
  const int64_t bytes = muon_momentum_size(matrices, owners, collectives.rank(Group::world)) *
                        size_of(backend.master_dtype);
  Device& device = *backend.device;
  if (bytes > 0) {
    momentum_ = device.allocate(bytes, MemoryCategory::optimizer);
    device.zero(momentum_.data(), bytes, device.compute_stream());
  }
  plan(owners, matrices);
}

int64_t DistributedMuon::group_size(const Backend& backend) {
  return backend.gpu ? kGpuMuonGroupSize : kCpuMuonGroupSize;
}

int64_t DistributedMuon::arena_bytes(const FlatLayout& layout, int64_t n_rank, int64_t group_size,
                                     DType master_dtype) {
  return kMuonReceiveBuffers *
         aligned_bytes(muon_receive_size(layout, n_rank, group_size) * size_of(master_dtype));
}

void DistributedMuon::plan(const MuonOwners& owners, std::span<const FlatMatrix> matrices) {
  rounds_.resize(index(owners.n_round()));
  for (int64_t k = 0; k < owners.n_round(); ++k)
    for (const MuonOwners::Job& job : owners.round(k))
      add_job(rounds_[index(k)], job, matrices[index(job.matrix)]);
  for (const MuonGroup& group : groups_) {
    int64_t offset = 0;
    for (int64_t k = group.first; k < group.first + group.count; ++k) {
      rounds_[index(k)].receive_offset = offset;
      offset += round_up(rounds_[index(k)].momentum.size(), kFlatAlignment);
    }
  }
}

void DistributedMuon::add_job(Round& round, const MuonOwners::Job& job, const FlatMatrix& matrix) {
  const int64_t n_shard = shard_.layout().n_shard;
  const int replica = static_cast<int>(job.rank / n_shard);
  if (job.rank == collectives_.rank(Group::world)) own(round, matrix);
  const std::optional<RangePiece> piece = piece_of(shard_.layout(), matrix, shard_.shard());
  if (!piece) return;
  const TensorView gradient =
      shard_.grads_of(matrix.unit).flat_slice(piece->shard_offset, {piece->size});
  round.shares.push_back({gradient, replica});
  if (replica == collectives_.rank(Group::replica))
    round.owned.push_back({static_cast<int>(job.rank % n_shard), gradient});
}

void DistributedMuon::own(Round& round, const FlatMatrix& matrix) {
  const Extents shape = {matrix.rows, matrix.cols};
  const DType dtype = backend_.master_dtype;
  round.momentum =
      momentum_.view(dtype, {momentum_.bytes() / size_of(dtype)}).flat_slice(momentum_used_, shape);
  momentum_used_ += round_up(matrix.size(), kFlatAlignment);
  owned_.push_back({matrix, round.momentum});
  const FlatLayout& layout = shard_.layout();
  if (layout.n_shard == 1)
    round.gradient = shard_.grads_of(matrix.unit).flat_slice(matrix.offset, shape);
  for (int64_t shard = 0; shard < layout.n_shard; ++shard)
    if (const std::optional<RangePiece> piece = piece_of(layout, matrix, shard))
      round.holders.push_back({static_cast<int>(shard), piece->range_offset, piece->size});
}

void DistributedMuon::step(const StepState* state, TensorView norms, Arena& workspace) {
  Device& device = *backend_.device;
  const Arena::Scope scope(workspace);
  const Exec exec{device, device.compute_stream(), workspace};
  allocate_receive_buffers(workspace);
  device.wait(device.communication_stream(), device.record(exec.stream));
  Event gathered = gather(0), shared;
  for (std::size_t k = 0; k < groups_.size(); ++k) {
    const Event next = gather(k + 1);
    shared = give_back_and_share(k, update(k, gathered, exec, state));
    gathered = next;
  }
  device.wait(exec.stream, shared);
  backend_.ops->apply_updates(exec, shard_.params(), shard_.grads(), shard_.muon_segments(), norms,
                              state, weight_decay_);
}

void DistributedMuon::allocate_receive_buffers(Arena& workspace) {
  if (receive_size_ == 0) return;
  for (TensorView& buffer : received_)
    buffer = workspace.allocate(backend_.master_dtype, {receive_size_});
}

std::span<const DistributedMuon::Round> DistributedMuon::rounds_of(std::size_t k) const {
  return std::span(rounds_).subspan(index(groups_[k].first), index(groups_[k].count));
}

std::vector<MuonOperands> DistributedMuon::operands_of(std::size_t k) const {
  std::vector<MuonOperands> operands;
  for (const Round& round : rounds_of(k)) {
    if (!round.momentum) continue;
    const TensorView matrix =
        round.gradient ? round.gradient
                       : receive_buffer(k).flat_slice(round.receive_offset, round.momentum.shape);
    operands.push_back({.update = matrix, .momentum = round.momentum, .grad = matrix});
  }
  return operands;
}

std::vector<Message> DistributedMuon::held_pieces(std::size_t k, const Round& round) const {
  std::vector<Message> messages;
  for (const auto& [peer, offset, size] : round.holders)
    messages.push_back({peer, receive_buffer(k).flat_slice(round.receive_offset + offset, {size})});
  return messages;
}

Event DistributedMuon::gather(std::size_t k) {
  if (k >= groups_.size() || shard_.layout().n_shard == 1) return {};
  Event gathered;
  for (const Round& round : rounds_of(k))
    gathered = collectives_.exchange(round.owned, held_pieces(k, round), Group::shard,
                                     backend_.device->communication_stream(), {});
  return gathered;
}

Event DistributedMuon::update(std::size_t k, Event gathered, const Exec& exec,
                              const StepState* state) {
  const std::vector<MuonOperands> all = operands_of(k);
  if (all.empty()) return {};
  exec.device.wait(exec.stream, gathered);
  for (auto first = all.begin(); first != all.end();) {
    const auto last = std::find_if(first, all.end(), [&](const MuonOperands& other) {
      return other.update.shape != first->update.shape;
    });
    backend_.ops->muon_update_batch(exec, {first, last}, state, params_);
    first = last;
  }
  return exec.device.record(exec.stream);
}

Event DistributedMuon::give_back_and_share(std::size_t k, Event updated) {
  const Stream stream = backend_.device->communication_stream();
  Event done = updated;
  for (const Round& round : rounds_of(k)) {
    if (shard_.layout().n_shard > 1)
      done = collectives_.exchange(held_pieces(k, round), round.owned, Group::shard, stream, done);
    if (collectives_.size(Group::replica) > 1)
      done = collectives_.broadcast_each(round.shares, Group::replica, stream, done);
  }
  return done;
}

}  // namespace isoflop
