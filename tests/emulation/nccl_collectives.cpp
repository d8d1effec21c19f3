// SPDX-License-Identifier: MIT
// NCCL's collectives. Each call is two operations in its stream: the first copies what the rank
// gives, the second waits until every rank has come that far and writes what the rank gets, so that
// each operation touches memory of its own GPU only.
#include "emulation/nccl_group.hpp"
#include "emulation/nccl_reduce.hpp"
#include "emulation/node.hpp"

#include <algorithm>
#include <cstring>
#include <functional>
#include <optional>

namespace isoflop::emulation {
namespace {

const char* name_of(NcclKind kind) {
  switch (kind) {
    case NcclKind::all_gather:
      return "ncclAllGather";
    case NcclKind::reduce_scatter:
      return "ncclReduceScatter";
    case NcclKind::all_reduce:
      return "ncclAllReduce";
    case NcclKind::broadcast:
      return "ncclBroadcast";
  }
  return "";
}

bool is_reduction(NcclKind kind) {
  return kind == NcclKind::reduce_scatter || kind == NcclKind::all_reduce;
}

/// One rank's call.
struct Call {
  NcclSignature signature;
  const std::byte* send = nullptr;
  std::byte* receive = nullptr;
  cudaStream_t stream = nullptr;
  ncclComm* communicator = nullptr;
  // null where the communicator does not know the buffer
  std::shared_ptr<NcclRegion> send_region = {};
  std::shared_ptr<NcclRegion> receive_region = {};

