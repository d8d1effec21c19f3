// SPDX-License-Identifier: MIT
#include "emulation/scheduler.hpp"

#include "emulation/findings.hpp"
#include "emulation/memory.hpp"
#include "emulation/memory_protection.hpp"
#include "emulation/node.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <numeric>
#include <stdexcept>
#include <thread>
#include <utility>

namespace isoflop::emulation {

Scheduler::Scheduler(Node& node) : node_(node), random_(node.options.seed), current_rank_(0) {}

std::optional<int>& Scheduler::device_of_other_thread() {
  thread_local std::optional<int> device;
  return device;
}

void Scheduler::run(const std::function<void(int rank)>& body) {
  start_hosts(body);
  while (!failure_ && (!all_ended() || has_work()))
    if (!step() && !give_up_wait_of_unwinding()) {
      std::this_thread::sleep_for(std::chrono::duration<double>(node_.faults.deadlock_s));
      fail(std::make_exception_ptr(std::runtime_error(describe_deadlock())));
    }
  end_hosts();
  close_memory();
  hosts_.clear();
  current_rank_ = 0;
  if (failure_) std::rethrow_exception(failure_);
}

void Scheduler::start_hosts(const std::function<void(int rank)>& body) {
  for (int rank = 0; rank < node_.options.n_rank; ++rank) {
    hosts_.push_back(std::make_unique<Host>());
    hosts_.back()->fibre.start([this, &body, rank] {
      try {
        body(rank);
      } catch (...) {
        fail(std::current_exception());
      }
    });
  }
}

bool Scheduler::step() {
  switch (node_.options.eagerness) {
    case Eagerness::lazy:
      return step_lazily();
    case Eagerness::eager:
      return step_eagerly();
    case Eagerness::random:
      return step_at_random();
  }
  return false;
}

/// Host code as far as it goes; then one operation that somebody waits for.
bool Scheduler::step_lazily() {
  if (const std::vector<int> hosts = runnable_hosts(); !hosts.empty()) {
    resume(hosts[draw(hosts.size())]);
    return true;
  }
  return run_wanted_operation() || run_any_operation();
}

bool Scheduler::step_eagerly() {
  if (run_any_operation()) return true;
  const std::vector<int> hosts = runnable_hosts();
  if (hosts.empty()) return false;
  resume(hosts[draw(hosts.size())]);
  return true;
}

bool Scheduler::step_at_random() {
  const std::vector<int> hosts = runnable_hosts();
  const std::vector<CUstream_st*> streams = runnable_streams();
  if (hosts.empty() && streams.empty()) return false;
  if (streams.empty() || (!hosts.empty() && draw(2) == 0))
    resume(hosts[draw(hosts.size())]);
  else
    run_stream(*choose(streams));
  return true;
}

std::vector<int> Scheduler::runnable_hosts() {
  std::vector<int> ranks;
  for (int rank = 0; rank < std::ssize(hosts_); ++rank) {
    const Host& host = *hosts_[static_cast<std::size_t>(rank)];
    if (!host.fibre.ended() && (host.wait == nullptr || host.wait->is_over()))
      ranks.push_back(rank);
  }
  return ranks;
}

std::vector<CUstream_st*> Scheduler::runnable_streams() {
  std::vector<CUstream_st*> runnable;
  for (const auto& gpu : node_.gpus)
    for (const auto& stream : gpu->streams)
      if (is_runnable(*stream)) runnable.push_back(stream.get());
  return runnable;
}

std::vector<CUstream_st*> Scheduler::wanted_streams(const HostWait& wait) {
  std::vector<CUstream_st*> wanted;
  for (const auto& mark : wait.marks)
    if (CUstream_st* const stream = stream_in_the_way_of(*mark); stream && is_runnable(*stream))
      wanted.push_back(stream);
  return wanted;
}

/// By weight, so that some streams run far behind others.
CUstream_st* Scheduler::choose(const std::vector<CUstream_st*>& streams) {
  const uint64_t total =
      std::accumulate(streams.begin(), streams.end(), uint64_t{0},
                      [](uint64_t sum, const CUstream_st* stream) { return sum + stream->weight; });
  uint64_t left = draw(total);
  for (CUstream_st* const stream : streams) {
    if (left < stream->weight) return stream;
    left -= stream->weight;
  }
  return streams.back();
}

bool Scheduler::run_wanted_operation() {
  std::vector<CUstream_st*> wanted;
  for (const auto& host : hosts_)
    if (!host->fibre.ended() && host->wait != nullptr)
      for (CUstream_st* const stream : wanted_streams(*host->wait)) wanted.push_back(stream);
  if (wanted.empty()) return false;
  run_stream(*choose(wanted));
  return true;
}

bool Scheduler::run_any_operation() {
  const std::vector<CUstream_st*> runnable = runnable_streams();
  if (runnable.empty()) return false;
  run_stream(*choose(runnable));
  return true;
}

void Scheduler::run_stream(CUstream_st& stream) {
  if (hosts_.empty()) return execute_head(stream);
  try {
    execute_head(stream);
  } catch (...) {
    fail(std::current_exception());
  }
}

void Scheduler::resume(int rank) {
  close_memory();
  current_rank_ = rank;
  Host& host = *hosts_[static_cast<std::size_t>(rank)];
  host.wait = nullptr;
  host.has_started = true;
  host.fibre.resume();
}

bool Scheduler::wait(const HostWait& wait) {
  if (running_operation() != nullptr)
    throw std::logic_error("emulation: an operation waits like host code: " + wait.what);
  if (failure_) return false;
  if (wait.is_over()) return true;
  if (hosts_.empty()) {
    wait_outside_ranks(wait);
    return true;
  }
  Host& host = *hosts_[static_cast<std::size_t>(current_rank_)];
  host.wait = &wait;
  host.is_unwinding = std::uncaught_exceptions() > 0;
  Fibre::suspend();
  return wait.is_over();
}

/// When a rank's exception has led to a wait that never ends, in a destructor: the exception is
/// what is wrong, so it shall get on.
bool Scheduler::give_up_wait_of_unwinding() {
  for (int rank = 0; rank < std::ssize(hosts_); ++rank) {
    const Host& host = *hosts_[static_cast<std::size_t>(rank)];
    if (host.fibre.ended() || !host.is_unwinding) continue;
    if (host.wait != nullptr)
      add_finding(fmt::format("rank {} waits for ever in {} while an exception is on its way", rank,
                              host.wait->what));
    resume(rank);
    return true;
  }
  return false;
}

void Scheduler::wait_outside_ranks(const HostWait& wait) {
  while (!wait.is_over()) {
    std::vector<CUstream_st*> streams = wanted_streams(wait);
    if (streams.empty() || node_.options.eagerness == Eagerness::random)
      streams = runnable_streams();
    if (streams.empty())
      throw std::runtime_error(
          fmt::format("nothing can go on: the program waits in {}", wait.what));
    run_stream(*choose(streams));
  }
  close_memory();
}

void Scheduler::after_enqueue() {
  if (failure_ || node_.options.eagerness == Eagerness::lazy) return;
  if (node_.options.eagerness == Eagerness::eager) {
    while (!failure_ && run_any_operation()) continue;
  } else {
    for (uint64_t n = draw(4) == 0 ? draw(4) : 0; n > 0 && !failure_; --n) run_any_operation();
  }
  close_memory();
  if (!hosts_.empty() && node_.options.eagerness == Eagerness::random && draw(16) == 0)
    Fibre::suspend();
}

bool Scheduler::all_ended() const {
  return std::all_of(hosts_.begin(), hosts_.end(),
                     [](const auto& host) { return host->fibre.ended(); });
}

bool Scheduler::has_work() const {
  return std::any_of(node_.gpus.begin(), node_.gpus.end(), [](const auto& gpu) {
    return std::any_of(gpu->streams.begin(), gpu->streams.end(),
                       [](const auto& stream) { return !stream->items.empty(); });
  });
}

/// After a failure: waits are in vain from now on, so that the stacks unwind.
void Scheduler::end_hosts() {
  for (int rank = 0; rank < std::ssize(hosts_); ++rank) {
    const Host& host = *hosts_[static_cast<std::size_t>(rank)];
    while (host.has_started && !host.fibre.ended()) resume(rank);
  }
}

void Scheduler::fail(std::exception_ptr error) {
  if (!failure_) failure_ = std::move(error);
}

std::string Scheduler::describe_deadlock() {
  std::string text = "no rank can go on:";
  for (int rank = 0; rank < std::ssize(hosts_); ++rank) {
    const Host& host = *hosts_[static_cast<std::size_t>(rank)];
    text += host.fibre.ended() ? fmt::format("\n  rank {} has ended", rank)
                               : fmt::format("\n  rank {} waits in {}", rank, host.wait->what);
  }
  for (const auto& gpu : node_.gpus)
    for (const auto& stream : gpu->streams)
      if (!stream->items.empty()) text += "\n  " + describe_head(*stream);
  return text;
}

}  // namespace isoflop::emulation
