// SPDX-License-Identifier: MIT
#include "trainer/profile/profiler.hpp"

#include "core/base/error.hpp"
#include "core/base/log.hpp"
#include "core/base/text_file.hpp"
#include "trainer/clock.hpp"
#include "trainer/profile/chrome_trace.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <span>

namespace isoflop {
namespace {

/// The host is at most two steps ahead of the device, and what follows a step is part of its trace.
constexpr int64_t kStepsUntilOver = 3;

double agreed_origin(Launch& launch) {
  double origin_unix_s = system_time();
  launch.broadcast_from_first(std::as_writable_bytes(std::span(&origin_unix_s, 1)));
  return origin_unix_s;
}

std::filesystem::path trace_path(const std::filesystem::path& stem, int rank) {
  return stem.string() + fmt::format(".trace.{}.json", rank);
}

}  // namespace

Profiler::Profiler(const ProfilerParts& parts)
    : info_(parts.launch.info()),
      device_(parts.device),
      steps_(parts.request.steps(parts.first_step)),
      n_ranks_(parts.request.n_ranks),
      path_(trace_path(parts.file_stem, info_.rank)),
      origin_unix_s_(agreed_origin(parts.launch)),
      trace_(parts.device, parts.first_time_slot) {
  if (steps_.last >= parts.first_step) return;
  is_over_ = true;
  log::warn("--profile: steps {}-{} were trained by an earlier start; nothing is traced",
            steps_.first, steps_.last);
}

void Profiler::begin_step(int64_t step) {
  if (is_over_ || !is_traced()) return;
  const bool within = step >= steps_.first && step <= steps_.last;
  if (within && !trace_.is_on()) trace_.start();
  if (!within && trace_.is_on()) trace_.stop();
  if (step >= steps_.last + kStepsUntilOver) write();
}

void Profiler::finish() {
  if (is_over_ || !is_traced()) return;
  trace_.stop();
  for (const Stream stream : {device_.compute_stream(), device_.communication_stream()})
    device_.synchronize(device_.record(stream));
  write();
}

void Profiler::write() {
  is_over_ = true;
  try {
    write_or_throw();
  } catch (const FileError& error) {
    log::local(log::Level::warn, fmt::format("no trace: {}; training goes on", error.what()));
  }
}

void Profiler::write_or_throw() const {
  const std::vector<TraceSpan> spans = trace_.spans();
  if (spans.empty()) {
    log::warn("--profile: the run ended before step {}; nothing was traced", steps_.first);
    return;
  }
  write_text_file(
      path_,
      chrome_trace(spans, {.rank = info_.rank,
                           .host = info_.host,
                           .device = device_.description(),
                           .is_gpu = !device_.is_host(),
                           .origin_unix_s = origin_unix_s_,
                           .start_s = trace_.start_unix_s() - origin_unix_s_,
                           .first_to_last = fmt::format("{}-{}", steps_.first, steps_.last)}));
  log::info(
      "trace of steps {}-{}: {}{}, for ui.perfetto.dev or chrome://tracing", steps_.first,
      steps_.last, path_.string(),
      n_ranks_ > 1 && info_.world_size > 1
          ? fmt::format(" and so on to rank {}", std::min<int64_t>(n_ranks_, info_.world_size) - 1)
          : "");
}

}  // namespace isoflop