  const char* name() const { return name_of(signature.kind); }
  int64_t part_bytes() const { return signature.count * nccl_bytes(signature.dtype); }
  int64_t whole_bytes() const { return part_bytes() * communicator->clique->size(); }
  bool gives() const {
    return signature.kind != NcclKind::broadcast || communicator->rank == signature.root;
  }
  /// The root of a broadcast in place keeps what it has.
  bool gets() const { return signature.kind != NcclKind::broadcast || !gives() || send != receive; }
  int64_t send_bytes() const {
    return signature.kind == NcclKind::reduce_scatter ? whole_bytes() : part_bytes();
  }
  int64_t receive_bytes() const {
    return signature.kind == NcclKind::all_gather ? whole_bytes() : part_bytes();
  }
};

NcclKnownBuffers known_buffers(const Call& call) {
  return {call.send_region != nullptr, call.receive_region != nullptr};
}

bool is_registered(const Call& call) { return call.send_region && call.receive_region; }

/// Where in its symmetric window lies what other ranks read or write of this rank's: it must be the
/// same place on all of them. -1 where that is in none.
int64_t shared_offset(const Call& call) {
  const bool reads_of_others = is_reduction(call.signature.kind);
  const std::shared_ptr<NcclRegion>& region =
      reads_of_others ? call.send_region : call.receive_region;
  const std::byte* const begin = reads_of_others ? call.send : call.receive;
  if (!region || !region->is_symmetric) return -1;
  return reinterpret_cast<const char*>(begin) - region->begin;
}

/// NCCL works in place only where the rank's part lies in the whole at the rank's place.
bool is_in_place(const Call& call) {
  const int64_t part = call.communicator->rank * call.part_bytes();
  switch (call.signature.kind) {
    case NcclKind::all_gather:
      return call.send == call.receive + part;
    case NcclKind::reduce_scatter:
      return call.receive == call.send + part;
    case NcclKind::all_reduce:
    case NcclKind::broadcast:
      return call.send == call.receive;
  }
  return false;
}

bool overlaps(const Call& call) {
  return call.gives() && call.send < call.receive + call.receive_bytes() &&
         call.receive < call.send + call.send_bytes();
}

/// What is wrong with a rank's own arguments.
std::optional<std::string> problem_of(const Call& call) {
  const NcclSignature& signature = call.signature;
  const int64_t element_bytes = nccl_bytes(signature.dtype);
  if (element_bytes == 0)
    return fmt::format("data type {} is not emulated", static_cast<int>(signature.dtype));
  if (is_reduction(signature.kind) && signature.op != ncclSum && signature.op != ncclMax)
    return fmt::format("reduction {} is not emulated", static_cast<int>(signature.op));
  if (signature.kind == NcclKind::broadcast &&
      (signature.root < 0 || signature.root >= call.communicator->clique->size()))
    return fmt::format("root {} is outside the communicator", signature.root);
  if (call.communicator->is_finalised) return "communicator was finalised before";
  if (signature.count == 0) return std::nullopt;
  if ((call.gives() && call.send == nullptr) || call.receive == nullptr) return "a buffer is null";
  for (const void* const buffer :
       {static_cast<const void*>(call.send), static_cast<const void*>(call.receive)})
    if (reinterpret_cast<uintptr_t>(buffer) % static_cast<uintptr_t>(element_bytes) != 0)
      return fmt::format("a buffer is not aligned to its elements of {} bytes", element_bytes);
  if (overlaps(call) && !is_in_place(call))
    return "send and receive buffers overlap, and not as NCCL's in-place form allows";
  return std::nullopt;
}

/// NCCL leaves undefined what happens when ranks give one collective registered and other memory.
void compare_buffers(const NcclCollective& collective, const Call& call, int64_t number) {
  const NcclClique& clique = *call.communicator->clique;
  const int rank = clique.members[static_cast<std::size_t>(call.communicator->rank)];
  const int first = clique.members[static_cast<std::size_t>(collective.first_rank)];
  const std::string where = fmt::format("NCCL communicator {}, collective {} ({})", clique.number,
                                        number, to_string(call.signature));
  if (const NcclKnownBuffers known = known_buffers(call); collective.known != known)
    add_finding(fmt::format("{}: rank {}: {}; rank {}: {}", where, first,
                            to_string(collective.known), rank, to_string(known)));
  else if (const int64_t offset = shared_offset(call); collective.offset != offset)
    add_finding(fmt::format("{}: rank {} is at {} of its window, rank {} at {}", where, first,
                            collective.offset, rank, offset));
}

/// This call's collective, compared with what other ranks said of it.
std::shared_ptr<NcclCollective> match(const Call& call) {
  NcclClique& clique = *call.communicator->clique;
  const auto rank = static_cast<std::size_t>(call.communicator->rank);
  const int64_t number = clique.n_called[rank]++;
  std::shared_ptr<NcclCollective>& entry = clique.collectives[number];
  if (!entry) {
    const std::size_t n = clique.members.size();
    entry = std::make_shared<NcclCollective>();
    *entry = {.signature = call.signature,
              .known = known_buffers(call),
              .offset = shared_offset(call),
              .first_rank = call.communicator->rank,
              .arrived = std::vector<bool>(n),
              .has_sent = std::vector<bool>(n),
              .sent = std::vector<std::vector<std::byte>>(n),
              .reduced = {}};
  }
  const std::shared_ptr<NcclCollective> collective = entry;
  if (collective->signature != call.signature) {
    add_finding(fmt::format(
        "NCCL communicator {}, collective {}: rank {} calls {}, rank {} {}", clique.number, number,
        clique.members[static_cast<std::size_t>(collective->first_rank)],
        to_string(collective->signature), clique.members[rank], to_string(call.signature)));
    collective->is_void = true;
  }
  compare_buffers(*collective, call, number);
  if (current_rank() == 0 && current_gpu().n_nccl_calls++ == current_node().faults.cut_nccl_link)
    collective->is_cut = clique.has_cut_link = true;
  if (++collective->n_called == clique.size()) clique.collectives.erase(number);
  return collective;
}

void send(NcclCollective& collective, const Call& call) {
  const auto rank = static_cast<std::size_t>(call.communicator->rank);
  if (call.gives() && !collective.is_void)
    collective.sent[rank].assign(call.send, call.send + call.send_bytes());
  collective.has_sent[rank] = true;
}

void copy_out(const Call& call, int64_t offset, const std::vector<std::byte>& from) {
  if (!from.empty()) std::memcpy(call.receive + offset, from.data(), from.size());
}

void receive_reduced(NcclCollective& collective, const Call& call) {
  const NcclSignature& signature = call.signature;
  if (signature.kind == NcclKind::reduce_scatter) {
    const int64_t first = call.communicator->rank * signature.count;
    copy_out(call, 0,
             nccl_reduce(collective.sent, first, signature.count, signature.dtype, signature.op));
    return;
  }
  if (collective.reduced.empty())
    collective.reduced =
        nccl_reduce(collective.sent, 0, signature.count, signature.dtype, signature.op);
  copy_out(call, 0, collective.reduced);
}

void receive(NcclCollective& collective, const Call& call) {
  const bool all_sent = std::find(collective.has_sent.begin(), collective.has_sent.end(), false) ==
                        collective.has_sent.end();
  if (collective.is_void || !all_sent || call.communicator->clique->is_broken) return;
  if (is_reduction(call.signature.kind)) return receive_reduced(collective, call);
  if (call.signature.kind == NcclKind::broadcast) {
    if (call.gets())
      copy_out(call, 0, collective.sent[static_cast<std::size_t>(call.signature.root)]);
    return;
  }
  for (std::size_t rank = 0; rank < collective.sent.size(); ++rank)
    copy_out(call, static_cast<int64_t>(rank) * call.part_bytes(), collective.sent[rank]);
}

/// Copy engines gather within a node between symmetric windows, where the communicator may.
int64_t n_cta(const Call& call) {
  const bool is_symmetric =
      is_registered(call) && call.send_region->is_symmetric && call.receive_region->is_symmetric;
  const bool is_copied = call.signature.kind == NcclKind::all_gather && is_symmetric &&
                         call.communicator->gathers_by_copy &&
                         !call.communicator->clique->crosses_nodes();
  return is_copied ? 0 : call.communicator->most_ctas;
}

Work work_of(const Call& call) {
  const int64_t others = call.whole_bytes() / call.communicator->clique->size() *
                         (call.communicator->clique->size() - 1);
  Work work{.kind = WorkKind::collective,
            .read_bytes = call.send_bytes(),
            .written_bytes = call.receive_bytes(),
            .n_block = n_cta(call),
            .is_registered = is_registered(call),
            .crosses_nodes = call.communicator->clique->crosses_nodes()};
  switch (call.signature.kind) {
    case NcclKind::all_gather:
    case NcclKind::reduce_scatter:
      work.link_bytes = others;
      break;
    case NcclKind::all_reduce:
      work.link_bytes = 2 * others / call.communicator->clique->size();
      break;
    case NcclKind::broadcast:
      work.link_bytes = call.part_bytes();
      break;
  }
  return work;
}

void enqueue_call(const Call& call) {
  if (!executes())
    return enqueue(call.stream,
                   {.name = call.name(), .accesses = {}, .run = {}, .work = work_of(call)});
  const std::shared_ptr<NcclCollective> collective = match(call);
  const std::shared_ptr<NcclClique> clique = call.communicator->clique;
  const std::shared_ptr<int> work = call.communicator->work;
  const auto rank = static_cast<std::size_t>(call.communicator->rank);
  Operation give{.name = std::string(call.name()) + " (send)", .accesses = {}, .run = {}};
  if (call.gives() && call.send_bytes() > 0)
    give.accesses.push_back(reads(call.send, call.send_bytes()));
  give.run = [collective, call, work] { send(*collective, call); };
  give.fingerprint = fmt::format("{} in communicator {}: {} -> {}, {}registered",
                                 to_string(call.signature), clique->number, fmt::ptr(call.send),
                                 fmt::ptr(call.receive), is_registered(call) ? "" : "not ");
  Operation get{.name = call.name(), .accesses = {}, .run = {}};
  if (call.gets() && call.receive_bytes() > 0)
    get.accesses.push_back(writes(call.receive, call.receive_bytes()));
  get.run = [collective, call, work] { receive(*collective, call); };
  get.ready = [collective, clique, rank] {
    collective->arrived[rank] = true;
    if (collective->is_cut) return false;
    return clique->is_broken || std::find(collective->arrived.begin(), collective->arrived.end(),
                                          false) == collective->arrived.end();
  };
  get.fingerprint = give.fingerprint;
  enqueue(call.stream, std::move(give));
  enqueue(call.stream, std::move(get));
}

ncclResult_t call_collective(Call call, ncclComm_t comm) {
  call.communicator = nccl_communicators().find(comm, call.name());
  if (call.communicator == nullptr) return ncclInvalidArgument;
  if (const std::optional<std::string> problem = problem_of(call))
    return fail_nccl(ncclInvalidArgument, to_string(call.signature), *problem);
  call.send_region = call.communicator->region_of(call.send, call.send_bytes());
  call.receive_region = call.communicator->region_of(call.receive, call.receive_bytes());
  start_or_defer([call] { enqueue_call(call); });
  return ncclSuccess;
}

Call make_call(NcclSignature signature, const void* send, void* receive, cudaStream_t stream) {
  return {.signature = signature,
          .send = static_cast<const std::byte*>(send),
          .receive = static_cast<std::byte*>(receive),
          .stream = stream};
}

}  // namespace

std::string to_string(const NcclSignature& signature) {
  std::string text = fmt::format("{} of {} {}", name_of(signature.kind), signature.count,
                                 nccl_name(signature.dtype));
  if (is_reduction(signature.kind)) text += signature.op == ncclSum ? " by sum" : " by max";
  if (signature.kind == NcclKind::broadcast) text += fmt::format(" from {}", signature.root);
  return text;
}

std::string to_string(const NcclKnownBuffers& known) {
  const auto state = [](bool is_known) { return is_known ? "registered" : "not registered"; };
  return fmt::format("send buffer {}, receive buffer {}", state(known.send), state(known.receive));
}

}  // namespace isoflop::emulation

