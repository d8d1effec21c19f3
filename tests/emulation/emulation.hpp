// SPDX-License-Identifier: MIT
#pragma once

#include "emulation/work.hpp"

#include <cuda_runtime.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

/// A node of GPUs without a GPU: CUDA's runtime, cuBLASLt, cuDNN's graph API and NCCL, as far as
/// src/trainer/backend/cuda and src/trainer/comm/nccl_* call them, linked in place of NVIDIA's
/// libraries. The same sources, compiled by the host compiler against NVIDIA's headers.
///
/// One thread of the process runs everything: each rank's host code is a fibre with a GPU of its
/// own, work waits in streams, and a seeded scheduler decides what goes on whenever a host fibre
/// waits. Misuse is a finding (see findings.hpp), never a guess: unknown attributes, the default
/// stream, work on another device's memory, two unordered accesses to the same memory.
namespace isoflop::emulation {

/// When work in streams runs. lazy: only when a host fibre waits for it, and no more than it needs;
/// eager: as early as order permits; random: drawn from the seed at every choice.
enum class Eagerness { lazy, eager, random };

/// shapes_only: nothing is computed, moved or checked for order, memory is addresses without
/// content and collectives need no peers, so that one rank of a job of any size can run by itself;
/// every operation is kept for take_timeline().
enum class Execution { full, shapes_only };

/// The order in which the threads of a block, and the blocks of a grid, get their turns.
enum class LaneOrder { forward, reverse };

struct Options {
  int n_rank = 1;  ///< ranks and GPUs of the node
  Eagerness eagerness = Eagerness::random;
  uint64_t seed = 1;
  LaneOrder lane_order = LaneOrder::forward;
  int sm_version = 90;                        ///< of every GPU: 80, 90, 100
  int64_t memory_bytes = int64_t{256} << 20;  ///< of every GPU
  Execution execution = Execution::full;
  /// Whether kernels that state what they move (gpu::LaunchShape::bytes) are held to it.
  bool checks_kernel_bytes = false;
  /// Virtual time of cuBLASLt's algorithms for a product, in the order in which it names them. The
  /// one at place i adds up i + 1 parts of the inner dimension.
  std::vector<int64_t> product_ns = {1000, 900, 950};
  int refused_product = -1;  ///< the place of one that this GPU does not have; -1: none
  /// The places of those that cublasLtMatmul fails to run, though the library names them and finds
  /// nothing wrong with them.
  std::vector<int> failing_products = {};
  int64_t enqueue_ns = 100;  ///< virtual time of a host call that enqueues work, a graph's too
  /// Whether there are products that end with GELU or its gradient.
  bool has_gelu_products = true;
  int nccl_version = 0;  ///< what ncclGetVersion says; 0: that of the headers
  /// shapes_only: the ranks of the communicators that ncclCommSplit makes, in the order of the
  /// calls, as ranks of the one that is split. The rank that runs is the lowest of each.
  std::vector<std::vector<int>> nccl_splits = {};
  int nccl_ranks_per_node = 0;  ///< shapes_only: of all that do not run; 0: one node
};

/// Runs body(rank) for every rank as host code on a fibre of its own, to the end of all, then
/// checks that nothing is left enqueued or allocated. Rethrows a body's exception. Throws
/// std::runtime_error naming every rank's wait when none can go on, and one that lists the findings
/// if there are any. May not be nested.
void run_ranks(const Options& options, const std::function<void(int rank)>& body);

/// The rank whose host code is running.
int current_rank();

/// Called by host code of a rank: other ranks and streams go on until ready() holds. `what` is for
/// the message of a deadlock: "rank 2 in ncclCommInitRank".
void block_until(const std::function<bool()>& ready, const std::string& what);

/// Bytes of memory that an operation reads or writes: device memory of the stream's GPU, or pinned
/// host memory.
struct Access {
  const void* begin = nullptr;
  int64_t bytes = 0;
  bool is_write = false;
  bool is_defining = true;  ///< a write whose values may be read
};
inline Access reads(const void* begin, int64_t bytes) { return {begin, bytes, false}; }
inline Access writes(const void* begin, int64_t bytes) { return {begin, bytes, true}; }
/// A write that leaves nothing anybody may read: release of memory, use as a workspace.
inline Access spoils(const void* begin, int64_t bytes) { return {begin, bytes, true, false}; }

/// Work on a stream.
struct Operation {
  std::string name;              ///< "cublasLtMatmul"
  std::vector<Access> accesses;  ///< checked for bounds and order just before `run`
  std::function<void()> run;     ///< may touch device memory
  /// False while it has to wait for something beside its stream's order (other ranks of a
  /// collective); asked when it has reached the head of its stream. May be empty.
  std::function<bool()> ready = {};
  /// Everything a captured graph would hold of it (pointers, sizes, scalars), for comparing the
  /// work of one step with that of another. May be empty.
  std::string fingerprint = {};
  Work work = {};
  int64_t duration_ns = 1000;  ///< virtual time
};

/// Puts work into a stream. A finding if the stream is the default stream or another rank's.
void enqueue(cudaStream_t stream, Operation operation);

/// What host code of one rank has called so far.
struct Counters {
  int64_t host_waits = 0;    ///< cudaEventSynchronize, cudaStreamSynchronize, cudaDeviceSynchronize
  int64_t allocations = 0;   ///< device and pinned memory, streams, events
  int64_t launches = 0;      ///< kernels
  int64_t operations = 0;    ///< everything enqueued: kernels, copies, products, collectives
  int64_t stream_waits = 0;  ///< cudaStreamWaitEvent on an event of another stream
  int64_t graph_launches = 0;
  int64_t peak_bytes = 0;  ///< device memory held at the highest moment, whoever asked for it
};
Counters counters(int rank);

/// One entry per operation, event record and stream wait of a rank since the last call, as text;
/// events are named by what they follow, not by address.
std::vector<std::string> take_trace(int rank);

/// An operation of shapes_only: operation `number` of a stream.
struct TimelineEntry {
  std::string name;
  Work work;
  int stream = 0;      ///< in the order of their creation
  int64_t number = 0;  ///< from 1 on, over all the stream has had
  /// The operations that it follows: by stream, the number of the last one, 0: none. Its own number
  /// in its own stream.
  std::vector<int64_t> after;
  int64_t host_calls = 0;  ///< that enqueue something, record or await, up to and with this one
};
/// Since the last call, in the order of the host's calls; of shapes_only.
std::vector<TimelineEntry> take_timeline(int rank);

/// A name for messages, instead of "stream 2".
void name_stream(cudaStream_t stream, const std::string& name);

/// Deliberate damage, to prove that it is found. Counted from 0 over the calls of rank 0 in
/// run_ranks.
struct Faults {
  int64_t drop_stream_wait = -1;     ///< this cudaStreamWaitEvent between streams does nothing
  int64_t drop_host_wait = -1;       ///< this host wait, a cudaEventSynchronize, returns at once
  std::string drop_barrier_of = {};  ///< kernel whose __syncthreads number drop_barrier do nothing
  int64_t drop_barrier = 0;          ///< in the order in which a thread meets them
  int refuse_nccl_memory_of = -1;    ///< rank: its ncclMemAlloc fails
  int refuse_nccl_registration_of = -1;  ///< rank: registration of its buffers with NCCL fails
  int64_t refuse_capture = -1;           ///< this cudaStreamEndCapture has nothing to give
  /// The link of this collective (of every rank that is in it) fails: its work never ends, and only
  /// ncclCommGetAsyncError tells.
  int64_t cut_nccl_link = -1;
  int64_t fail_host_wait = -1;       ///< this host wait, a cudaEventSynchronize, finds an ECC error
  int refuse_pinned_memory_of = -1;  ///< rank: its cudaMallocHost fails
  /// Real seconds for which hosts that wait in vain stand still before that is found: a host waits
  /// for its GPU for ever.
  double deadlock_s = 0;
};
/// For the next run_ranks.
void set_faults(const Faults& faults);

}  // namespace isoflop::emulation
