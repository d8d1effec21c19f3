// SPDX-License-Identifier: MIT
#pragma once

#include "trainer/comm/launcher.hpp"
#include "trainer/comm/mpi_communicator.hpp"
#include "trainer/comm/process_grid.hpp"

#include <optional>

namespace isoflop {

/// A job of MPI processes.
class MpiLaunch final : public Launch {
 public:
  /// Initialises MPI unless the program has done so (then it also finalises). Throws FileError when
  /// the launcher's tasks do not find each other.
  MpiLaunch(int* argc, char*** argv, const EnvironmentLookup& environment);
  ~MpiLaunch() override;

  const RankInfo& info() const override;
  const std::vector<RankInfo>& ranks() const override { return ranks_; }
  std::unique_ptr<Collectives> make_collectives(Device& device, const Layout& layout) override;
  std::vector<double> gather_to_all(double value) override;
  double max_over_ranks(double value) override;
  void broadcast_from_first(std::span<std::byte> bytes) override;
  void abort(int exit_code) noexcept override;

 private:
  std::string who() const;

  bool finalises_ = false;
  std::optional<MpiCommunicator> host_;  // host-side exchange, apart from the collectives'
  std::vector<RankInfo> ranks_;
};

}  // namespace isoflop
