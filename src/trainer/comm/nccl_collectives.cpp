// SPDX-License-Identifier: MIT
#include "trainer/comm/nccl_collectives.hpp"

#include "core/base/check.hpp"
#include "core/base/error.hpp"
#include "core/base/log.hpp"
#include "trainer/comm/communication_error.hpp"
#include "trainer/comm/exchange_contract.hpp"
#include "trainer/comm/make_nccl_collectives.hpp"
#include "trainer/comm/nccl_registration.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <span>

namespace isoflop {
namespace {

ncclDataType_t nccl_type(DType dtype) {
  switch (dtype) {
    case DType::f64:
      return ncclFloat64;
    case DType::f32:
      return ncclFloat32;
    case DType::bf16:
      return ncclBfloat16;
    case DType::f16:
      return ncclFloat16;
    case DType::i64:
      return ncclInt64;
    case DType::i32:
      return ncclInt32;
  }
  return ncclFloat32;
}

ncclRedOp_t reduction(ReduceOp op) { return op == ReduceOp::sum ? ncclSum : ncclMax; }

std::size_t count(TensorView tensor) { return static_cast<std::size_t>(tensor.size()); }

/// Calls that start together, at end(). A group that is left by an exception is closed: NCCL has
/// refused one of its calls, and drops them all.
class NcclGroup {
 public:
  NcclGroup() { ncclGroupStart(); }
  NcclGroup(const NcclGroup&) = delete;
  NcclGroup& operator=(const NcclGroup&) = delete;
  ~NcclGroup() {
    if (is_open_) ncclGroupEnd();
  }
  ncclResult_t end() {
    is_open_ = false;
    return ncclGroupEnd();
  }

