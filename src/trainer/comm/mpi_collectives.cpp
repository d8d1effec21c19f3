// SPDX-License-Identifier: MIT
#include "trainer/comm/mpi_collectives.hpp"

#include "core/base/check.hpp"
#include "core/base/error.hpp"
#include "trainer/comm/exchange_contract.hpp"
#include "trainer/comm/process_grid.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

namespace isoflop {
namespace {

/// For operations that only move elements.
MPI_Datatype moved_type(DType dtype) {
  switch (size_of(dtype)) {
    case 8:
      return MPI_UINT64_T;
    case 4:
      return MPI_UINT32_T;
    default:
      return MPI_UINT16_T;
  }
}

MPI_Datatype reduced_type(DType dtype) {
  switch (dtype) {
    case DType::f64:
      return MPI_DOUBLE;
    case DType::f32:
      return MPI_FLOAT;
    case DType::i64:
      return MPI_INT64_T;
    case DType::i32:
      return MPI_INT32_T;
    case DType::bf16:
    case DType::f16:
      break;
  }
  throw ConfigError(fmt::format("reduction of '{}' over MPI (MPI has no such type); reduce in f32",
                                to_string(dtype)));
}

MPI_Op reduction(ReduceOp op) { return op == ReduceOp::sum ? MPI_SUM : MPI_MAX; }

std::array<MpiCommunicator, 3> split_groups(MPI_Comm parent, const Layout& layout,
                                            const std::string& who) {
  int rank = 0;
  check_mpi(MPI_Comm_rank(parent, &rank), who, "MPI_Comm_rank");
  const auto split = [&](Group group) {
    return MpiCommunicator::split(parent, grid_group(layout, rank, group).ranks.front(), rank, who);
  };
  return {split(Group::world), split(Group::shard), split(Group::replica)};
}

/// `count` elements of a contiguous tensor from element `begin`.
TensorView part(TensorView tensor, int64_t begin, int64_t count) {
  return tensor.reshaped({tensor.size()}).flat_slice(begin, {count});
}

/// Calls body(begin, count) for pieces of at most `limit` elements that cover [0, size).
template <typename Body>
void for_chunks(int64_t size, int64_t limit, const Body& body) {
  for (int64_t begin = 0; begin < size; begin += limit)
    body(begin, static_cast<int>(std::min(limit, size - begin)));
}

/// MPI keeps messages between two ranks in order, so that their pieces need no tags of their own.
constexpr int kTag = 0;

void copy(TensorView out, TensorView in) {
  if (out.data != in.data) std::memcpy(out.data, in.data, static_cast<std::size_t>(in.bytes()));
}

template <typename T>
std::vector<T> copy_of(std::span<const T> items) {
  return {items.begin(), items.end()};
}

}  // namespace

MpiCollectives::MpiCollectives(CpuDevice& device, MPI_Comm parent, const Layout& layout,
                               std::string who, int64_t max_count)
    : calls_(device),
      who_(std::move(who)),
      max_count_(max_count),
      communicators_(split_groups(parent, layout, who_)) {
  ISOFLOP_CHECK(size(Group::world) == layout.world_size());
}

Event MpiCollectives::all_gather(TensorView out, TensorView in, Group group, Stream stream,
                                 Event after) {
  ISOFLOP_CHECK(out.dtype == in.dtype && out.size() == in.size() * size(group));
  return calls_.enqueue(stream, after, [=, this] { run_all_gather(out, in, communicator(group)); });
}

Event MpiCollectives::reduce_scatter(TensorView out, TensorView in, ReduceOp op, Group group,
                                     Stream stream, Event after) {
  ISOFLOP_CHECK(out.dtype == in.dtype && in.size() == out.size() * size(group));
  reduced_type(in.dtype);
  return calls_.enqueue(stream, after,
                        [=, this] { run_reduce_scatter(out, in, op, communicator(group)); });
}

Event MpiCollectives::all_reduce(TensorView out, TensorView in, ReduceOp op, Group group,
                                 Stream stream, Event after) {
  ISOFLOP_CHECK(out.dtype == in.dtype && out.size() == in.size());
  reduced_type(in.dtype);
  return calls_.enqueue(stream, after,
                        [=, this] { run_all_reduce(out, in, op, communicator(group)); });
}

Event MpiCollectives::broadcast(TensorView inout, int root, Group group, Stream stream,
                                Event after) {
  ISOFLOP_CHECK(root >= 0 && root < size(group));
  return calls_.enqueue(stream, after,
                        [=, this] { run_broadcast(inout, root, communicator(group)); });
}

Event MpiCollectives::exchange(std::span<const Message> sends, std::span<const Message> receives,
                               Group group, Stream stream, Event after) {
  const OwnMessage own = check_exchange(sends, receives, rank(group), size(group));
  return calls_.enqueue(stream, after,
                        [=, this, sent = copy_of(sends), received = copy_of(receives)] {
                          copy(own.out, own.in);
                          run_exchange(sent, received, communicator(group));
                        });
}

Event MpiCollectives::broadcast_each(std::span<const Share> shares, Group group, Stream stream,
                                     Event after) {
  check_shares(shares, size(group));
  return calls_.enqueue(stream, after, [=, this, shared = copy_of(shares)] {
    run_broadcast_each(shared, communicator(group));
  });
}

void MpiCollectives::abort(int exit_code) { abort_mpi_job(exit_code); }

void MpiCollectives::check(int code, const char* operation, TensorView tensor) const {
  if (code == MPI_SUCCESS) return;
  check_mpi(code, who_,
            fmt::format("{} of {} {}", operation, tensor.size(), to_string(tensor.dtype)));
}

void MpiCollectives::run_all_gather(TensorView out, TensorView in,
                                    const MpiCommunicator& group) const {
  const int64_t n = in.size();
  const TensorView mine = part(out, group.rank() * n, n);
  if (out.size() <= max_count_) {
    const MPI_Datatype type = moved_type(in.dtype);
    const void* send = in.data == mine.data ? MPI_IN_PLACE : in.data;
    check(MPI_Allgather(send, static_cast<int>(n), type, out.data, static_cast<int>(n), type,
                        group.handle()),
          "MPI_Allgather", out);
    return;
  }
  copy(mine, in);
  for (int root = 0; root < group.size(); ++root)
    run_broadcast(part(out, root * n, n), root, group);
}

void MpiCollectives::run_reduce_scatter(TensorView out, TensorView in, ReduceOp op,
                                        const MpiCommunicator& group) const {
  const int64_t n = out.size();
  const MPI_Datatype type = reduced_type(in.dtype);
  const bool in_place = out.data == part(in, group.rank() * n, n).data;
  if (in.size() <= max_count_ && !in_place) {
    check(MPI_Reduce_scatter_block(in.data, out.data, static_cast<int>(n), type, reduction(op),
                                   group.handle()),
          "MPI_Reduce_scatter_block", in);
    return;
  }
  for (int root = 0; root < group.size(); ++root)
    for_chunks(n, max_count_, [&](int64_t begin, int count) {
      const TensorView from = part(in, root * n + begin, count);
      const void* const send = in_place && root == group.rank() ? MPI_IN_PLACE : from.data;
      check(MPI_Reduce(send, part(out, begin, count).data, count, type, reduction(op), root,
                       group.handle()),
            "MPI_Reduce", from);
    });
}

void MpiCollectives::run_all_reduce(TensorView out, TensorView in, ReduceOp op,
                                    const MpiCommunicator& group) const {
  const MPI_Datatype type = reduced_type(in.dtype);
  for_chunks(in.size(), max_count_, [&](int64_t begin, int count) {
    const TensorView to = part(out, begin, count);
    const void* send = in.data == out.data ? MPI_IN_PLACE : part(in, begin, count).data;
    check(MPI_Allreduce(send, to.data, count, type, reduction(op), group.handle()), "MPI_Allreduce",
          to);
  });
}

void MpiCollectives::run_broadcast(TensorView inout, int root, const MpiCommunicator& group) const {
  for_chunks(inout.size(), max_count_, [&](int64_t begin, int count) {
    const TensorView piece = part(inout, begin, count);
    check(MPI_Bcast(piece.data, count, moved_type(inout.dtype), root, group.handle()), "MPI_Bcast",
          piece);
  });
}

void MpiCollectives::run_exchange(std::span<const Message> sends, std::span<const Message> receives,
                                  const MpiCommunicator& group) const {
  std::vector<MPI_Request> requests;
  const auto start = [&](const Message& message, const char* name, const auto& call) {
    if (message.peer == group.rank()) return;
    for_chunks(message.view.size(), max_count_, [&](int64_t begin, int count) {
      const TensorView piece = part(message.view, begin, count);
      check(call(piece.data, count, moved_type(piece.dtype), message.peer, kTag, group.handle(),
                 &requests.emplace_back()),
            name, piece);
    });
  };
  for (const Message& message : receives) start(message, "MPI_Irecv", MPI_Irecv);
  for (const Message& message : sends) start(message, "MPI_Isend", MPI_Isend);
  wait_for_all(requests);
}

void MpiCollectives::run_broadcast_each(std::span<const Share> shares,
                                        const MpiCommunicator& group) const {
  std::vector<MPI_Request> requests;
  for (const Share& share : shares)
    for_chunks(share.view.size(), max_count_, [&](int64_t begin, int count) {
      const TensorView piece = part(share.view, begin, count);
      check(MPI_Ibcast(piece.data, count, moved_type(piece.dtype), share.root, group.handle(),
                       &requests.emplace_back()),
            "MPI_Ibcast", piece);
    });
  wait_for_all(requests);
}

void MpiCollectives::wait_for_all(std::span<MPI_Request> requests) const {
  std::vector<MPI_Status> statuses(requests.size());
  const int code = MPI_Waitall(static_cast<int>(requests.size()), requests.data(), statuses.data());
  if (code == MPI_SUCCESS) return;
  const auto failed = std::find_if(statuses.begin(), statuses.end(), [](const MPI_Status& status) {
    return status.MPI_ERROR != MPI_SUCCESS && status.MPI_ERROR != MPI_ERR_PENDING;
  });
  const bool is_known = code == MPI_ERR_IN_STATUS && failed != statuses.end();
  check_mpi(is_known ? failed->MPI_ERROR : code, who_,
            fmt::format("MPI_Waitall of {} transfers", requests.size()));
}

}  // namespace isoflop
