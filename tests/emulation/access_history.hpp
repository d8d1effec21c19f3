// SPDX-License-Identifier: MIT
#pragma once

#include "emulation/memory.hpp"

#include <cstdint>
#include <optional>

namespace isoflop::emulation {

/// Who last wrote and last read 32 bytes of memory, in units of 2 bytes. One cache line.
struct alignas(64) Granule {
  static constexpr uint64_t kBytes = 32;
  static constexpr uint64_t kUnitBytes = 2;

  uint32_t write = 0;  ///< Place::packed of the last write; 0 when there was none
  uint32_t reads[Clock::kMaxStreams] = {};  ///< number of each stream's last reading operation
  uint16_t write_units = 0;                 ///< what the last write wrote, one bit per unit
  uint16_t read_units[Clock::kMaxStreams] = {};
  uint16_t defined_units = 0;  ///< written since the memory was allocated or spoilt
  uint32_t checked_read = 0;   ///< execution that may read any byte of it
  uint32_t checked_write = 0;
};
static_assert(sizeof(Granule) == 64);

/// The units of a granule that an access from byte `offset` of it on touches.
inline uint16_t granule_units(uint64_t offset, uint64_t bytes) {
  const uint64_t first = offset / Granule::kUnitBytes;
  const uint64_t last = (offset + bytes + Granule::kUnitBytes - 1) / Granule::kUnitBytes;
  return static_cast<uint16_t>((uint32_t{1} << last) - (uint32_t{1} << first));
}

/// An operation by stream and number.
struct Place {
  int stream = 0;
  int64_t number = 0;

  uint32_t packed() const;
  static Place unpack(uint32_t packed);
  bool comes_before(const Clock& clock) const { return number <= clock.seen[stream]; }
  auto operator<=>(const Place&) const = default;
};

/// What an operation does with memory.
enum class AccessKind { read, write, spoil };

/// Two operations that touch the same bytes without order, at least one writing.
struct Conflict {
  Place earlier;  ///< in order of execution, which proves nothing
  bool earlier_writes = false;
  int64_t offset = 0;  ///< of the first byte at issue, from the start of the memory
};

/// The last accesses to a stretch of memory, and the rule that they must be ordered. The rule of
/// FastTrack (Flanagan and Freund, PLDI 2009, doi:10.1145/1542476.1542490) with operations for
/// threads: a read must come after the last write, a write after it and after the last read of each
/// stream.
class AccessHistory {
 public:
  /// For memory of this size; takes memory of its own as that is touched.
  explicit AccessHistory(int64_t bytes);
  ~AccessHistory();
  AccessHistory(const AccessHistory&) = delete;
  AccessHistory& operator=(const AccessHistory&) = delete;

  /// Notes an access and returns its first conflict with earlier ones.
  std::optional<Conflict> record(int64_t offset, int64_t bytes, AccessKind kind, Place place,
                                 const Clock& clock);
  /// The first byte in question that was never written; memory is new or spoilt until it is.
  std::optional<int64_t> first_undefined(int64_t offset, int64_t bytes) const;
  /// Whether the operation may access every byte of the granule at `offset`, defined if it reads.
  bool is_free_for(int64_t offset, bool is_write, const Clock& clock) const;

  Granule* granules() { return granules_; }

 private:
  Granule* granules_;
  int64_t mapped_bytes_;
};

}  // namespace isoflop::emulation
