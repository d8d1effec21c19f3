// SPDX-License-Identifier: MIT
#include "trainer/backend/cuda/cuda_device.hpp"

#include "core/base/error.hpp"
#include "core/base/format.hpp"
#include "trainer/backend/cuda/cuda_error.hpp"
#include "trainer/backend/cuda/cuda_probe.hpp"
#include "trainer/backend/cuda/memory_pool.hpp"
#include "trainer/backend/device_failure.hpp"
#include "trainer/backend/device_memory_error.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <exception>
#include <limits>
#include <nvtx3/nvToolsExt.h>

namespace isoflop {
namespace {

#ifdef NDEBUG
constexpr bool kDebugBuild = false;
#else
constexpr bool kDebugBuild = true;
#endif

constexpr int kCompute = 0;
constexpr int kCommunication = 1;

/// A pool that keeps what it once took from the driver.
cudaMemPool_t make_lasting_pool(int ordinal) {
  const cudaMemPool_t pool = make_memory_pool(ordinal);
  uint64_t keep_all = std::numeric_limits<uint64_t>::max();
  check_cuda(cudaMemPoolSetAttribute(pool, cudaMemPoolAttrReleaseThreshold, &keep_all),
             "cudaMemPoolSetAttribute");
  return pool;
}

cudaStream_t make_stream(int priority) {
  cudaStream_t stream = nullptr;
  check_cuda(cudaStreamCreateWithPriority(&stream, cudaStreamNonBlocking, priority),
             "cudaStreamCreateWithPriority");
  return stream;
}

cudaEvent_t make_event(unsigned flags) {
  cudaEvent_t event = nullptr;
  check_cuda(cudaEventCreateWithFlags(&event, flags), "cudaEventCreateWithFlags");
  return event;
}

double seconds_of(cudaEvent_t from, cudaEvent_t to) {
  float milliseconds = 0;
  check_cuda(cudaEventElapsedTime(&milliseconds, from, to), "cudaEventElapsedTime");
  return static_cast<double>(milliseconds) * 1e-3;
}

/// Asked of a GPU that may have failed: what is no success is not over.
bool is_over(cudaEvent_t event) { return cudaEventQuery(event) == cudaSuccess; }

}  // namespace

CudaDevice::CudaDevice(int local_rank, NcclRegistration registration, bool graphs)
    : ordinal_(find_cuda_device(local_rank)), registration_(registration) {
  if (graphs) graphs_.emplace();
  check_cuda(cudaSetDevice(ordinal_), "cudaSetDevice");
  cudaDeviceProp properties{};
  check_cuda(cudaGetDeviceProperties(&properties, ordinal_), "cudaGetDeviceProperties");
  sm_version_ = properties.major * 10 + properties.minor;
  n_multiprocessor_ = properties.multiProcessorCount;
  name_ = properties.name;
  description_ = describe(properties);
  int lowest = 0, highest = 0;
  check_cuda(cudaDeviceGetStreamPriorityRange(&lowest, &highest),
             "cudaDeviceGetStreamPriorityRange");
  pool_ = make_lasting_pool(ordinal_);
  for (int i = 0; i < kStreams; ++i) {
    const auto stream = static_cast<std::size_t>(i);
    streams_[stream] = make_stream(i == kCommunication ? highest : lowest);
    for (int64_t n = 0; n < kRing; ++n)
      rings_[stream].push_back(make_event(cudaEventDisableTiming));
  }
}

/// When an exception is on its way, other ranks may be gone and work that waits for them never
/// ends: the process is about to, and takes everything along.
CudaDevice::~CudaDevice() {
  if (std::uncaught_exceptions() > 0) return;
  for (const cudaStream_t stream : streams_) cudaStreamSynchronize(stream);
  graphs_.reset();
  for (const auto& ring : rings_)
    for (const cudaEvent_t event : ring) cudaEventDestroy(event);
  for (const cudaEvent_t event : time_slots_) cudaEventDestroy(event);
  for (const StallWindow& window : windows_)
    for (const auto& pair : window.pairs)
      for (const cudaEvent_t event : pair) cudaEventDestroy(event);
  for (const cudaStream_t stream : streams_) cudaStreamDestroy(stream);
  cudaMemPoolDestroy(pool_);
}

std::string CudaDevice::describe(const cudaDeviceProp& properties) {
  int runtime = 0, driver = 0;
  check_cuda(cudaRuntimeGetVersion(&runtime), "cudaRuntimeGetVersion");
  check_cuda(cudaDriverGetVersion(&driver), "cudaDriverGetVersion");
  return fmt::format("{}, {}, compute capability {}.{}, CUDA {} (driver for {})", properties.name,
                     format_bytes(static_cast<int64_t>(properties.totalGlobalMem)),
                     properties.major, properties.minor, cuda_version_text(runtime),
                     cuda_version_text(driver));
}

Buffer CudaDevice::allocate(int64_t bytes, MemoryCategory category) {
  void* memory = nullptr;
  const auto size = static_cast<std::size_t>(std::max<int64_t>(bytes, 1));
  const cudaError_t status =
      cudaMallocFromPoolAsync(&memory, size, pool_, native(compute_stream()));
  if (status == cudaErrorMemoryAllocation) throw_out_of_memory(bytes, category);
  check_cuda(status, "cudaMallocFromPoolAsync");
  return make_buffer(memory, bytes, bytes, category);
}

Buffer CudaDevice::allocate_for_collectives(int64_t bytes, MemoryCategory category) {
  void* const memory = source_.allocate && bytes > 0 ? source_.allocate(bytes) : nullptr;
  if (memory == nullptr) return allocate(bytes, category);
  const int64_t held = nccl_memory_bytes(bytes);
  held_of_source_[memory] = held;
  return make_buffer(memory, bytes, held, category);
}

Buffer CudaDevice::make_buffer(void* memory, int64_t bytes, int64_t held, MemoryCategory category) {
  if (kDebugBuild)
    check_cuda(cudaMemsetAsync(memory, 0xff, static_cast<std::size_t>(std::max<int64_t>(bytes, 1)),
                               native(compute_stream())),
               "cudaMemsetAsync");
  const Event allocated = record(compute_stream());
  for (const Stream stream : {communication_stream(), copy_stream(), readback_stream()})
    wait(stream, allocated);
  usage_.allocated += held;
  usage_.peak = std::max(usage_.peak, usage_.allocated);
  usage_.by_category[static_cast<std::size_t>(category)] += held;
  return {this, memory, bytes, category, false};
}

void CudaDevice::throw_out_of_memory(int64_t bytes, MemoryCategory category) const {
  cudaGetLastError();  // reported here
  std::size_t available = 0, total = 0;
  check_cuda(cudaMemGetInfo(&available, &total), "cudaMemGetInfo");
  throw DeviceMemoryError(
      {.category = category,
       .asked = bytes,
       .free = static_cast<int64_t>(available),
       .in_use = usage_.allocated,
       .of = fmt::format("of {} on the GPU", format_bytes(static_cast<int64_t>(total)))});
}

Buffer CudaDevice::allocate_pinned(int64_t bytes) {
  void* memory = nullptr;
  const auto size = static_cast<std::size_t>(std::max<int64_t>(bytes, 1));
  const cudaError_t status = cudaMallocHost(&memory, size);
  if (status == cudaErrorMemoryAllocation) {
    cudaGetLastError();  // reported here
    throw PinnedMemoryError(
        fmt::format("out of memory: the host has no {} to pin for transfers (cudaMallocHost)",
                    format_bytes(bytes)));
  }
  check_cuda(status, "cudaMallocHost");
  return {this, memory, bytes, MemoryCategory::state, true};
}

void CudaDevice::free(Buffer& buffer) noexcept {
  if (std::uncaught_exceptions() > 0) return;  // as in the destructor
  if (buffer.pinned()) {
    for (const cudaStream_t stream : streams_) cudaStreamSynchronize(stream);
    cudaFreeHost(buffer.data());
    return;
  }
  if (is_collective_memory(buffer)) return free_collective(buffer);
  for (const Stream stream : {communication_stream(), copy_stream(), readback_stream()}) {
    const cudaEvent_t last =
        ring_event(stream.id, ++recorded_[static_cast<std::size_t>(stream.id)]);
    cudaEventRecord(last, native(stream));
    cudaStreamWaitEvent(native(compute_stream()), last, 0);
  }
  cudaFreeAsync(buffer.data(), native(compute_stream()));
  count_free(buffer, buffer.bytes());
}

void CudaDevice::free_collective(Buffer& buffer) noexcept {
  for (const cudaStream_t stream : streams_) cudaStreamSynchronize(stream);
  const auto entry = held_of_source_.find(buffer.data());
  count_free(buffer, entry->second);
  held_of_source_.erase(entry);
  source_.free(buffer.data());
}

void CudaDevice::count_free(const Buffer& buffer, int64_t held) noexcept {
  usage_.allocated -= held;
  usage_.by_category[static_cast<std::size_t>(buffer.category())] -= held;
}

MemoryUsage CudaDevice::memory_usage() const {
  MemoryUsage usage = usage_;
  uint64_t reserved = 0;
  check_cuda(cudaMemPoolGetAttribute(pool_, cudaMemPoolAttrReservedMemCurrent, &reserved),
             "cudaMemPoolGetAttribute");
  usage.reserved = static_cast<int64_t>(reserved);
  for (const auto& [memory, held] : held_of_source_) usage.reserved += held;
  return usage;
}

cudaEvent_t CudaDevice::ring_event(int stream, int64_t sequence) const {
  return rings_[static_cast<std::size_t>(stream)][static_cast<std::size_t>(sequence % kRing)];
}

Event CudaDevice::record(Stream stream) {
  const int64_t sequence = ++recorded_[static_cast<std::size_t>(stream.id)];
  check_cuda(cudaEventRecord(ring_event(stream.id, sequence), native(stream)), "cudaEventRecord");
  return {stream.id, sequence};
}

void CudaDevice::wait(Stream stream, Event event) {
  if (event.stream < 0 || event.stream == stream.id) return;
  const bool is_stall =
      open_window_ != nullptr && stream.id == kCompute && event.stream == kCommunication;
  const auto* const pair = is_stall ? &next_stall(*open_window_) : nullptr;
  if (pair) check_cuda(cudaEventRecord((*pair)[0], native(stream)), "cudaEventRecord");
  check_cuda(cudaStreamWaitEvent(native(stream), ring_event(event.stream, event.sequence), 0),
             "cudaStreamWaitEvent");
  if (pair) check_cuda(cudaEventRecord((*pair)[1], native(stream)), "cudaEventRecord");
}

void CudaDevice::synchronize(Event event) {
  if (event.stream < 0) return;
  check_cuda(cudaEventSynchronize(ring_event(event.stream, event.sequence)),
             "work on the GPU (found by cudaEventSynchronize)");
}

void CudaDevice::copy(void* out, const void* in, int64_t bytes, Stream stream) {
  if (bytes == 0) return;
  check_cuda(
      cudaMemcpyAsync(out, in, static_cast<std::size_t>(bytes), cudaMemcpyDefault, native(stream)),
      "cudaMemcpyAsync");
}

void CudaDevice::zero(void* out, int64_t bytes, Stream stream) {
  if (bytes == 0) return;
  check_cuda(cudaMemsetAsync(out, 0, static_cast<std::size_t>(bytes), native(stream)),
             "cudaMemsetAsync");
}

void CudaDevice::repeat(const WorkKey& key, Stream stream, const std::function<void()>& enqueue) {
  graphs_ ? graphs_->run(key, native(stream), enqueue) : enqueue();
}

void CudaDevice::reserve_time_slots(int n) {
  while (std::ssize(time_slots_) < n) time_slots_.push_back(make_event(cudaEventDefault));
}

void CudaDevice::mark(TimeSlot slot, Stream stream) {
  check_cuda(cudaEventRecord(time_slots_.at(static_cast<std::size_t>(slot.index)), native(stream)),
             "cudaEventRecord");
}

double CudaDevice::seconds_between(TimeSlot from, TimeSlot to) const {
  return seconds_of(time_slots_.at(static_cast<std::size_t>(from.index)),
                    time_slots_.at(static_cast<std::size_t>(to.index)));
}

void CudaDevice::open_range(const std::string& name) { nvtxRangePushA(name.c_str()); }

void CudaDevice::close_range() { nvtxRangePop(); }

void CudaDevice::begin_stall_window(int64_t number) {
  const std::lock_guard lock(windows_mutex_);
  open_window_ = &windows_[static_cast<std::size_t>(number % 2)];
  open_window_->number = number;
  open_window_->used = 0;
}

void CudaDevice::end_stall_window() { open_window_ = nullptr; }

double CudaDevice::stalled_seconds(int64_t number) const {
  const StallWindow& window = windows_[static_cast<std::size_t>(number % 2)];
  double seconds = 0;
  for (std::size_t i = 0; i < window.used; ++i)
    seconds += seconds_of(window.pairs[i][0], window.pairs[i][1]);
  return seconds;
}

/// In the order of the stream, up to the first mark that is not reached: later pairs may hold marks
/// of an older window, if the host is between two calls.
StallCounts CudaDevice::stall_counts() const {
  constexpr int64_t kMostInAWindow = int64_t{1} << 32;
  cudaSetDevice(ordinal_);  // of the calling thread; where it fails, nothing is over
  const std::lock_guard lock(windows_mutex_);
  const bool in_order = windows_[0].number <= windows_[1].number;
  StallCounts counts;
  for (const StallWindow* window : {&windows_[in_order ? 0 : 1], &windows_[in_order ? 1 : 0]}) {
    for (std::size_t i = 0; i < window->used; ++i) {
      const int64_t place = window->number * kMostInAWindow + static_cast<int64_t>(i) + 1;
      if (!is_over(window->pairs[i][0])) return counts;
      counts.begun = place;
      if (!is_over(window->pairs[i][1])) return counts;
      counts.ended = place;
    }
  }
  return counts;
}

CudaDevice::EventPair& CudaDevice::next_stall(StallWindow& window) {
  const std::lock_guard lock(windows_mutex_);
  if (window.used == window.pairs.size())
    window.pairs.push_back({make_event(cudaEventDefault), make_event(cudaEventDefault)});
  return window.pairs[window.used++];
}

CudaDevice& as_cuda_device(Device& device) {
  ISOFLOP_CHECK(dynamic_cast<CudaDevice*>(&device) != nullptr);
  return static_cast<CudaDevice&>(device);
}

}  // namespace isoflop
