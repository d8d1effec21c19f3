// SPDX-License-Identifier: MIT
#include "trainer/near_processors.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <fstream>
#include <sched.h>

namespace isoflop {
namespace {

/// Adds "0-3" or "8"; what is neither adds nothing.
void add_range(const std::string& text, std::set<int>& numbers) {
  const char* const end = text.data() + text.size();
  int first = 0;
  auto parsed = std::from_chars(text.data(), end, first);
  if (parsed.ec != std::errc{}) return;
  int last = first;
  if (parsed.ptr != end && *parsed.ptr == '-') std::from_chars(parsed.ptr + 1, end, last);
  for (int number = first; number <= last; ++number) numbers.insert(number);
}

}  // namespace

std::set<int> near_processors(const std::string& pci_bus_id, const std::filesystem::path& sysfs) {
  std::string id = pci_bus_id;  // CUDA writes capitals
  std::transform(id.begin(), id.end(), id.begin(), [](unsigned char c) { return std::tolower(c); });
  std::ifstream file(sysfs / "bus/pci/devices" / id / "local_cpulist");
  std::set<int> processors;
  for (std::string range; std::getline(file, range, ',');) add_range(range, processors);
  return processors;
}

Binding bind_to(const std::set<int>& near) {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  if (near.empty() || sched_getaffinity(0, sizeof allowed, &allowed) != 0) return Binding::unknown;
  cpu_set_t both;
  CPU_ZERO(&both);
  for (const int processor : near)
    if (processor < CPU_SETSIZE && CPU_ISSET(processor, &allowed)) CPU_SET(processor, &both);
  if (CPU_COUNT(&both) == 0) return Binding::none_near;
  return sched_setaffinity(0, sizeof both, &both) == 0 ? Binding::near : Binding::unknown;
}

}  // namespace isoflop
