// SPDX-License-Identifier: MIT
#pragma once

#include "core/base/round_up.hpp"
#include "trainer/backend/memory_category.hpp"
#include "trainer/backend/work_key.hpp"
#include "trainer/tensor/tensor_view.hpp"

#include <cstdint>
#include <functional>
#include <string>

namespace isoflop {

class Device;

/// Every buffer and every arena allocation starts on a multiple of this many bytes.
inline constexpr int64_t kBufferAlignment = 256;

/// What an arena allocation of so many bytes takes.
constexpr int64_t aligned_bytes(int64_t bytes) { return round_up(bytes, kBufferAlignment); }

/// Device or pinned host memory, freed on destruction. 256-byte aligned. Movable.
class Buffer {
 public:
  Buffer() = default;
  Buffer(Device* device, void* data, int64_t bytes, MemoryCategory category, bool pinned)
      : device_(device), data_(data), bytes_(bytes), category_(category), pinned_(pinned) {}
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  Buffer(Buffer&& other) noexcept;
  Buffer& operator=(Buffer&& other) noexcept;
  ~Buffer();

  void* data() const { return data_; }
  int64_t bytes() const { return bytes_; }
  MemoryCategory category() const { return category_; }
  bool pinned() const { return pinned_; }
  /// The start of the buffer as a contiguous tensor; it must fit.
  TensorView view(DType dtype, Extents shape) const;

 private:
  Device* device_ = nullptr;
  void* data_ = nullptr;
  int64_t bytes_ = 0;
  MemoryCategory category_ = MemoryCategory::state;
  bool pinned_ = false;
};

/// A queue of work in order; streams run beside each other. Plain value, valid as long as its
/// device.
struct Stream {
  int id = 0;
};

/// A point in a stream: everything enqueued there before record(). Plain value; waiting on an old
/// event is allowed and may wait for later work of the same stream that is already enqueued (a
/// device keeps a bounded ring of events per stream).
struct Event {
  int stream = -1;  ///< -1: no event, already complete
  int64_t sequence = 0;
};

/// A place in time on a stream for measuring; each slot is overwritten when marked again.
struct TimeSlot {
  int index = 0;
};

/// Memory, streams, events and copies. Nothing but synchronize() makes the host wait; allocation
/// happens at start-up only.
class Device {
 public:
  virtual ~Device() = default;

  /// "CPU, 2 threads, AMD EPYC" as printed at start.
  virtual std::string description() const = 0;

  /// Contents undefined; NaN bytes in debug builds and where work is deferred. Any stream may use
  /// it at once. Throws OutOfMemoryError naming category, bytes asked and in use.
  virtual Buffer allocate(int64_t bytes, MemoryCategory category) = 0;
  /// allocate() of memory that Collectives::register_buffers may make known to other ranks, where
  /// the device's communication library has such.
  virtual Buffer allocate_for_collectives(int64_t bytes, MemoryCategory category) {
    return allocate(bytes, category);
  }
  /// Host memory that copy() may read or write asynchronously.
  virtual Buffer allocate_pinned(int64_t bytes) = 0;
  virtual MemoryUsage memory_usage() const = 0;
  /// Whether the host reads and writes the device's memory as its own, as on a CPU.
  virtual bool is_host() const = 0;

  /// The streams of a run: ops run on compute, collectives on communication, copies of batches to
  /// the device on copy, copies of results and checkpoints to the host on readback.
  virtual Stream compute_stream() = 0;
  virtual Stream communication_stream() = 0;
  virtual Stream copy_stream() = 0;
  virtual Stream readback_stream() = 0;

  virtual Event record(Stream stream) = 0;
  /// Work enqueued on `stream` from now on starts after `event`; the host does not wait.
  virtual void wait(Stream stream, Event event) = 0;
  /// The host waits; the only call that does. Work that failed on the device is reported here as an
  /// exception.
  virtual void synchronize(Event event) = 0;

  /// Copies between any two places; a host side must be pinned.
  virtual void copy(void* out, const void* in, int64_t bytes, Stream stream) = 0;
  virtual void zero(void* out, int64_t bytes, Stream stream) = 0;

  /// Enqueues work: `enqueue` puts it on `stream` and does nothing else, the same for the same key.
  /// A device may keep what it was given and enqueue that again, without the call.
  virtual void repeat(const WorkKey& /*key*/, Stream /*stream*/,
                      const std::function<void()>& enqueue) {
    enqueue();
  }

  /// Makes slots 0 to n - 1 usable; called at start-up, the largest n counts.
  virtual void reserve_time_slots(int n) = 0;
  /// Marks the time at which the stream reaches this point.
  virtual void mark(TimeSlot slot, Stream stream) = 0;
  /// Seconds between two marks that have both been reached.
  virtual double seconds_between(TimeSlot from, TimeSlot to) const = 0;

  /// Names what the host enqueues until close_range() in the vendor's profilers (NVTX); nests.
  virtual void open_range(const std::string& /*name*/) {}
  virtual void close_range() {}

 private:
  friend class Buffer;
  virtual void free(Buffer& buffer) noexcept = 0;
};

/// Device memory handed out front to back and given back in scopes: the same calls give the same
/// addresses in every step, so that a step can be captured into a graph. Throws OutOfMemoryError
/// when the plan it was sized by was too small.
class Arena {
 public:
  Arena(Device& device, int64_t bytes, MemoryCategory category);

  /// 256-byte aligned; contents undefined.
  TensorView allocate(DType dtype, Extents shape);
  int64_t used() const { return used_; }
  int64_t peak() const { return peak_; }
  int64_t capacity() const { return buffer_.bytes(); }

  /// Gives back on destruction everything allocated after construction.
  class Scope {
   public:
    explicit Scope(Arena& arena) : arena_(arena), mark_(arena.used_) {}
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;
    ~Scope() { arena_.used_ = mark_; }

   private:
    Arena& arena_;
    int64_t mark_;
  };

 private:
  Buffer buffer_;
  int64_t used_ = 0;
  int64_t peak_ = 0;
};

/// Where an op runs: device, stream and the arena it may take scratch from (in a scope that ends
/// with the call: later work on the same stream may reuse it).
struct Exec {
  Device& device;
  Stream stream;
  Arena& arena;
};

}  // namespace isoflop
