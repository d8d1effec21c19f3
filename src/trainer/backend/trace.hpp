// SPDX-License-Identifier: MIT
#pragma once

#include "trainer/backend/device.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace isoflop {

/// The rows of a timeline: what the host does, and on a GPU what two of its streams do, later.
enum class TraceLane { host, compute, communication };

/// What a scope is called.
struct TraceLabel {
  std::string_view name;
  std::optional<int64_t> number = std::nullopt;  ///< of the block, the step: "block 3"
  std::optional<int64_t> bytes = std::nullopt;   ///< moved
  TraceLane lane = TraceLane::compute;           ///< the stream that the work is enqueued on
};

/// A scope on a lane, in seconds since the trace was started.
struct TraceSpan {
  TraceLane lane = TraceLane::host;
  std::string name;
  std::optional<int64_t> bytes;
  double begin_s = 0;
  double end_s = 0;
};

/// The scopes of one rank while it is on. Every scope is a span of the host; where the device is
/// not the host, that is the time of enqueueing, and a second span has the time on the stream, by
/// marks that are enqueued with the work. No scope may lie within Device::repeat().
class Trace {
 public:
  /// Marks take the time slots from `first_slot` on. `device` must outlive it.
  Trace(Device& device, int first_slot) : device_(device), next_slot_(first_slot) {}

  bool is_on() const { return is_on_; }
  /// Makes the host wait for the device, once: their clocks are compared.
  void start();
  /// No scope may be open.
  void stop() { is_on_ = false; }
  /// When it was started.
  double start_unix_s() const { return start_unix_s_; }
  /// All scopes in the order in which they began. The device must be done with them.
  std::vector<TraceSpan> spans() const;

 private:
  friend class TraceScope;
  using Clock = std::chrono::steady_clock;
  /// A scope and its two marks; -1: none.
  struct Scope {
    std::string name;
    std::optional<int64_t> bytes;
    TraceLane lane;
    Clock::time_point begin;
    Clock::time_point end;
    int begin_slot = -1;
    int end_slot = -1;
  };
  std::size_t open(const TraceLabel& label);
  void close(std::size_t scope);
  int mark(TraceLane lane);
  double seconds_at(Clock::time_point time) const;

  Device& device_;
  int next_slot_;
  bool is_on_ = false;
  int start_slot_ = -1;  // on the device at start_
  Clock::time_point start_;
  double start_unix_s_ = 0;
  std::vector<Scope> scopes_;
};

/// Keeps the time from here to the end of the C++ scope where a trace is on; else nothing.
class TraceScope {
 public:
  TraceScope(Trace* trace, const TraceLabel& label)
      : trace_(trace != nullptr && trace->is_on() ? trace : nullptr) {
    if (trace_) scope_ = trace_->open(label);
  }
  ~TraceScope() {
    if (trace_) trace_->close(scope_);
  }
  TraceScope(const TraceScope&) = delete;
  TraceScope& operator=(const TraceScope&) = delete;

 private:
  Trace* trace_;
  std::size_t scope_ = 0;
};

}  // namespace isoflop
