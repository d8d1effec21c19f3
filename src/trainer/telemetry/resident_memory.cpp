// SPDX-License-Identifier: MIT
#include "trainer/telemetry/resident_memory.hpp"

#include <fstream>
#include <sstream>
#include <string>

namespace isoflop {

std::optional<ResidentMemory> resident_memory() {
  std::ifstream status("/proc/self/status");
  ResidentMemory memory;
  for (std::string line; std::getline(status, line);) {
    std::istringstream words(line);
    std::string name;
    int64_t kib = 0;
    words >> name >> kib;
    if (name == "VmRSS:") memory.bytes = kib * 1024;
    if (name == "VmHWM:") memory.peak_bytes = kib * 1024;
  }
  if (memory.bytes == 0 || memory.peak_bytes == 0) return std::nullopt;
  return memory;
}

}  // namespace isoflop
