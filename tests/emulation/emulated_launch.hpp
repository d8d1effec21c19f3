// SPDX-License-Identifier: MIT
#pragma once

#include "trainer/comm/process_grid.hpp"

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

namespace isoflop::emulation {

/// The launcher of run_ranks(): what MPI is to a job, among fibres. One object for all ranks; each
/// makes its Launch from it. GPU work is carried by NCCL's emulation as in the product.
class EmulatedLauncher {
 public:
  explicit EmulatedLauncher(int n_rank);
  ~EmulatedLauncher();
  EmulatedLauncher(const EmulatedLauncher&) = delete;
  EmulatedLauncher& operator=(const EmulatedLauncher&) = delete;

  /// To be called by the host code of `rank`, once.
  std::unique_ptr<Launch> launch(int rank);

 private:
  struct Meeting;
  class RankLaunch;
  /// Every rank gives bytes and gets those of all, in rank order.
  std::vector<std::string> exchange(int rank, std::string bytes, const char* what);

  std::vector<RankInfo> ranks_;
  std::vector<std::unique_ptr<Meeting>> meetings_;  ///< the k-th exchange of every rank
  std::vector<std::size_t> n_exchange_;             ///< of each rank so far
};

}  // namespace isoflop::emulation
