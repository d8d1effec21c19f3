// SPDX-License-Identifier: MIT
#pragma once

#include "core/parallel/nccl_registration.hpp"
#include "trainer/backend/cuda/launch_graphs.hpp"
#include "trainer/backend/device.hpp"

#include <cuda_runtime.h>

#include <array>
#include <cstddef>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

namespace isoflop {

/// Waits of the compute stream for the communication stream, counted over windows: a later one is
/// larger.
struct StallCounts {
  int64_t begun = 0;  ///< the stream got there
  int64_t ended = 0;
};

/// Memory of a communication library, in pieces of nccl_memory_bytes().
struct CollectiveMemory {
  void* (*allocate)(int64_t bytes) = nullptr;  ///< null where the library has none to give
  void (*free)(void* memory) noexcept = nullptr;
};

/// One GPU: memory from a pool of its own, four streams (communication with high priority), a ring
/// of events per stream. The calling thread's current device is this one from construction on.
class CudaDevice final : public Device {
 public:
  /// The GPU of this local rank. `registration` is for the collectives that are made for it;
  /// repeat() makes graphs or not. Throws DeviceMissingError.
  explicit CudaDevice(int local_rank, NcclRegistration registration = NcclRegistration::off,
                      bool graphs = true);
  ~CudaDevice() override;
  CudaDevice(const CudaDevice&) = delete;
  CudaDevice& operator=(const CudaDevice&) = delete;

  /// The CUDA stream behind one of ours.
  cudaStream_t native(Stream stream) const { return streams_[static_cast<std::size_t>(stream.id)]; }
  int ordinal() const { return ordinal_; }
  /// "NVIDIA H100 80GB HBM3".
  const std::string& name() const { return name_; }
  /// 80, 90, 100: compute capability x 10.
  int sm_version() const { return sm_version_; }
  int n_multiprocessor() const { return n_multiprocessor_; }
  NcclRegistration nccl_registration() const { return registration_; }
  bool makes_graphs() const { return graphs_.has_value(); }

  /// Where allocate_for_collectives() takes memory from on; from the pool where this has none.
  void set_collective_memory(CollectiveMemory source) { source_ = source; }
  bool is_collective_memory(const Buffer& buffer) const {
    return held_of_source_.contains(buffer.data());
  }

  /// In a window, the times at which the compute stream begins and ends to stand still for the
  /// communication stream are marked. Windows are numbered; the last and the one before are kept.
  void begin_stall_window(int64_t number);
  void end_stall_window();
  /// Seconds stood still in a window whose work is over.
  double stalled_seconds(int64_t number) const;
  /// Where the compute stream is now, by the marks of the last window that it has come to. Does not
  /// wait; from any thread.
  StallCounts stall_counts() const;

  std::string description() const override { return description_; }
  Buffer allocate(int64_t bytes, MemoryCategory category) override;
  Buffer allocate_for_collectives(int64_t bytes, MemoryCategory category) override;
  Buffer allocate_pinned(int64_t bytes) override;
  MemoryUsage memory_usage() const override;
  bool is_host() const override { return false; }

  Stream compute_stream() override { return {0}; }
  Stream communication_stream() override { return {1}; }
  Stream copy_stream() override { return {2}; }
  Stream readback_stream() override { return {3}; }

  Event record(Stream stream) override;
  void wait(Stream stream, Event event) override;
  void synchronize(Event event) override;
  void copy(void* out, const void* in, int64_t bytes, Stream stream) override;
  void zero(void* out, int64_t bytes, Stream stream) override;
  void repeat(const WorkKey& key, Stream stream, const std::function<void()>& enqueue) override;
  void reserve_time_slots(int n) override;
  void mark(TimeSlot slot, Stream stream) override;
  double seconds_between(TimeSlot from, TimeSlot to) const override;
  void open_range(const std::string& name) override;
  void close_range() override;

 private:
  static constexpr int kStreams = 4;
  /// Events kept per stream: ten micro steps of 32 layers under fsdp, three a layer. A wait for an
  /// older one waits for later work too.
  static constexpr int64_t kRing = 1024;

  using EventPair = std::array<cudaEvent_t, 2>;
  /// Events around waits, made at first use and used again by every second window.
  struct StallWindow {
    int64_t number = 0;
    std::size_t used = 0;
    std::vector<EventPair> pairs;
  };

  static std::string describe(const cudaDeviceProp& properties);
  [[noreturn]] void throw_out_of_memory(int64_t bytes, MemoryCategory category) const;
  /// A buffer that takes `held` bytes of the GPU.
  Buffer make_buffer(void* memory, int64_t bytes, int64_t held, MemoryCategory category);
  void free(Buffer& buffer) noexcept override;
  /// Of a communication library, which does not wait for streams.
  void free_collective(Buffer& buffer) noexcept;
  void count_free(const Buffer& buffer, int64_t held) noexcept;
  cudaEvent_t ring_event(int stream, int64_t sequence) const;
  EventPair& next_stall(StallWindow& window);

  int ordinal_;
  int sm_version_ = 0;
  int n_multiprocessor_ = 0;
  std::string name_;
  std::string description_;
  cudaMemPool_t pool_ = nullptr;
  NcclRegistration registration_;
  CollectiveMemory source_;
  std::unordered_map<const void*, int64_t> held_of_source_;  ///< bytes, by address
  MemoryUsage usage_;
  std::array<cudaStream_t, kStreams> streams_{};
  std::array<std::vector<cudaEvent_t>, kStreams> rings_;
  std::array<int64_t, kStreams> recorded_{};  ///< sequence of the last event of each stream
  std::vector<cudaEvent_t> time_slots_;
  std::optional<LaunchGraphs> graphs_;
  mutable std::mutex windows_mutex_;  ///< between the thread that enqueues and stall_counts()
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
