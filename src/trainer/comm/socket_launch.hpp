// SPDX-License-Identifier: MIT
#pragma once

#include "trainer/comm/bootstrap.hpp"
#include "trainer/comm/launcher.hpp"
#include "trainer/comm/lifelines.hpp"
#include "trainer/comm/peer_links.hpp"
#include "trainer/comm/process_grid.hpp"
#include "trainer/comm/rendezvous.hpp"

#include <memory>
#include <vector>

namespace isoflop {

/// A job of processes that talk over TCP: host-side calls over a star around rank 0, collectives of
/// CPU ranks from rank to rank.
class SocketLaunch final : public Launch {
 public:
  explicit SocketLaunch(Membership membership);
  /// Waits for the other ranks to end as well, unless an exception is on its way.
  ~SocketLaunch() override;

  const RankInfo& info() const override { return ranks_[static_cast<std::size_t>(rank_)]; }
  const std::vector<RankInfo>& ranks() const override { return ranks_; }
  std::unique_ptr<Collectives> make_collectives(Device& device, const Layout& layout) override;
  std::vector<double> gather_to_all(double value) override;
  double max_over_ranks(double value) override;
  void broadcast_from_first(std::span<std::byte> bytes) override;
  void abort(int exit_code) noexcept override { lifelines_.abort(exit_code); }

 private:
  std::vector<double> gather_to_first(double value) const;
  void send(int rank, std::span<const std::byte> bytes) const;
  void receive(int rank, std::span<std::byte> bytes) const;
  [[noreturn]] void lose(int rank, const std::string& reason) const;

  int rank_;
  std::vector<RankInfo> ranks_;
  std::vector<Socket> control_;
  Lifelines lifelines_;
  PeerLinks links_;
};

/// The job as the environment describes it, met as `bootstrap` says (tcp or file); a SingleLaunch
/// where it has one rank.
std::unique_ptr<Launch> make_socket_launch(const Bootstrap& bootstrap,
                                           const EnvironmentLookup& environment,
                                           std::chrono::milliseconds limit = kRendezvousLimit);

}  // namespace isoflop
