// SPDX-License-Identifier: MIT
#include "emulation/kernel_traffic.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <unordered_map>

namespace isoflop::emulation {
namespace {

/// The bytes of 64 that were touched, one bit each.
struct Line {
  static constexpr uintptr_t kBytes = 64;
  uint64_t read = 0;  ///< before they were written
  uint64_t written = 0;
};

struct Counts {
  std::unordered_map<uintptr_t, Line> lines;
  gpu::KernelBytes all;
  bool is_on = false;
};

Counts& counts() {
  static Counts of_running;
  return of_running;
}

uint64_t bits(uintptr_t first, uintptr_t n) {
  return (n == Line::kBytes ? ~uint64_t{0} : (uint64_t{1} << n) - 1) << first;
}

bool is_between(int64_t stated, int64_t least, int64_t most) {
  const auto slack = [](int64_t bytes) { return bytes / 100 + 1024; };
  return stated >= least - slack(least) && stated <= most + slack(most);
}

}  // namespace

TrafficMeter::TrafficMeter() { counts() = {.lines = {}, .all = {}, .is_on = true}; }

TrafficMeter::~TrafficMeter() { counts() = {}; }

KernelTraffic TrafficMeter::traffic() const {
  KernelTraffic traffic{.distinct = {}, .all = counts().all};
  for (const auto& [address, line] : counts().lines) {
    traffic.distinct.read += std::popcount(line.read);
    traffic.distinct.written += std::popcount(line.written);
  }
  return traffic;
}

void note_traffic(uintptr_t address, int64_t bytes, bool is_write) {
  Counts& now = counts();
  if (!now.is_on) return;
  (is_write ? now.all.written : now.all.read) += bytes;
  const uintptr_t end = address + static_cast<uintptr_t>(bytes);
  while (address < end) {
    const uintptr_t first = address % Line::kBytes;
    const uintptr_t n = std::min(end - address, Line::kBytes - first);
    Line& line = now.lines[address / Line::kBytes];
    if (is_write)
      line.written |= bits(first, n);
    else
      line.read |= bits(first, n) & ~line.written;
    address += n;
  }
}

std::optional<std::string> problem_of(const gpu::KernelBytes& stated,
                                      const KernelTraffic& measured) {
  const auto& [distinct, all] = measured;
  const bool at_most = stated.at_most;
  if (is_between(stated.read, distinct.read, at_most ? stated.read : all.read) &&
      is_between(stated.written, distinct.written, at_most ? stated.written : all.written))
    return std::nullopt;
  return fmt::format(
      "states {} bytes read and {} written; it reads {} (in all {}) and writes {} (in all {})",
      stated.read, stated.written, distinct.read, all.read, distinct.written, all.written);
}

}  // namespace isoflop::emulation
