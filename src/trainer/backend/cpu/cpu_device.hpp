// SPDX-License-Identifier: MIT
#pragma once

#include "trainer/backend/backend.hpp"
#include "trainer/backend/cpu/stream_scheduler.hpp"
#include "trainer/backend/device_memory_error.hpp"

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace isoflop {

/// The processor as a device: streams of host work (see StreamScheduler), memory with accounts and
/// a limit. Not final: a test derives from it to drop waits and see that their loss is noticed.
class CpuDevice : public Device {
 public:
  explicit CpuDevice(const CpuDeviceOptions& options);
  ~CpuDevice() override;
  CpuDevice(const CpuDevice&) = delete;
  CpuDevice& operator=(const CpuDevice&) = delete;

  /// `work` runs on `stream` in order, with OpenMP set to n_threads(): how CPU ops and CPU
  /// collectives get onto a stream. What it throws comes out of synchronize().
  void enqueue(Stream stream, std::function<void()> work);
  int n_threads() const { return options_.n_threads; }

  std::string description() const override;
  /// Filled with NaN bytes in debug builds and in deferred mode.
  Buffer allocate(int64_t bytes, MemoryCategory category) override;
  /// Outside the limit and the accounts, as a GPU's pinned host memory is.
  Buffer allocate_pinned(int64_t bytes) override;
  MemoryUsage memory_usage() const override { return usage_; }
  bool is_host() const override { return true; }

  Stream compute_stream() override { return {0}; }
  Stream communication_stream() override { return {1}; }
  Stream copy_stream() override { return {2}; }
  Stream readback_stream() override { return {3}; }

  Event record(Stream stream) override;
  void wait(Stream stream, Event event) override;
  void synchronize(Event event) override;
  void copy(void* out, const void* in, int64_t bytes, Stream stream) override;
  void zero(void* out, int64_t bytes, Stream stream) override;
  void reserve_time_slots(int n) override;
  void mark(TimeSlot slot, Stream stream) override;
  double seconds_between(TimeSlot from, TimeSlot to) const override;

 private:
  using Clock = std::chrono::steady_clock;

  void free(Buffer& buffer) noexcept override;
  MemoryShortage shortage(int64_t bytes, MemoryCategory category) const;
  void* new_memory(int64_t bytes, MemoryCategory category) const;
  Clock::time_point time_of(TimeSlot slot) const;

  CpuDeviceOptions options_;
  int64_t limit_bytes_;
  MemoryUsage usage_;
  StreamScheduler scheduler_;
  std::vector<std::optional<Clock::time_point>> times_;
  std::vector<void*> retired_;  ///< freed while work was queued that may still use it
};

/// The device of an Exec given to a CPU op or collective.
CpuDevice& as_cpu_device(Device& device);

}  // namespace isoflop
