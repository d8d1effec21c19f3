// SPDX-License-Identifier: MIT
#pragma once

#include "trainer/backend/trace.hpp"

#include <span>
#include <string>

namespace isoflop {

/// Whose timeline it is.
struct TraceOwner {
  int rank = 0;
  std::string host;
  std::string device;  ///< as Device::description() says
  bool is_gpu = false;
  double origin_unix_s = 0;   ///< where the timeline starts, the same on all ranks
  double start_s = 0;         ///< on the timeline, when the spans' own time starts
  std::string first_to_last;  ///< steps: "3-7"
};

/// Spans as a JSON document in the Trace Event Format, which chrome://tracing and Perfetto read:
/// complete events (ph X) in microseconds, pid the rank, tid the lane.
std::string chrome_trace(std::span<const TraceSpan> spans, const TraceOwner& owner);

}  // namespace isoflop
