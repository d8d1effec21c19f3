// SPDX-License-Identifier: MIT
#pragma once

#include "trainer/comm/process_grid.hpp"

#include <string>
#include <vector>

namespace isoflop::test {

/// Rank 0 of a job on nodes of kGpusPerNode GPUs whose other ranks do not exist: what ranks tell
/// each other, this one hears from itself. For emulation::Execution::shapes_only, where collectives
/// need no peers.
class LoneLaunch final : public Launch {
 public:
  explicit LoneLaunch(int world_size);

  const RankInfo& info() const override { return ranks_.front(); }
  const std::vector<RankInfo>& ranks() const override { return ranks_; }
  std::unique_ptr<Collectives> make_collectives(Device& device, const Layout& layout) override;
  std::vector<double> gather_to_all(double value) override {
    return std::vector<double>(ranks_.size(), value);
  }
  double max_over_ranks(double value) override { return value; }
  void broadcast_from_first(std::span<std::byte>) override {}
  void abort(int) noexcept override {}

 private:
  std::vector<RankInfo> ranks_;
};

}  // namespace isoflop::test
