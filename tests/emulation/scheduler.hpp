// SPDX-License-Identifier: MIT
#pragma once

#include "emulation/emulation.hpp"
#include "emulation/fibre.hpp"
#include "emulation/stream_queue.hpp"

#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <vector>

namespace isoflop::emulation {

struct Node;

/// What host code waits for.
struct HostWait {
  std::function<bool()> is_over;
  std::string what;  ///< "cudaEventSynchronize for compute operation 5"
  std::vector<std::shared_ptr<Mark>> marks = {};  ///< that have to be reached for it
};

/// Decides which host code and which streams of a node go on, by eagerness and seed.
class Scheduler {
 public:
  explicit Scheduler(Node& node);

  /// Runs body(rank) for all ranks, and all that is enqueued, to the end. What goes wrong first is
  /// thrown, after the host code of all ranks has ended: of those that wait, by wait() being in
  /// vain.
  void run(const std::function<void(int rank)>& body);
  /// Host code waits; returns false when that is in vain because the run has failed.
  bool wait(const HostWait& wait);
  /// Host code has put something into a stream.
  void after_enqueue();
  /// -1 while no host code runs. On a thread that host code has started: of the GPU that this
  /// thread has chosen, or else 0.
  int current_rank() const {
    return is_own_thread() ? current_rank_ : device_of_other_thread().value_or(0);
  }
  /// Whether the caller is no thread that host code has started.
  bool is_own_thread() const { return std::this_thread::get_id() == own_thread_; }
  /// What the calling thread, one that host code has started, gave to cudaSetDevice.
  static std::optional<int>& device_of_other_thread();
  /// The next draw from the seed, below n.
  uint64_t draw(uint64_t n) { return random_() % n; }

 private:
  struct Host {
    Fibre fibre{std::size_t{1} << 20};
    const HostWait* wait = nullptr;  ///< null: can go on
    bool has_started = false;
    bool is_unwinding = false;  ///< waits while an exception is on its way
  };

  void wait_outside_ranks(const HostWait& wait);
  void start_hosts(const std::function<void(int rank)>& body);
  bool step();
  bool step_lazily();
  bool step_eagerly();
  bool step_at_random();
  std::vector<int> runnable_hosts();
  std::vector<CUstream_st*> runnable_streams();
  std::vector<CUstream_st*> wanted_streams(const HostWait& wait);
  CUstream_st* choose(const std::vector<CUstream_st*>& streams);
  bool run_wanted_operation();
  bool run_any_operation();
  void run_stream(CUstream_st& stream);
  void resume(int rank);
  bool give_up_wait_of_unwinding();
  bool all_ended() const;
  bool has_work() const;
  void end_hosts();
  void fail(std::exception_ptr error);
  std::string describe_deadlock();

  Node& node_;
  std::mt19937_64 random_;
  std::vector<std::unique_ptr<Host>> hosts_;  ///< by rank; none outside run()
  std::thread::id own_thread_ = std::this_thread::get_id();
  int current_rank_;
  std::exception_ptr failure_;
};

}  // namespace isoflop::emulation
