// SPDX-License-Identifier: MIT
#pragma once

#include "trainer/backend/backend.hpp"

#include <array>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>

namespace isoflop {

/// Streams of host work in order, with events between them.
///
/// Inline: work runs when it is enqueued. Deferred: work waits in its stream's queue until
/// synchronize() needs it. Then the needed streams advance as little as their events demand, while
/// streams that nothing waits for run ahead by stretches drawn from the seed: the two extremes that
/// uncover a missing wait.
///
/// The first exception of any work is kept; work after it is dropped, and every synchronize()
/// throws it.
class StreamScheduler {
 public:
  using Work = std::function<void()>;
  static constexpr int kStreams = 4;

  StreamScheduler(CpuStreamMode mode, uint64_t seed) : mode_(mode), random_state_(seed) {}

  void enqueue(int stream, Work work);
  Event record(int stream) const;
  void wait(int stream, Event event);
  /// Runs what `event` needs. Throws what failed.
  void synchronize(Event event);
  /// True when no stream has work left.
  bool idle() const;
  CpuStreamMode mode() const { return mode_; }

 private:
  /// A piece of work, or (work empty) a wait for `event`.
  struct Entry {
    Work work;
    Event event;
  };
  struct Queue {
    std::deque<Entry> entries;
    int64_t enqueued = 0;
    int64_t completed = 0;
  };

  Queue& queue(int stream) { return queues_[static_cast<std::size_t>(stream)]; }
  const Queue& queue(int stream) const { return queues_[static_cast<std::size_t>(stream)]; }
  bool complete(Event event) const;
  void push(int stream, Entry entry);
  void advance_to(Event event);
  void step(int stream);
  bool can_step(int stream) const;
  void run_ahead();
  void run(const Work& work);
  uint64_t draw(uint64_t bound);

  CpuStreamMode mode_;
  uint64_t random_state_;
  std::array<Queue, kStreams> queues_;
  std::exception_ptr failure_;
};

}  // namespace isoflop
