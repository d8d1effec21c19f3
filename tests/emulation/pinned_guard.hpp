// SPDX-License-Identifier: MIT
#pragma once

#include "emulation/access_history.hpp"
#include "emulation/memory.hpp"
#include "emulation/reserved_range.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace isoflop::emulation {

/// Keeps host code from pinned memory that work in streams may still use: an operation that the
/// host does not know to be over may still read its pages (so the host may not write them) or write
/// them (so the host may not touch them). Pages are what a processor can protect.
class PinnedGuard {
 public:
  /// An operation that uses pinned memory is enqueued, or found to use it.
  void add(const Access& access, Place place);
  /// Protects pages against host code that knows this much.
  void protect(const Clock& known);
  /// Lifts all protection while an operation runs.
  void lift();
  /// Whole pages that an operation uses.
  struct Use {
    char* begin;
    char* end;
    bool is_write;
    Place place;
    bool operator==(const Use&) const = default;
  };
  /// A use that keeps the host from the page of this address; null if none does.
  const Use* use_of_page(const void* address) const;
  /// A use of any page of this memory that the host did not know to be over at the last protect().
  const Use* use_of(const char* begin, const char* end) const;

 private:
  std::vector<Use> uses_;
  std::map<char*, RangeUse> applied_;  ///< what the processor enforces now
};

}  // namespace isoflop::emulation
