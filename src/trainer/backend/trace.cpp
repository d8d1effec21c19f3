// SPDX-License-Identifier: MIT
#include "trainer/backend/trace.hpp"

#include <fmt/format.h>

namespace isoflop {
namespace {

double seconds(std::chrono::nanoseconds duration) {
  return std::chrono::duration<double>(duration).count();
}

}  // namespace

void Trace::start() {
  is_on_ = true;
  const Stream compute = device_.compute_stream();
  device_.synchronize(device_.record(compute));
  if (!device_.is_host()) {
    start_slot_ = mark(TraceLane::compute);
    device_.synchronize(device_.record(compute));
  }
  start_ = Clock::now();
  start_unix_s_ = seconds(std::chrono::system_clock::now().time_since_epoch());
}

std::size_t Trace::open(const TraceLabel& label) {
  Scope scope{.name = std::string(label.name),
              .bytes = label.bytes,
              .lane = label.lane,
              .begin = {},
              .end = {}};
  if (label.number) scope.name += fmt::format(" {}", *label.number);
  device_.open_range(scope.name);
  scope.begin_slot = mark(label.lane);
  scope.begin = Clock::now();
  scopes_.push_back(std::move(scope));
  return scopes_.size() - 1;
}

void Trace::close(std::size_t scope) {
  scopes_[scope].end = Clock::now();
  scopes_[scope].end_slot = mark(scopes_[scope].lane);
  device_.close_range();
}

int Trace::mark(TraceLane lane) {
  if (device_.is_host()) return -1;
  const int slot = next_slot_++;
  device_.reserve_time_slots(next_slot_);
  device_.mark({slot}, lane == TraceLane::communication ? device_.communication_stream()
                                                        : device_.compute_stream());
  return slot;
}

double Trace::seconds_at(Clock::time_point time) const { return seconds(time - start_); }

std::vector<TraceSpan> Trace::spans() const {
  std::vector<TraceSpan> spans;
  for (const Scope& scope : scopes_) {
    spans.push_back({.lane = TraceLane::host,
                     .name = scope.name,
                     .bytes = scope.bytes,
                     .begin_s = seconds_at(scope.begin),
                     .end_s = seconds_at(scope.end)});
    if (scope.begin_slot < 0) continue;
    const auto device_time = [&](int slot) {
      return device_.seconds_between({start_slot_}, {slot});
    };
    spans.push_back({.lane = scope.lane,
                     .name = scope.name,
                     .bytes = scope.bytes,
                     .begin_s = device_time(scope.begin_slot),
                     .end_s = device_time(scope.end_slot)});
  }
  return spans;
}

}  // namespace isoflop
