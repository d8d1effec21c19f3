// SPDX-License-Identifier: MIT
#pragma once

#include "emulation/handles.hpp"

#include <nccl.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace isoflop::emulation {

enum class NcclKind { all_gather, reduce_scatter, all_reduce, broadcast };

/// What all ranks of a communicator must say alike of a collective.
struct NcclSignature {
  NcclKind kind = NcclKind::all_gather;
  int64_t count = 0;
  ncclDataType_t dtype = ncclFloat32;
  ncclRedOp_t op = ncclSum;
  int root = -1;
  bool operator==(const NcclSignature&) const = default;
};
/// "ncclReduceScatter of 4096 f32 by sum"
std::string to_string(const NcclSignature& signature);

/// Which of a rank's buffers of a collective its communicator knows.
struct NcclKnownBuffers {
  bool send = false;
  bool receive = false;
  bool operator==(const NcclKnownBuffers&) const = default;
};
/// "its send buffer is registered, its receive buffer is not"
std::string to_string(const NcclKnownBuffers& known);

/// The k-th collective of a communicator, from its first call to the last rank's end.
struct NcclCollective {
  NcclSignature signature;
  NcclKnownBuffers known;
  int64_t offset = -1;  ///< of what other ranks read or write, in a window; -1: in none
  int first_rank = 0;   ///< who called first
  int n_called = 0;
  bool is_void = false;  ///< the ranks disagree: nothing moves
  bool is_cut = false;   ///< it never ends
  std::vector<bool> arrived;
  std::vector<bool> has_sent;
  std::vector<std::vector<std::byte>> sent;  ///< by rank; empty for ranks that give nothing
  std::vector<std::byte> reduced;            ///< kept for all ranks of an all-reduce
};

/// A message from rank to rank, from the first call of its sender or receiver to the last one's
/// end.
struct NcclMessage {
  int64_t count = 0;
  ncclDataType_t dtype = ncclFloat32;
  bool has_sender = false;    ///< it has come that far, and data is there
  bool has_receiver = false;  ///< it has come that far
  bool is_void = false;       ///< the two disagree: nothing moves
  std::vector<std::byte> data = {};
  bool is_registered = false;  ///< the buffer of who called first
};

/// Messages of one rank to another.
struct NcclChannel {
  int64_t n_sent = 0, n_received = 0;                        ///< calls
  std::map<int64_t, std::shared_ptr<NcclMessage>> messages;  ///< not yet called by both
};

/// The k-th ncclCommSplit of a communicator.
struct NcclSplit {
  struct Choice {
    int color = 0, key = 0, rank = 0;
  };
  std::vector<Choice> choices;
  std::map<int, std::shared_ptr<struct NcclClique>> cliques;  ///< by color, once all have chosen
};

/// The k-th ncclCommWindowRegister of a communicator.
struct NcclWindowCall {
  int64_t bytes = 0;
  int flags = 0;
  int first_rank = 0;
  int n_called = 0;
  bool is_void = false;  ///< a rank refuses, or they disagree
};

struct Allocation;

/// A buffer that a rank's communicator knows. Its memory knows how many there are.
struct NcclRegion {
  NcclRegion(Allocation& of_memory, const void* first, int64_t n_byte);
  ~NcclRegion();
  NcclRegion(const NcclRegion&) = delete;
  NcclRegion& operator=(const NcclRegion&) = delete;

  Allocation& memory;
  const char* begin;
  int64_t bytes;
  bool is_window = false;
  bool is_symmetric = false;

  bool holds(const void* first, int64_t n_byte) const {
    const auto* const byte = static_cast<const char*>(first);
    return byte >= begin && byte + n_byte <= begin + bytes;
  }
};

/// What the ranks of a communicator share.
struct NcclClique {
  explicit NcclClique(int n_rank);

  int number;                ///< for messages: communicator 1, 2, ...
  std::vector<int> members;  ///< emulated rank of each; -1 while it has not joined
  int n_joined = 0;
  int n_finalised = 0;
  bool is_broken = false;  ///< aborted, or its ranks disagree beyond repair: nothing waits or moves
  /// A collective of it is cut; read by ncclCommGetAsyncError from any thread.
  std::atomic<bool> has_cut_link = false;
  std::map<int64_t, std::shared_ptr<NcclCollective>> collectives;  ///< not yet called by all ranks
  std::vector<int64_t> n_called;                                   ///< collectives, by rank
  std::map<int64_t, std::shared_ptr<NcclSplit>> splits;
  std::map<std::pair<int, int>, NcclChannel> channels;  ///< by sender and receiver
  std::map<int64_t, std::shared_ptr<NcclWindowCall>> windows;

  int size() const { return static_cast<int>(members.size()); }
  /// By Options::nccl_ranks_per_node.
  bool crosses_nodes() const;
};

}  // namespace isoflop::emulation

/// NCCL's own name for one rank's communicator.
struct ncclComm {
  std::shared_ptr<isoflop::emulation::NcclClique> clique;
  int rank = 0;
  int64_t n_split = 0;
  int64_t n_window = 0;  ///< calls
  std::vector<std::shared_ptr<isoflop::emulation::NcclRegion>> regions = {};
  bool gathers_by_copy = false;  ///< NCCL_CTA_POLICY_ZERO
  int most_ctas = 32;            ///< NCCL's own limit (MAXCHANNELS) unless its config has less
  bool is_finalised = false;
  std::shared_ptr<int> work = std::make_shared<int>();  ///< held by every operation in a stream

  bool has_work() const { return work.use_count() > 1; }
  /// The region that holds these bytes, if any; held by every operation that uses it.
  std::shared_ptr<isoflop::emulation::NcclRegion> region_of(const void* begin, int64_t bytes) const;
};

namespace isoflop::emulation {

/// Notes the finding, and the text that ncclGetLastError returns to this rank.
ncclResult_t fail_nccl(ncclResult_t result, const std::string& call, const std::string& problem);
Handles<ncclComm>& nccl_communicators();
/// Waits, on the host, for other ranks; false when one has failed in the meantime: a C library
/// throws nothing.
bool wait_for_ranks(const std::function<bool()>& ready, const char* call);

}  // namespace isoflop::emulation
