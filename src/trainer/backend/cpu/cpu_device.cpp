// SPDX-License-Identifier: MIT
#include "trainer/backend/cpu/cpu_device.hpp"

#include "core/base/format.hpp"
#include "trainer/backend/cpu/node_memory.hpp"
#include "trainer/backend/device_memory_error.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <omp.h>
#include <stdexcept>
#include <sys/mman.h>
#include <utility>

namespace isoflop {
namespace {

constexpr int64_t kHugePage = int64_t{2} << 20;

#ifdef NDEBUG
constexpr bool kDebugBuild = false;
#else
constexpr bool kDebugBuild = true;
#endif

int64_t alignment_of(int64_t bytes) {
  return bytes >= 2 * kHugePage ? kHugePage : kBufferAlignment;
}

int64_t rounded(int64_t bytes) {
  const int64_t alignment = alignment_of(bytes);
  return std::max<int64_t>(bytes + alignment - 1, alignment) / alignment * alignment;
}

/// "model name" of /proc/cpuinfo.
std::string processor_name() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with("model name")) return line.substr(line.find(':') + 2);
  return "unknown processor";
}

}  // namespace

CpuDevice::CpuDevice(const CpuDeviceOptions& options)
    : options_(options),
      limit_bytes_(options.memory_limit_bytes > 0 ? options.memory_limit_bytes
                                                  : node_memory_bytes() / options.ranks_on_node),
      scheduler_(options.mode, options.schedule_seed) {
  ISOFLOP_CHECK(options.n_threads > 0);
}

CpuDevice::~CpuDevice() {
  for (void* memory : retired_) std::free(memory);
}

void CpuDevice::enqueue(Stream stream, std::function<void()> work) {
  scheduler_.enqueue(stream.id, [n_threads = options_.n_threads, work = std::move(work)] {
    omp_set_num_threads(n_threads);
    work();
  });
}

std::string CpuDevice::description() const {
  return fmt::format("CPU, {} thread{}, {}", options_.n_threads, options_.n_threads == 1 ? "" : "s",
                     processor_name());
}

Buffer CpuDevice::allocate(int64_t bytes, MemoryCategory category) {
  if (bytes > limit_bytes_ - usage_.allocated) throw DeviceMemoryError(shortage(bytes, category));
  void* const memory = new_memory(bytes, category);
  usage_.allocated += bytes;
  usage_.reserved += rounded(bytes);
  usage_.peak = std::max(usage_.peak, usage_.allocated);
  usage_.by_category[static_cast<std::size_t>(category)] += bytes;
  return {this, memory, bytes, category, false};
}

Buffer CpuDevice::allocate_pinned(int64_t bytes) {
  return {this, new_memory(bytes, MemoryCategory::state), bytes, MemoryCategory::state, true};
}

MemoryShortage CpuDevice::shortage(int64_t bytes, MemoryCategory category) const {
  std::string of =
      fmt::format("of {} ({}", format_bytes(limit_bytes_),
                  options_.memory_limit_bytes > 0 ? "limit of the device" : "memory of the node");
  if (options_.ranks_on_node > 1) of += fmt::format(", shared by {} ranks", options_.ranks_on_node);
  return {.category = category,
          .asked = bytes,
          .free = limit_bytes_ - usage_.allocated,
          .in_use = usage_.allocated,
          .of = of + ")"};
}

void* CpuDevice::new_memory(int64_t bytes, MemoryCategory category) const {
  const int64_t size = rounded(bytes);
  const int64_t alignment = alignment_of(bytes);
  void* const memory =
      std::aligned_alloc(static_cast<std::size_t>(alignment), static_cast<std::size_t>(size));
  if (memory == nullptr)
    throw DeviceMemoryError({.category = category,
                             .asked = bytes,
                             .in_use = usage_.allocated,
                             .of = "(a limit of this process, or other programs)"});
  if (alignment == kHugePage) madvise(memory, static_cast<std::size_t>(size), MADV_HUGEPAGE);
  const bool poison = kDebugBuild || options_.mode == CpuStreamMode::deferred;
  std::memset(memory, poison ? 0xff : 0, static_cast<std::size_t>(size));
  return memory;
}

void CpuDevice::free(Buffer& buffer) noexcept {
  if (!buffer.pinned()) {
    usage_.allocated -= buffer.bytes();
    usage_.reserved -= rounded(buffer.bytes());
    usage_.by_category[static_cast<std::size_t>(buffer.category())] -= buffer.bytes();
  }
  if (scheduler_.idle())
    std::free(buffer.data());
  else
    retired_.push_back(buffer.data());
}

Event CpuDevice::record(Stream stream) { return scheduler_.record(stream.id); }

void CpuDevice::wait(Stream stream, Event event) { scheduler_.wait(stream.id, event); }

void CpuDevice::synchronize(Event event) {
  scheduler_.synchronize(event);
  if (!scheduler_.idle()) return;
  for (void* memory : retired_) std::free(memory);
  retired_.clear();
}

void CpuDevice::copy(void* out, const void* in, int64_t bytes, Stream stream) {
  enqueue(stream, [=] { std::memmove(out, in, static_cast<std::size_t>(bytes)); });
}

void CpuDevice::zero(void* out, int64_t bytes, Stream stream) {
  enqueue(stream, [=] { std::memset(out, 0, static_cast<std::size_t>(bytes)); });
}

void CpuDevice::reserve_time_slots(int n) {
  times_.resize(std::max(times_.size(), static_cast<std::size_t>(n)));
}

void CpuDevice::mark(TimeSlot slot, Stream stream) {
  enqueue(stream, [this, slot] { times_.at(static_cast<std::size_t>(slot.index)) = Clock::now(); });
}

double CpuDevice::seconds_between(TimeSlot from, TimeSlot to) const {
  return std::chrono::duration<double>(time_of(to) - time_of(from)).count();
}

CpuDevice::Clock::time_point CpuDevice::time_of(TimeSlot slot) const {
  const auto& time = times_.at(static_cast<std::size_t>(slot.index));
  if (!time) throw std::logic_error("seconds_between: a mark that no stream has reached");
  return *time;
}

CpuDevice& as_cpu_device(Device& device) {
  ISOFLOP_CHECK(dynamic_cast<CpuDevice*>(&device) != nullptr);
  return static_cast<CpuDevice&>(device);
}

}  // namespace isoflop
