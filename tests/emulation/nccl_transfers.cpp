// SPDX-License-Identifier: MIT
// NCCL's messages from rank to rank. Those of a group are two operations in their stream: the first
// copies what the rank sends and says that it has come, the second waits until every peer has come
// and writes what the rank gets.
#include "emulation/nccl_group.hpp"
#include "emulation/nccl_reduce.hpp"
#include "emulation/node.hpp"

#include <algorithm>
#include <cstring>
#include <optional>

namespace isoflop::emulation {
namespace {

const char* name_of(bool is_send) { return is_send ? "ncclSend" : "ncclRecv"; }

int64_t bytes_of(const NcclTransfer& transfer) {
  return transfer.message.count * nccl_bytes(transfer.message.dtype);
}

std::string to_string(const NcclTransfer& transfer) {
  return fmt::format("{} of {} {} {} {}", name_of(transfer.is_send), transfer.message.count,
                     nccl_name(transfer.message.dtype), transfer.is_send ? "to" : "from",
                     transfer.peer);
}

/// What is wrong with a rank's own arguments.
std::optional<std::string> problem_of(const NcclTransfer& transfer) {
  const int64_t element_bytes = nccl_bytes(transfer.message.dtype);
  if (element_bytes == 0)
    return fmt::format("data type {} is not emulated", static_cast<int>(transfer.message.dtype));
  if (transfer.peer < 0 || transfer.peer >= transfer.communicator->clique->size())
    return fmt::format("peer {} is outside the communicator", transfer.peer);
  if (transfer.communicator->is_finalised) return "communicator was finalised before";
  if (transfer.message.count > 0 && transfer.buffer == nullptr) return "a buffer is null";
  if (reinterpret_cast<uintptr_t>(transfer.buffer) % static_cast<uintptr_t>(element_bytes) != 0)
    return fmt::format("a buffer is not aligned to its elements of {} bytes", element_bytes);
  return std::nullopt;
}

/// A transfer and the message it is half of.
struct Half {
  NcclTransfer transfer;
  std::shared_ptr<NcclMessage> message;
};

void compare(const Half& half, const NcclClique& clique) {
  const NcclMessage& other = *half.message;
  const NcclTransfer& own = half.transfer;
  const auto rank_at = [&](int rank) { return clique.members[static_cast<std::size_t>(rank)]; };
  if (other.is_registered != own.message.is_registered)
    add_finding(
        fmt::format("NCCL communicator {}: rank {} calls {} with {} memory, rank {} does not",
                    clique.number, rank_at(own.communicator->rank), to_string(own),
                    own.message.is_registered ? "registered" : "other", rank_at(own.peer)));
  if (other.count == own.message.count && other.dtype == own.message.dtype) return;
  add_finding(fmt::format("NCCL communicator {}: rank {} calls {}, rank {} {} of {} {}",
                          clique.number, rank_at(own.communicator->rank), to_string(own),
                          rank_at(own.peer), name_of(!own.is_send), other.count,
                          nccl_name(other.dtype)));
  half.message->is_void = true;
}

/// Messages between two ranks match in the order of their calls.
Half match(const NcclTransfer& transfer) {
  NcclClique& clique = *transfer.communicator->clique;
  const int rank = transfer.communicator->rank;
  NcclChannel& channel = clique.channels[transfer.is_send ? std::pair(rank, transfer.peer)
                                                          : std::pair(transfer.peer, rank)];
  const int64_t number = (transfer.is_send ? channel.n_sent : channel.n_received)++;
  std::shared_ptr<NcclMessage>& entry = channel.messages[number];
  if (!entry) {
    entry = std::make_shared<NcclMessage>(transfer.message);
    return {transfer, entry};
  }
  const Half half{transfer, entry};
  compare(half, clique);
  channel.messages.erase(number);
  return half;
}

void arrive(const Half& half) {
  NcclMessage& message = *half.message;
  if (!half.transfer.is_send) {
    message.has_receiver = true;
    return;
  }
  message.data.assign(half.transfer.buffer, half.transfer.buffer + bytes_of(half.transfer));
  message.has_sender = true;
}

void receive(const Half& half) {
  const NcclMessage& message = *half.message;
  const bool moves = !half.transfer.is_send && message.has_sender && !message.is_void;
  if (!moves || half.transfer.communicator->clique->is_broken || message.data.empty()) return;
  std::memcpy(half.transfer.buffer, message.data.data(), message.data.size());
}

std::string fingerprint_of(const std::vector<Half>& halves) {
  std::string text;
  for (const auto& [transfer, message] : halves)
    text += fmt::format("{} in communicator {}: {}; ", to_string(transfer),
                        transfer.communicator->clique->number, fmt::ptr(transfer.buffer));
  return text;
}

/// Of all messages of a stream: both ways at once.
void enqueue_work(cudaStream_t stream, const std::vector<NcclTransfer>& transfers) {
  int64_t sent = 0, received = 0;
  for (const NcclTransfer& transfer : transfers)
    (transfer.is_send ? sent : received) += bytes_of(transfer);
  enqueue(stream,
          {.name = "ncclSend and ncclRecv",
           .accesses = {},
           .run = {},
           .work = {.kind = WorkKind::collective,
                    .read_bytes = sent,
                    .written_bytes = received,
                    .link_bytes = std::max(sent, received),
                    .n_block = transfers.front().communicator->most_ctas,
                    .crosses_nodes = transfers.front().communicator->clique->crosses_nodes()}});
}

/// All of one stream.
void enqueue_halves(cudaStream_t stream, const std::vector<Half>& halves) {
  std::vector<std::shared_ptr<int>> work;
  const bool receives = std::any_of(halves.begin(), halves.end(),
                                    [](const Half& half) { return !half.transfer.is_send; });
  Operation give{.name = "ncclSend (send)", .accesses = {}, .run = {}};
  Operation get{.name = name_of(!receives), .accesses = {}, .run = {}};
  for (const auto& [transfer, message] : halves) {
    work.push_back(transfer.communicator->work);
    const int64_t bytes = bytes_of(transfer);
    if (bytes == 0) continue;
    if (transfer.is_send)
      give.accesses.push_back(reads(transfer.buffer, bytes));
    else
      get.accesses.push_back(writes(transfer.buffer, bytes));
  }
  give.run = [halves, work] {
    for (const Half& half : halves) arrive(half);
  };
  get.run = [halves, work] {
    for (const Half& half : halves) receive(half);
  };
  get.ready = [halves] {
    return std::all_of(halves.begin(), halves.end(), [](const Half& half) {
      return (half.message->has_sender && half.message->has_receiver) ||
             half.transfer.communicator->clique->is_broken;
    });
  };
  give.fingerprint = get.fingerprint = fingerprint_of(halves);
  enqueue(stream, std::move(give));
  enqueue(stream, std::move(get));
}

ncclResult_t call_transfer(NcclTransfer transfer, ncclComm_t comm) {
  const char* const name = name_of(transfer.is_send);
  transfer.communicator = nccl_communicators().find(comm, name);
  if (transfer.communicator == nullptr) return ncclInvalidArgument;
  if (const std::optional<std::string> problem = problem_of(transfer))
    return fail_nccl(ncclInvalidArgument, to_string(transfer), *problem);
  transfer.region = transfer.communicator->region_of(transfer.buffer, bytes_of(transfer));
  transfer.message.is_registered = transfer.region != nullptr;
  start_or_defer(transfer);
  return ncclSuccess;
}

}  // namespace

void enqueue_transfers(const std::vector<NcclTransfer>& transfers) {
  if (transfers.empty()) return;
  if (!executes()) return enqueue_work(transfers.front().stream, transfers);
  std::vector<std::pair<cudaStream_t, std::vector<Half>>> by_stream;
  for (const NcclTransfer& transfer : transfers) {
    auto place = std::find_if(by_stream.begin(), by_stream.end(),
                              [&](const auto& entry) { return entry.first == transfer.stream; });
    if (place == by_stream.end()) place = by_stream.insert(place, {transfer.stream, {}});
    place->second.push_back(match(transfer));
  }
  for (const auto& [stream, halves] : by_stream) enqueue_halves(stream, halves);
}

}  // namespace isoflop::emulation

using namespace isoflop::emulation;

ncclResult_t ncclSend(const void* send, size_t count, ncclDataType_t dtype, int peer,
                      ncclComm_t comm, cudaStream_t stream) {
  return call_transfer({.message = {.count = static_cast<int64_t>(count), .dtype = dtype},
                        .is_send = true,
                        .peer = peer,
                        .buffer = static_cast<std::byte*>(const_cast<void*>(send)),
                        .stream = stream},
                       comm);
}

ncclResult_t ncclRecv(void* receive, size_t count, ncclDataType_t dtype, int peer, ncclComm_t comm,
                      cudaStream_t stream) {
  return call_transfer({.message = {.count = static_cast<int64_t>(count), .dtype = dtype},
                        .is_send = false,
                        .peer = peer,
                        .buffer = static_cast<std::byte*>(receive),
                        .stream = stream},
                       comm);
}
