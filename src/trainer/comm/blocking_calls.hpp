// SPDX-License-Identifier: MIT
#pragma once

#include "trainer/backend/cpu/cpu_device.hpp"
#include "trainer/comm/collectives.hpp"

#include <array>
#include <atomic>
#include <cstdint>
#include <exception>
#include <functional>

namespace isoflop {

/// The collectives of a CPU rank as work of its streams: each call blocks the thread that runs the
/// stream until it is done. Keeps their time and the last failure.
///
/// Why blocking calls cannot deadlock, in deferred mode either: every rank enqueues the same
/// collectives in the same order on one communication stream, and a stream runs in order, so the
/// k-th collective is the same one everywhere. What it waits for on its own rank is either local
/// work or an earlier collective. So the earliest collective that is not complete everywhere can
/// always be reached by every rank, provided no rank blocks elsewhere with work enqueued:
/// Launch::gather_to_all and exit need a synchronised communication stream.
class BlockingCalls {
 public:
  /// `device` must outlive this object, and this object the work it enqueued.
  explicit BlockingCalls(CpuDevice& device) : device_(device) {}

  Event enqueue(Stream stream, Event after, std::function<void()> call);

  void begin_step() { seconds_at_begin_ = seconds_; }
  void end_step(int64_t step) { of_step(step) = seconds_ - seconds_at_begin_; }
  /// Seconds inside calls: a CPU rank computes nothing meanwhile.
  double exposed_seconds(int64_t step) const {
    return exposed_seconds_[static_cast<std::size_t>(step % 2)];
  }
  /// Calls begun and ended; from any thread.
  PeerWaits peer_waits() const {
    const int64_t ended = ended_.load(std::memory_order_acquire);
    return {begun_.load(std::memory_order_relaxed), ended};
  }
  /// Throws what a call threw, if any did.
  void poll() const;

 private:
  void run(const std::function<void()>& call);
  double& of_step(int64_t step) { return exposed_seconds_[static_cast<std::size_t>(step % 2)]; }

  CpuDevice& device_;
  std::atomic<int64_t> begun_{0};
  std::atomic<int64_t> ended_{0};
  double seconds_ = 0;
  double seconds_at_begin_ = 0;              ///< of seconds_, where the step began
  std::array<double, 2> exposed_seconds_{};  ///< of the last two steps, by step % 2
  std::exception_ptr failure_;
};

}  // namespace isoflop
