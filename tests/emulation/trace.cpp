// SPDX-License-Identifier: MIT
#include "emulation/trace.hpp"

#include "emulation/node.hpp"

#include <fmt/format.h>

#include <utility>

namespace isoflop::emulation {
namespace {

/// Operations since the trace began, or less than 1 for those before: the same in every step.
int64_t relative(const CUstream_st& stream, int64_t number) { return number - stream.trace_base; }

void add_line(const CUstream_st& stream, std::string line) {
  stream.gpu->trace.push_back(std::move(line));
}

}  // namespace

void trace_operation(CUstream_st& stream, const Operation& operation) {
  const char* const gap = operation.fingerprint.empty() ? "" : " ";
  add_line(stream,
           fmt::format("{}: {}{}{}", stream.name, operation.name, gap, operation.fingerprint));
}

void trace_record(CUstream_st& stream) {
  add_line(stream, fmt::format("record {} after its operation {}", stream.name,
                               relative(stream, stream.clock.seen[stream.index])));
}

void trace_wait(CUstream_st& stream, const Mark& mark) {
  add_line(stream, fmt::format("wait {} <- {} after its operation {}", stream.name,
                               mark.stream->name, relative(*mark.stream, mark.number)));
}

std::vector<std::string> take_trace(int rank) {
  Gpu& gpu = *current_node().gpus.at(static_cast<std::size_t>(rank));
  for (const auto& stream : gpu.streams) stream->trace_base = stream->clock.seen[stream->index];
  return std::exchange(gpu.trace, {});
}

}  // namespace isoflop::emulation
