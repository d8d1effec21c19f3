// SPDX-License-Identifier: MIT
#include "planner/sweep/sweep_ledger.hpp"

#include "core/base/error.hpp"
#include "core/base/text_file.hpp"

#include <fmt/format.h>

#include <sstream>
#include <string>

namespace isoflop {

namespace fs = std::filesystem;

std::vector<LedgerEntry> read_ledger(const SweepFiles& files) {
  std::vector<LedgerEntry> ledger;
  if (!fs::exists(files.ledger)) return ledger;
  std::istringstream lines(read_text_file(files.ledger));
  for (std::string line; std::getline(lines, line);) {
    std::istringstream fields(line);
    LedgerEntry entry;
    if (!(fields >> entry.time >> entry.device_hours >> entry.runs))
      throw FileError(fmt::format("{}: '{}' is no entry (Unix time, GPU hours, runs); correct it",
                                  files.ledger.string(), line));
    ledger.push_back(entry);
  }
  return ledger;
}

void note_hours(const SweepFiles& files, const LedgerEntry& entry) {
  std::string text = fs::exists(files.ledger) ? read_text_file(files.ledger) : "";
  text += fmt::format("{} {} {}\n", entry.time, entry.device_hours, entry.runs);
  write_text_file(files.ledger, text);
}

double hours_of_week(const std::vector<LedgerEntry>& ledger, int64_t now) {
  constexpr int64_t kWeek_s = 7 * 24 * 3600;
  double hours = 0;
  for (const LedgerEntry& entry : ledger)
    if (entry.time > now - kWeek_s) hours += entry.device_hours;
  return hours;
}

}  // namespace isoflop
