// SPDX-License-Identifier: MIT
#pragma once

#include "trainer/comm/process_grid.hpp"

namespace isoflop {

/// A process that was started alone; uses no MPI.
class SingleLaunch final : public Launch {
 public:
  explicit SingleLaunch(const std::string& host);

  const RankInfo& info() const override { return ranks_.front(); }
  const std::vector<RankInfo>& ranks() const override { return ranks_; }
  std::unique_ptr<Collectives> make_collectives(Device& device, const Layout& layout) override;
  std::vector<double> gather_to_all(double value) override { return {value}; }
  double max_over_ranks(double value) override { return value; }
  void broadcast_from_first(std::span<std::byte>) override {}
  void abort(int) noexcept override {}

 private:
  std::vector<RankInfo> ranks_;
};

}  // namespace isoflop
