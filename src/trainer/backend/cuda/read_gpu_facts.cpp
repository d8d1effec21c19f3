// SPDX-License-Identifier: MIT
#include "trainer/backend/cuda/read_gpu_facts.hpp"

#include "trainer/backend/cuda/cuda_error.hpp"
#include "trainer/backend/cuda/cuda_probe.hpp"

#include <array>
#include <cstddef>

namespace isoflop {
namespace {

std::string driver_version() {
  int version = 0;
  check_cuda(cudaDriverGetVersion(&version), "cudaDriverGetVersion");
  return cuda_version_text(version);
}

std::string pci_bus_id(int ordinal) {
  std::array<char, 32> text{};
  check_cuda(cudaDeviceGetPCIBusId(text.data(), static_cast<int>(text.size()), ordinal),
             "cudaDeviceGetPCIBusId");
  return text.data();
}

std::vector<int> out_of_reach(int ordinal) {
  int count = 0;
  check_cuda(cudaGetDeviceCount(&count), "cudaGetDeviceCount");
  std::vector<int> others;
  for (int other = 0; other < count; ++other) {
    if (other == ordinal) continue;
    int can_access = 0;
    check_cuda(cudaDeviceCanAccessPeer(&can_access, ordinal, other), "cudaDeviceCanAccessPeer");
    if (can_access == 0) others.push_back(other);
  }
  return others;
}

}  // namespace

GpuFacts read_gpu_facts(int ordinal) {
  std::size_t available = 0, total = 0;
  check_cuda(cudaMemGetInfo(&available, &total), "cudaMemGetInfo");
  return {.driver = driver_version(),
          .pci_bus_id = pci_bus_id(ordinal),
          .free_bytes = static_cast<int64_t>(available),
          .total_bytes = static_cast<int64_t>(total),
          .out_of_reach = out_of_reach(ordinal)};
}

}  // namespace isoflop
