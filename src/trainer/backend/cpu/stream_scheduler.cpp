// SPDX-License-Identifier: MIT
#include "trainer/backend/cpu/stream_scheduler.hpp"

#include <algorithm>
#include <utility>

namespace isoflop {

void StreamScheduler::enqueue(int stream, Work work) {
  if (mode_ == CpuStreamMode::run_inline)
    run(work);
  else
    push(stream, {std::move(work), {}});
}

Event StreamScheduler::record(int stream) const { return {stream, queue(stream).enqueued}; }

void StreamScheduler::wait(int stream, Event event) {
  if (!complete(event)) push(stream, {{}, event});
}

void StreamScheduler::synchronize(Event event) {
  if (mode_ == CpuStreamMode::deferred) advance_to(event);
  if (failure_) std::rethrow_exception(failure_);
}

bool StreamScheduler::idle() const {
  return std::all_of(queues_.begin(), queues_.end(),
                     [](const Queue& queue) { return queue.entries.empty(); });
}

bool StreamScheduler::complete(Event event) const {
  return event.stream < 0 || queue(event.stream).completed >= event.sequence;
}

void StreamScheduler::push(int stream, Entry entry) {
  queue(stream).entries.push_back(std::move(entry));
  ++queue(stream).enqueued;
}

/// An event is recorded before it is waited for, so the recursion visits each stream at most once.
void StreamScheduler::advance_to(Event event) {
  while (!complete(event)) {
    run_ahead();
    if (complete(event)) return;
    if (can_step(event.stream))
      step(event.stream);
    else
      advance_to(queue(event.stream).entries.front().event);
  }
}

bool StreamScheduler::can_step(int stream) const {
  const auto& entries = queue(stream).entries;
  return !entries.empty() && (entries.front().work || complete(entries.front().event));
}

void StreamScheduler::step(int stream) {
  const Entry entry = std::move(queue(stream).entries.front());
  queue(stream).entries.pop_front();
  if (entry.work) run(entry.work);
  ++queue(stream).completed;
}

/// One time in four, one stream runs as far as its events and a drawn length let it.
void StreamScheduler::run_ahead() {
  if (draw(4) != 0) return;
  const int stream = static_cast<int>(draw(kStreams));
  const uint64_t length = draw(2) == 0 ? 1 + draw(8) : UINT64_MAX;
  for (uint64_t i = 0; i < length && can_step(stream); ++i) step(stream);
}

void StreamScheduler::run(const Work& work) {
  if (failure_) return;
  try {
    work();
  } catch (...) {
    failure_ = std::current_exception();
  }
}

/// splitmix64 (Steele, Lea, Flood 2014).
uint64_t StreamScheduler::draw(uint64_t bound) {
  uint64_t z = random_state_ += 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return (z ^ (z >> 31)) % bound;
}

}  // namespace isoflop
