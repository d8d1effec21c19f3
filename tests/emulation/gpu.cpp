// SPDX-License-Identifier: MIT
#include "emulation/gpu.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace isoflop::emulation {

Gpu::Gpu(int of_rank, int64_t device_addresses)
    : rank(of_rank), device("allocation", 256, device_addresses) {
  prefer_large_pages(device.begin(), device_addresses);
}

const std::string& Gpu::stream_name(int index) const {
  const auto last = std::find_if(streams.rbegin(), streams.rend(),
                                 [&](const auto& stream) { return stream->index == index; });
  return (*last)->name;
}

std::string Gpu::describe(Place place) const {
  return fmt::format("{} ({}, operation {})", label(place).name, stream_name(place.stream),
                     place.number);
}

std::shared_ptr<Mark> put_mark(CUstream_st& stream) {
  stream.clock.join(stream.gpu->known);
  const auto mark = std::make_shared<Mark>();
  mark->stream = &stream;
  mark->number = stream.clock.seen[stream.index];
  mark->clock = stream.clock;
  stream.items.push_back(ReachMark{mark});
  settle(*stream.gpu);
  return mark;
}

void learn(Gpu& gpu, const Mark& mark) {
  gpu.known.join(mark.clock);
  gpu.time_ns = std::max(gpu.time_ns, mark.time_ns);
  guard_pinned_memory(gpu);
}

void guard_pinned_memory(Gpu& gpu) { gpu.pinned_guard.protect(gpu.known); }

}  // namespace isoflop::emulation
