// SPDX-License-Identifier: MIT
#include "emulation/emulated_launch.hpp"

#include "emulation/emulation.hpp"
#include "emulation/findings.hpp"
#include "trainer/comm/make_nccl_collectives.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

namespace isoflop::emulation {

/// One exchange: what has arrived so far.
struct EmulatedLauncher::Meeting {
  std::vector<std::string> bytes;
  int arrived = 0;
};

class EmulatedLauncher::RankLaunch final : public Launch {
 public:
  RankLaunch(EmulatedLauncher& launcher, int rank) : launcher_(launcher), rank_(rank) {}

  const RankInfo& info() const override {
    return launcher_.ranks_[static_cast<std::size_t>(rank_)];
  }
  const std::vector<RankInfo>& ranks() const override { return launcher_.ranks_; }

  std::unique_ptr<Collectives> make_collectives(Device& device, const Layout& layout) override {
    return make_nccl_collectives(device, layout, *this);
  }

  std::vector<double> gather_to_all(double value) override {
    std::string bytes(sizeof(double), '\0');
    std::memcpy(bytes.data(), &value, sizeof(double));
    std::vector<double> values;
    for (const std::string& from : launcher_.exchange(rank_, std::move(bytes), "gather_to_all")) {
      double other = 0;
      std::memcpy(&other, from.data(), sizeof(double));
      values.push_back(other);
    }
    return values;
  }

  double max_over_ranks(double value) override {
    const std::vector<double> values = gather_to_all(value);
    return *std::max_element(values.begin(), values.end());
  }

  void broadcast_from_first(std::span<std::byte> bytes) override {
    std::string mine(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    const auto all = launcher_.exchange(rank_, std::move(mine), "broadcast_from_first");
    std::memcpy(bytes.data(), all.front().data(), bytes.size());
  }

  void abort(int exit_code) noexcept override {
    add_finding(fmt::format("rank {} ended the job with exit code {}", rank_, exit_code));
  }

 private:
  EmulatedLauncher& launcher_;
  int rank_;
};

EmulatedLauncher::EmulatedLauncher(int n_rank)
    : ranks_(rank_infos(std::vector<std::string>(static_cast<std::size_t>(n_rank), "emulated"))),
      n_exchange_(static_cast<std::size_t>(n_rank)) {}

EmulatedLauncher::~EmulatedLauncher() = default;

std::unique_ptr<Launch> EmulatedLauncher::launch(int rank) {
  return std::make_unique<RankLaunch>(*this, rank);
}

std::vector<std::string> EmulatedLauncher::exchange(int rank, std::string bytes, const char* what) {
  const std::size_t number = n_exchange_[static_cast<std::size_t>(rank)]++;
  if (number == meetings_.size()) {
    meetings_.push_back(std::make_unique<Meeting>());
    meetings_.back()->bytes.resize(ranks_.size());
  }
  Meeting& meeting = *meetings_[number];
  meeting.bytes[static_cast<std::size_t>(rank)] = std::move(bytes);
  ++meeting.arrived;
  block_until([&] { return meeting.arrived == std::ssize(ranks_); }, what);
  return meeting.bytes;
}

}  // namespace isoflop::emulation
