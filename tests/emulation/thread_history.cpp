// SPDX-License-Identifier: MIT
#include "emulation/thread_history.hpp"

#include <algorithm>
#include <bit>
#include <utility>

namespace isoflop::emulation {
namespace {

constexpr int kCoarsestShift = 4;
constexpr std::size_t kMaxGranules = std::size_t{1} << 22;

bool is_past(Relation relation) { return relation <= Relation::before; }

}  // namespace

Race ThreadHistory::add(uintptr_t address, std::size_t bytes, bool is_write,
                        const Accessor& accessor, int64_t oldest) {
  Page& where = page(address);
  const int finest = std::countr_zero(address | bytes | (uintptr_t{1} << kCoarsestShift));
  if (finest < where.shift) refine(where, finest);
  const std::size_t begin = address % kPageBytes >> where.shift;
  const std::size_t end = begin + (bytes >> where.shift);
  Race race;
  for (std::size_t i = begin; i < end; ++i) {
    Granule& granule = where.granules[i];
    const Race found =
        is_write ? write(granule, accessor, oldest) : read(granule, accessor, oldest);
    if (!found.first.is_nobody()) race = found;
  }
  return race;
}

void ThreadHistory::trim() {
  if (n_granules_ <= kMaxGranules) return;
  pages_.clear();
  n_granules_ = 0;
  std::fill(std::begin(recent_), std::end(recent_), Recent{});
}

ThreadHistory::Page& ThreadHistory::page(uintptr_t address) {
  const uintptr_t number = address / kPageBytes;
  Recent& recent = recent_[number % kRecent];
  if (recent.number != number) {
    std::unique_ptr<Page>& page = pages_[number];
    if (!page) {
      page = std::make_unique<Page>();
      n_granules_ += page->granules.size();
    }
    recent = {number, page.get()};
  }
  return *recent.page;
}

/// Splits each granule into several with the same past.
void ThreadHistory::refine(Page& page, int shift) {
  std::vector<Granule> finer(kPageBytes >> shift);
  const int ratio = page.shift - shift;
  for (std::size_t i = 0; i < finer.size(); ++i) finer[i] = page.granules[i >> ratio];
  n_granules_ += finer.size() - page.granules.size();
  page.granules = std::move(finer);
  page.shift = shift;
}

Race ThreadHistory::write(Granule& granule, const Accessor& accessor, int64_t oldest) {
  if (granule.writer == accessor.stamp() && granule.readers[0].is_nobody()) return {};
  Race race;
  if (!is_past(accessor.relation(granule.writer, oldest))) race = {granule.writer, true};
  for (const Stamp& reader : granule.readers)
    if (!is_past(accessor.relation(reader, oldest))) race = {reader, false};
  granule = {accessor.stamp(), {}};
  return race;
}

Race ThreadHistory::read(Granule& granule, const Accessor& accessor, int64_t oldest) {
  auto& [near, far] = granule.readers;
  if (near == accessor.stamp() || far == accessor.stamp()) return {};  // no write since
  if (const Relation to_near = accessor.relation(near, oldest); is_past(to_near)) {
    near = accessor.stamp();
  } else if (const Relation to_far = accessor.relation(far, oldest);
             is_past(to_far) || to_far == to_near) {
    far = accessor.stamp();  // as far from `near` as the other was, or farther
  }
  if (is_past(accessor.relation(granule.writer, oldest))) return {};
  return {granule.writer, true};
}

}  // namespace isoflop::emulation