using namespace isoflop::emulation;

std::shared_ptr<NcclRegion> ncclComm::region_of(const void* begin, int64_t bytes) const {
  const auto found = std::find_if(regions.begin(), regions.end(),
                                  [&](const auto& region) { return region->holds(begin, bytes); });
  return found == regions.end() ? nullptr : *found;
}

ncclResult_t ncclAllGather(const void* send, void* receive, size_t count, ncclDataType_t dtype,
                           ncclComm_t comm, cudaStream_t stream) {
  const NcclSignature signature{NcclKind::all_gather, static_cast<int64_t>(count), dtype};
  return call_collective(make_call(signature, send, receive, stream), comm);
}

ncclResult_t ncclReduceScatter(const void* send, void* receive, size_t count, ncclDataType_t dtype,
                               ncclRedOp_t op, ncclComm_t comm, cudaStream_t stream) {
  const NcclSignature signature{NcclKind::reduce_scatter, static_cast<int64_t>(count), dtype, op};
  return call_collective(make_call(signature, send, receive, stream), comm);
}

ncclResult_t ncclAllReduce(const void* send, void* receive, size_t count, ncclDataType_t dtype,
                           ncclRedOp_t op, ncclComm_t comm, cudaStream_t stream) {
  const NcclSignature signature{NcclKind::all_reduce, static_cast<int64_t>(count), dtype, op};
  return call_collective(make_call(signature, send, receive, stream), comm);
}

ncclResult_t ncclBroadcast(const void* send, void* receive, size_t count, ncclDataType_t dtype,
                           int root, ncclComm_t comm, cudaStream_t stream) {
  const NcclSignature signature{NcclKind::broadcast, static_cast<int64_t>(count), dtype, ncclSum,
                                root};
  return call_collective(make_call(signature, send, receive, stream), comm);
}
