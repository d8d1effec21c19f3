// SPDX-License-Identifier: MIT
#include "emulation/access_history.hpp"

#include "emulation/reserved_range.hpp"

#include <algorithm>
#include <bit>

namespace isoflop::emulation {
namespace {

constexpr uint16_t kAllUnits = 0xffff;
constexpr uint32_t kStreamBits = std::bit_width(unsigned{Clock::kMaxStreams - 1});

struct GranuleConflict {
  Place earlier;
  bool earlier_writes;
  uint16_t units;
};

std::optional<GranuleConflict> find_conflict(const Granule& granule, uint16_t units, bool is_write,
                                             const Clock& clock) {
  const Place writer = Place::unpack(granule.write);
  if ((granule.write_units & units) != 0 && !writer.comes_before(clock))
    return GranuleConflict{writer, true, static_cast<uint16_t>(granule.write_units & units)};
  for (int stream = 0; is_write && stream < Clock::kMaxStreams; ++stream) {
    const auto common = static_cast<uint16_t>(granule.read_units[stream] & units);
    const Place reader{stream, granule.reads[stream]};
    if (common != 0 && !reader.comes_before(clock)) return GranuleConflict{reader, false, common};
  }
  return std::nullopt;
}

void note_read(Granule& granule, uint16_t units, Place place) {
  const auto number = static_cast<uint32_t>(place.number);
  const bool is_same = granule.reads[place.stream] == number;
  granule.reads[place.stream] = number;
  uint16_t& read = granule.read_units[place.stream];
  read = static_cast<uint16_t>(is_same ? read | units : units);
}

/// Reads of what is written now need not be kept: who comes after the write comes after them.
void note_write(Granule& granule, uint16_t units, Place place, bool is_defining) {
  const bool is_same = granule.write == place.packed();
  granule.write = place.packed();
  granule.write_units = static_cast<uint16_t>(is_same ? granule.write_units | units : units);
  for (uint16_t& read : granule.read_units) read = static_cast<uint16_t>(read & ~units);
  granule.defined_units = static_cast<uint16_t>(is_defining ? granule.defined_units | units
                                                            : granule.defined_units & ~units);
}

/// Calls visit(offset of the granule, granule number, units) for each granule of a stretch.
template <typename Visit>
void for_granules(int64_t offset, int64_t bytes, const Visit& visit) {
  constexpr auto kBytes = static_cast<int64_t>(Granule::kBytes);
  const int64_t end = offset + bytes;
  for (int64_t at = offset; at < end;) {
    const int64_t number = at / kBytes;
    const int64_t stop = std::min(end, (number + 1) * kBytes);
    visit(number * kBytes, number,
          granule_units(static_cast<uint64_t>(at % kBytes), static_cast<uint64_t>(stop - at)));
    at = stop;
  }
}

int64_t first_byte(uint16_t units) {
  return int64_t{std::countr_zero(units)} * static_cast<int64_t>(Granule::kUnitBytes);
}

}  // namespace

uint32_t Place::packed() const {
  return static_cast<uint32_t>(number) << kStreamBits | static_cast<uint32_t>(stream);
}

Place Place::unpack(uint32_t packed) {
  return {static_cast<int>(packed & ((1U << kStreamBits) - 1)), packed >> kStreamBits};
}

AccessHistory::AccessHistory(int64_t bytes)
    : mapped_bytes_(bytes / static_cast<int64_t>(Granule::kBytes) *
                    static_cast<int64_t>(sizeof(Granule))) {
  granules_ = static_cast<Granule*>(reserve_range(mapped_bytes_, RangeUse::read_write));
  prefer_large_pages(granules_, mapped_bytes_);
}

AccessHistory::~AccessHistory() { release_range(granules_, mapped_bytes_); }

std::optional<Conflict> AccessHistory::record(int64_t offset, int64_t bytes, AccessKind kind,
                                              Place place, const Clock& clock) {
  const bool is_write = kind != AccessKind::read;
  std::optional<Conflict> first;
  for_granules(offset, bytes, [&](int64_t start, int64_t number, uint16_t units) {
    Granule& granule = granules_[number];
    if (!first)
      if (const auto found = find_conflict(granule, units, is_write, clock))
        first = Conflict{found->earlier, found->earlier_writes,
                         std::max(offset, start + first_byte(found->units))};
    if (is_write)
      note_write(granule, units, place, kind == AccessKind::write);
    else
      note_read(granule, units, place);
  });
  return first;
}

std::optional<int64_t> AccessHistory::first_undefined(int64_t offset, int64_t bytes) const {
  std::optional<int64_t> first;
  for_granules(offset, bytes, [&](int64_t start, int64_t number, uint16_t units) {
    const auto undefined = static_cast<uint16_t>(units & ~granules_[number].defined_units);
    if (!first && undefined != 0) first = std::max(offset, start + first_byte(undefined));
  });
  return first;
}

bool AccessHistory::is_free_for(int64_t offset, bool is_write, const Clock& clock) const {
  const Granule& granule = granules_[offset / static_cast<int64_t>(Granule::kBytes)];
  return (is_write || granule.defined_units == kAllUnits) &&
         !find_conflict(granule, kAllUnits, is_write, clock);
}

}  // namespace isoflop::emulation
