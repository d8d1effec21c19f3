// SPDX-License-Identifier: MIT
#include "trainer/profile/chrome_trace.hpp"

#include "core/base/json_writer.hpp"

#include <fmt/format.h>

#include <cmath>

namespace isoflop {
namespace {

constexpr const char* kMeaningOnGpus =
    "the host's scopes are the time of enqueueing; those of a stream begin and end when the GPU "
    "reaches marks in it";
constexpr const char* kMeaningOnCpus = "scopes are the time of computing and communicating";

/// Whole ones, so that scopes nest in the file as they did.
int64_t nanoseconds(double seconds) { return std::llround(seconds * 1e9); }

double microseconds(int64_t nanoseconds) { return static_cast<double>(nanoseconds) / 1e3; }

void write_name(JsonWriter& json, const char* what, int pid, int tid, const std::string& name) {
  json.begin_object(JsonLines::one)
      .entry("name", what)
      .entry("ph", "M")
      .entry("pid", pid)
      .entry("tid", tid)
      .key("args")
      .begin_object()
      .entry("name", name)
      .end_object()
      .end_object();
}

void write_names(JsonWriter& json, const TraceOwner& owner) {
  write_name(json, "process_name", owner.rank, 0,
             fmt::format("rank {} on {}", owner.rank, owner.host));
  write_name(json, "thread_name", owner.rank, static_cast<int>(TraceLane::host), "host");
  if (!owner.is_gpu) return;
  write_name(json, "thread_name", owner.rank, static_cast<int>(TraceLane::compute),
             "compute stream");
  write_name(json, "thread_name", owner.rank, static_cast<int>(TraceLane::communication),
             "communication stream");
}

void write_span(JsonWriter& json, const TraceSpan& span, const TraceOwner& owner) {
  const int64_t begin_ns = nanoseconds(owner.start_s) + nanoseconds(span.begin_s);
  const int64_t duration_ns = nanoseconds(span.end_s) - nanoseconds(span.begin_s);
  json.begin_object(JsonLines::one)
      .entry("name", span.name)
      .entry("ph", "X")
      .entry("pid", owner.rank)
      .entry("tid", static_cast<int>(span.lane))
      .entry("ts", microseconds(begin_ns))
      .entry("dur", microseconds(duration_ns));
  if (span.bytes) json.key("args").begin_object().entry("bytes", *span.bytes).end_object();
  json.end_object();
}

}  // namespace

std::string chrome_trace(std::span<const TraceSpan> spans, const TraceOwner& owner) {
  JsonWriter json;
  json.begin_object()
      .entry("displayTimeUnit", "ms")
      .key("otherData")
      .begin_object()
      .entry("rank", owner.rank)
      .entry("host", owner.host)
      .entry("device", owner.device)
      .entry("steps", owner.first_to_last)
      .entry("origin_unix_s", owner.origin_unix_s)
      .entry("times", owner.is_gpu ? kMeaningOnGpus : kMeaningOnCpus)
      .end_object();
  json.key("traceEvents").begin_array();
  write_names(json, owner);
  for (const TraceSpan& span : spans) write_span(json, span, owner);
  json.end_array().end_object();
  return json.text();
}

}  // namespace isoflop
