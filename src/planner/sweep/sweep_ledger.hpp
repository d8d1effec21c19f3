// SPDX-License-Identifier: MIT
#pragma once

#include "planner/sweep/sweep_folder.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace isoflop {

/// One submission of runs: a line of DIR/ledger.txt.
struct LedgerEntry {
  int64_t time = 0;  ///< Unix
  double device_hours = 0;
  std::size_t runs = 0;
};

/// In the order of submission. Throws FileError for a line that is none.
std::vector<LedgerEntry> read_ledger(const SweepFiles& files);

/// Adds an entry. The caller holds the SweepLock.
void note_hours(const SweepFiles& files, const LedgerEntry& entry);

/// Submitted in the seven days before `now`.
double hours_of_week(const std::vector<LedgerEntry>& ledger, int64_t now);

}  // namespace isoflop