 private:
  bool is_open_ = true;
};

/// Copy engines within a node only: between nodes they have been slower
/// (github.com/NVIDIA/Megatron-LM/issues/5657, 128 GPUs).
GatherBy choose_gather(NcclRegistration registration, const Launch& launch,
                       const GridGroup& group) {
  const auto host = [&](int rank) { return launch.ranks()[static_cast<std::size_t>(rank)].host; };
  const bool is_one_node = std::all_of(group.ranks.begin(), group.ranks.end(), [&](int rank) {
    return host(rank) == host(group.ranks.front());
  });
  return registration == NcclRegistration::symmetric && is_one_node ? GatherBy::copy_engines
                                                                    : GatherBy::ctas;
}

/// NCCL's handshake: rank 0's id reaches the others through the launcher.
NcclCommunicator make_world(Launch& launch, const std::string& who, GatherBy gather_by) {
  ncclUniqueId id{};
  if (launch.info().rank == 0) check_nccl(ncclGetUniqueId(&id), nullptr, who, "ncclGetUniqueId");
  launch.broadcast_from_first(std::as_writable_bytes(std::span(&id, 1)));
  return NcclCommunicator::initialise(id, launch.info().rank, launch.info().world_size, who,
                                      gather_by);
}

}  // namespace

NcclCollectives::NcclCollectives(CudaDevice& device, const Layout& layout, Launch& launch)
    : device_(device),
      launch_(launch),
      who_(fmt::format("rank {} on {}", launch.info().rank, launch.info().host)),
      world_(make_world(launch, who_,
                        choose_gather(device.nccl_registration(), launch,
                                      grid_group(layout, launch.info().rank, Group::world)))),
      n_shard_(static_cast<int>(layout.n_shard)) {
  ISOFLOP_CHECK(world_.size() == layout.world_size());
  if (device.nccl_registration() != NcclRegistration::off && world_.size() > 1)
    device.set_collective_memory(nccl_memory());
  if (layout.n_shard == 1 || layout.n_replica == 1) return;
  const auto split = [&](Group group) {
    const GridGroup ranks = grid_group(layout, world_.rank(), group);
    return world_.split(ranks.ranks.front(), world_.rank(),
                        choose_gather(device.nccl_registration(), launch, ranks));
  };
  shard_.emplace(split(Group::shard));
  replica_.emplace(split(Group::replica));
}

int NcclCollectives::rank(Group group) const {
  const NcclCommunicator* const members = communicator(group);
  return members ? members->rank() : 0;
}

int NcclCollectives::size(Group group) const {
  const NcclCommunicator* const members = communicator(group);
  return members ? members->size() : 1;
}

const NcclCommunicator* NcclCollectives::communicator(Group group) const {
  if (world_.size() == 1) return nullptr;
  if (group == Group::shard) return shard_ ? &*shard_ : n_shard_ == 1 ? nullptr : &world_;
  if (group == Group::replica) return replica_ ? &*replica_ : n_shard_ == 1 ? &world_ : nullptr;
  return &world_;
}

template <typename Call>
Event NcclCollectives::enqueue(const char* name, TensorView out, TensorView in, Group group,
                               Stream stream, Event after, const Call& call) {
  device_.wait(stream, after);
  if (const NcclCommunicator* const members = communicator(group)) {
    check(call(members->handle(), device_.native(stream)), *members, name, in);
  } else if (out.data != in.data) {
    device_.copy(out.data, in.data, in.bytes(), stream);
  }
  return device_.record(stream);
}

void NcclCollectives::check(ncclResult_t result, const NcclCommunicator& members, const char* name,
                            TensorView tensor) const {
  if (result == ncclSuccess) return;
  check_nccl(result, members.handle(), who_,
             fmt::format("{} of {} {}", name, tensor.size(), to_string(tensor.dtype)));
}

template <typename Calls>
Event NcclCollectives::run_together(const char* name, Group group, Stream stream,
                                    const Calls& calls) {
  if (const NcclCommunicator* const members = communicator(group)) {
    NcclGroup together;
    calls(*members);
    check_nccl(together.end(), members->handle(), who_, name);
  }
  return device_.record(stream);
}

Event NcclCollectives::all_gather(TensorView out, TensorView in, Group group, Stream stream,
                                  Event after) {
  ISOFLOP_CHECK(out.dtype == in.dtype && out.size() == in.size() * size(group));
  return enqueue(
      "ncclAllGather", out, in, group, stream, after, [&](ncclComm_t members, cudaStream_t native) {
        return ncclAllGather(in.data, out.data, count(in), nccl_type(in.dtype), members, native);
      });
}

Event NcclCollectives::reduce_scatter(TensorView out, TensorView in, ReduceOp op, Group group,
                                      Stream stream, Event after) {
  ISOFLOP_CHECK(out.dtype == in.dtype && in.size() == out.size() * size(group));
  return enqueue("ncclReduceScatter", out, in, group, stream, after,
                 [&](ncclComm_t members, cudaStream_t native) {
                   return ncclReduceScatter(in.data, out.data, count(out), nccl_type(in.dtype),
                                            reduction(op), members, native);
                 });
}

Event NcclCollectives::all_reduce(TensorView out, TensorView in, ReduceOp op, Group group,
                                  Stream stream, Event after) {
  ISOFLOP_CHECK(out.dtype == in.dtype && out.size() == in.size());
  return enqueue("ncclAllReduce", out, in, group, stream, after,
                 [&](ncclComm_t members, cudaStream_t native) {
                   return ncclAllReduce(in.data, out.data, count(in), nccl_type(in.dtype),
                                        reduction(op), members, native);
                 });
}

Event NcclCollectives::broadcast(TensorView inout, int root, Group group, Stream stream,
                                 Event after) {
  ISOFLOP_CHECK(root >= 0 && root < size(group));
  return enqueue("ncclBroadcast", inout, inout, group, stream, after,
                 [&](ncclComm_t members, cudaStream_t native) {
                   return ncclBroadcast(inout.data, inout.data, count(inout),
                                        nccl_type(inout.dtype), root, members, native);
                 });
}

Event NcclCollectives::exchange(std::span<const Message> sends, std::span<const Message> receives,
                                Group group, Stream stream, Event after) {
  const OwnMessage own = check_exchange(sends, receives, rank(group), size(group));
  device_.wait(stream, after);
  if (own.out.data != own.in.data) device_.copy(own.out.data, own.in.data, own.in.bytes(), stream);
  return run_together("ncclGroupEnd of an exchange", group, stream, [&](const auto& members) {
    const auto start = [&](const Message& message, const char* name, const auto& call) {
      const auto& [peer, view] = message;
      if (peer == members.rank()) return;
      check(call(view.data, count(view), nccl_type(view.dtype), peer, members.handle(),
                 device_.native(stream)),
            members, name, view);
    };
    for (const Message& message : sends) start(message, "ncclSend", ncclSend);
    for (const Message& message : receives) start(message, "ncclRecv", ncclRecv);
  });
}

Event NcclCollectives::broadcast_each(std::span<const Share> shares, Group group, Stream stream,
                                      Event after) {
  check_shares(shares, size(group));
  device_.wait(stream, after);
  return run_together("ncclGroupEnd of broadcasts", group, stream, [&](const auto& members) {
    for (const auto& [view, root] : shares)
      check(ncclBroadcast(view.data, view.data, count(view), nccl_type(view.dtype), root,
                          members.handle(), device_.native(stream)),
            members, "ncclBroadcast", view);
  });
}

std::unique_ptr<RegisteredBuffers> NcclCollectives::register_buffers(
    std::span<const SharedBuffer> buffers) {
  if (device_.nccl_registration() == NcclRegistration::off || world_.size() == 1) return nullptr;
  const auto give_up = [&](int rank, const char* why) {
    log::info(
        "buffers are not registered with NCCL: {} on rank {} ({}; NCCL_DEBUG=INFO shows more); "
        "collectives copy through buffers of NCCL's own",
        why, rank, launch_.ranks()[static_cast<std::size_t>(rank)].host);
    return nullptr;
  };
  const bool has_memory = std::all_of(buffers.begin(), buffers.end(), [&](const auto& shared) {
    return device_.is_collective_memory(*shared.buffer);
  });
  if (const auto rank = first_without(has_memory)) return give_up(*rank, "ncclMemAlloc failed");
  const NcclRegistration kind = offered_registration(device_.nccl_registration());
  if (kind != device_.nccl_registration())
    log::info("NCCL {} has no symmetric windows (2.27 has); buffers are registered locally",
              nccl_version());
  auto registered = std::make_unique<NcclRegisteredBuffers>(kind);
  bool is_well = true;
  for (const SharedBuffer& shared : buffers)
    if (const NcclCommunicator* const members = communicator(shared.group))
      is_well = registered->add(*members, *shared.buffer) && is_well;
  if (const auto rank = first_without(is_well)) {
    registered.reset();
    return give_up(*rank, "refused");
  }
  log::debug("{} buffers are registered with NCCL, {}", registered->size(),
             enum_name(kNcclRegistrationNames, kind));
  return registered;
}

std::optional<int> NcclCollectives::first_without(bool is_well) {
  const std::vector<double> all = launch_.gather_to_all(is_well ? 1 : 0);
  const auto found = std::find(all.begin(), all.end(), 0.0);
  if (found == all.end()) return std::nullopt;
  return static_cast<int>(found - all.begin());
}

PeerWaits NcclCollectives::peer_waits() const {
  const StallCounts counts = device_.stall_counts();
  return {counts.begun, counts.ended};
}

void NcclCollectives::poll() {
  if (const auto found = failure()) throw CommunicationError(*found);
}

std::optional<std::string> NcclCollectives::failure() const {
  for (const NcclCommunicator* const members :
       {&world_, shard_ ? &*shard_ : nullptr, replica_ ? &*replica_ : nullptr})
    if (const auto failure = members ? members->failure() : std::nullopt) return failure;
  return std::nullopt;
}

/// Not by ncclCommAbort: it may wait for ever (github.com/NVIDIA/nccl/issues/549 and 829), frees
/// what the thread that trains may be using, and lets other ranks fail with a reason and an exit
/// code of their own before they hear of this one. A process that ends takes its kernels along.
void NcclCollectives::abort(int exit_code) { launch_.abort(exit_code); }

std::string nccl_version() {
  int version = 0;
  check_nccl(ncclGetVersion(&version), nullptr, "this process", "ncclGetVersion");
  return fmt::format("{}.{}.{}", version / 10000, version / 100 % 100, version % 100);
}

std::unique_ptr<Collectives> make_nccl_collectives(Device& device, const Layout& layout,
                                                   Launch& launch) {
  check_layout_matches(layout, launch.info());
  return std::make_unique<NcclCollectives>(as_cuda_device(device), layout, launch);
}

}  // namespace isoflop
