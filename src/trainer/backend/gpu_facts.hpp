// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace isoflop {

/// What a rank's GPU and its node say of themselves before anything is allocated.
struct GpuFacts {
  std::string driver = {};      ///< the CUDA version it is for: "13.0"
  std::string pci_bus_id = {};  ///< "0000:1b:00.0"
  int64_t free_bytes = 0;
  int64_t total_bytes = 0;
  std::vector<int> out_of_reach = {};  ///< other visible GPUs whose memory this one cannot access
};

}  // namespace isoflop
