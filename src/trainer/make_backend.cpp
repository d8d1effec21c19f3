// SPDX-License-Identifier: MIT
#include "trainer/make_backend.hpp"

#include "trainer/threads.hpp"

namespace isoflop {

Backend make_backend(const TrainConfig& config, const RankInfo& info) {
  if (config.device.kind == DeviceKind::cuda)
    return make_cuda_backend({.local_rank = info.local_rank,
                              .precision = config.precision,
                              .deterministic = config.device.deterministic,
                              .nccl_registration = config.device.nccl_registration,
                              .graphs = config.device.graphs,
                              .fuse_gelu = config.device.fuse_gelu});
  return make_cpu_backend({.n_threads = threads_of_rank(info), .ranks_on_node = info.local_size},
                          config.precision);
}

}  // namespace isoflop
