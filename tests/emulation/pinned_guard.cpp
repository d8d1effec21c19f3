// SPDX-License-Identifier: MIT
#include "emulation/pinned_guard.hpp"

#include <algorithm>

namespace isoflop::emulation {
namespace {

char* page_of(const void* address) {
  const auto bytes = static_cast<uintptr_t>(page_bytes());
  return reinterpret_cast<char*>(reinterpret_cast<uintptr_t>(address) / bytes * bytes);
}

std::map<char*, RangeUse> restricted_pages(const std::vector<PinnedGuard::Use>& uses) {
  std::map<char*, RangeUse> pages;
  for (const PinnedGuard::Use& use : uses)
    for (char* page = use.begin; page < use.end; page += page_bytes()) {
      const auto [entry, is_new] = pages.try_emplace(page, RangeUse::read);
      if (use.is_write) entry->second = RangeUse::none;
    }
  return pages;
}

}  // namespace

void PinnedGuard::add(const Access& access, Place place) {
  const auto* const last = static_cast<const char*>(access.begin) + access.bytes - 1;
  const Use use{page_of(access.begin), page_of(last) + page_bytes(), access.is_write, place};
  if (std::find(uses_.begin(), uses_.end(), use) == uses_.end()) uses_.push_back(use);
}

void PinnedGuard::protect(const Clock& known) {
  std::erase_if(uses_, [&](const Use& use) { return use.place.comes_before(known); });
  std::map<char*, RangeUse> wanted = restricted_pages(uses_);
  if (wanted == applied_) return;
  for (const auto& [page, use] : applied_)
    if (!wanted.contains(page)) protect_range(page, page_bytes(), RangeUse::read_write);
  for (const auto& [page, use] : wanted) protect_range(page, page_bytes(), use);
  applied_ = std::move(wanted);
}

void PinnedGuard::lift() {
  for (const auto& [page, use] : applied_) protect_range(page, page_bytes(), RangeUse::read_write);
  applied_.clear();
}

const PinnedGuard::Use* PinnedGuard::use_of_page(const void* address) const {
  const Use* reading = nullptr;
  for (const Use& use : uses_) {
    if (address < use.begin || address >= use.end) continue;
    if (use.is_write) return &use;
    reading = &use;
  }
  return reading;
}

const PinnedGuard::Use* PinnedGuard::use_of(const char* begin, const char* end) const {
  for (const Use& use : uses_)
    if (use.begin < end && begin < use.end) return &use;
  return nullptr;
}

}  // namespace isoflop::emulation
