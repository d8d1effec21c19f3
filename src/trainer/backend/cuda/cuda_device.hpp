// SPDX-License-Identifier: MIT
#pragma once

#include "trainer/backend/device.hpp"

#include <cuda_runtime.h>

#include <array>
#include <cstddef>
#include <string>
#include <vector>

namespace isoflop {

/// One GPU: memory from a pool of its own, three streams (communication with high priority), a ring
/// of events per stream. The calling thread's current device is this one from construction on.
class CudaDevice final : public Device {
 public:
  /// The GPU of this local rank. Throws DeviceMissingError.
  explicit CudaDevice(int local_rank);
  ~CudaDevice() override;
  CudaDevice(const CudaDevice&) = delete;
  CudaDevice& operator=(const CudaDevice&) = delete;

  /// The CUDA stream behind one of ours.
  cudaStream_t native(Stream stream) const { return streams_[static_cast<std::size_t>(stream.id)]; }
  int ordinal() const { return ordinal_; }
  /// 80, 90, 100: compute capability x 10.
  int sm_version() const { return sm_version_; }
  int n_multiprocessor() const { return n_multiprocessor_; }

  /// Marks where the compute stream begins and ends to stand still for the communication stream are
  /// kept per window; windows are numbered and two are kept (the last and the one before).
  void begin_stall_window(int64_t number);
  void end_stall_window();
  /// Seconds stood still in a window whose work is over.
  double stalled_seconds(int64_t number) const;

  std::string description() const override;
  Buffer allocate(int64_t bytes, MemoryCategory category) override;
  Buffer allocate_pinned(int64_t bytes) override;
  MemoryUsage memory_usage() const override;

  Stream compute_stream() override { return {0}; }
  Stream communication_stream() override { return {1}; }
  Stream copy_stream() override { return {2}; }

  Event record(Stream stream) override;
  void wait(Stream stream, Event event) override;
  void synchronize(Event event) override;
  void copy(void* out, const void* in, int64_t bytes, Stream stream) override;
  void zero(void* out, int64_t bytes, Stream stream) override;
  void reserve_time_slots(int n) override;
  void mark(TimeSlot slot, Stream stream) override;
  double seconds_between(TimeSlot from, TimeSlot to) const override;

 private:
  static constexpr int kStreams = 3;
  /// Events kept per stream: more than are recorded on one within a step of the deepest model.
  static constexpr int64_t kRing = 1024;

  /// Event pairs around waits; grown at first use, used again by every later window.
  struct StallWindow {
    int64_t number = -1;
    std::size_t used = 0;
    std::vector<std::array<cudaEvent_t, 2>> pairs;
  };

  void free(Buffer& buffer) noexcept override;
  cudaEvent_t ring_event(int stream, int64_t sequence);
  StallWindow& window(int64_t number) { return windows_[static_cast<std::size_t>(number % 2)]; }

  int ordinal_ = 0;
  int sm_version_ = 0;
  int n_multiprocessor_ = 0;
  std::string name_;
  cudaMemPool_t pool_ = nullptr;
  MemoryUsage usage_;
  std::array<cudaStream_t, kStreams> streams_{};
  std::array<std::vector<cudaEvent_t>, kStreams> rings_;
  std::array<int64_t, kStreams> recorded_{};  ///< sequence of the last event of each stream
  std::vector<cudaEvent_t> time_slots_;
  std::array<StallWindow, 2> windows_;
  StallWindow* open_window_ = nullptr;
};

/// The device of an Exec given to a CUDA op or collective.
CudaDevice& as_cuda_device(Device& device);

/// The CUDA stream that an op enqueues on.
inline cudaStream_t native_stream(const Exec& exec) {
  return as_cuda_device(exec.device).native(exec.stream);
}

}  // namespace isoflop
