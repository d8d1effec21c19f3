// SPDX-License-Identifier: MIT
#include "trainer/backend/cuda/memory_pool.hpp"

#include "trainer/backend/cuda/cuda_error.hpp"

namespace isoflop {

cudaMemPool_t make_memory_pool(int ordinal) {
  cudaMemPoolProps properties{};
  properties.allocType = cudaMemAllocationTypePinned;
  properties.location = {cudaMemLocationTypeDevice, ordinal};
  cudaMemPool_t pool = nullptr;
  check_cuda(cudaMemPoolCreate(&pool, &properties), "cudaMemPoolCreate");
  return pool;
}

}  // namespace isoflop
