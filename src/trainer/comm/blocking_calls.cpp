// SPDX-License-Identifier: MIT
#include "trainer/comm/blocking_calls.hpp"

#include <chrono>
#include <utility>

namespace isoflop {

Event BlockingCalls::enqueue(Stream stream, Event after, std::function<void()> call) {
  device_.wait(stream, after);
  device_.enqueue(stream, [this, call = std::move(call)] { run(call); });
  return device_.record(stream);
}

void BlockingCalls::poll() const {
  if (failure_) std::rethrow_exception(failure_);
}

void BlockingCalls::run(const std::function<void()>& call) {
  using Clock = std::chrono::steady_clock;
  const Clock::time_point start = Clock::now();
  begun_.fetch_add(1, std::memory_order_relaxed);
  try {
    call();
  } catch (...) {
    failure_ = std::current_exception();
    throw;
  }
  ended_.fetch_add(1, std::memory_order_release);
  seconds_ += std::chrono::duration<double>(Clock::now() - start).count();
}

}  // namespace isoflop
