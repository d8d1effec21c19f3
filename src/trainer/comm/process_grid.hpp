// SPDX-License-Identifier: MIT
#pragma once

#include "core/parallel/layout.hpp"
#include "trainer/comm/bootstrap.hpp"
#include "trainer/comm/collectives.hpp"

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace isoflop {

/// One rank's place in the launch.
struct RankInfo {
  int rank = 0;
  int world_size = 1;
  int local_rank = 0;  ///< among the ranks of this node
  int local_size = 1;
  std::string host;
};

/// Every rank's place from the nodes of all ranks, in rank order.
std::vector<RankInfo> rank_infos(const std::vector<std::string>& hosts);

/// The ranks of the world that form a group of the grid of `layout` around one of them.
struct GridGroup {
  std::vector<int> ranks;  ///< of the world, in group order
  int index = 0;           ///< where in `ranks` that one is

  int size() const { return static_cast<int>(ranks.size()); }
};
GridGroup grid_group(const Layout& layout, int rank, Group group);

/// Throws ConfigError when the layout's world size is not the launch's.
void check_layout_matches(const Layout& layout, const RankInfo& info);

/// The job as started: by srun or mpirun (MPI), by anything else (sockets), or alone. One instance
/// per process; its destructor takes leave of the other ranks, unless an exception is on its way:
/// then main aborts the job.
class Launch {
 public:
  virtual ~Launch() = default;
  virtual const RankInfo& info() const = 0;
  /// RankInfo of every rank, on every rank.
  virtual const std::vector<RankInfo>& ranks() const = 0;
  /// Collectives over the grid of `layout`, whose world size must be this launch's.
  virtual std::unique_ptr<Collectives> make_collectives(Device& device, const Layout& layout) = 0;
  /// Host-side: every rank's value in rank order. Only while no collective is under way.
  virtual std::vector<double> gather_to_all(double value) = 0;
  /// Host-side: the largest value over all ranks; how ranks agree to stop.
  virtual double max_over_ranks(double value) = 0;
  /// Host-side: rank 0's bytes on every rank.
  virtual void broadcast_from_first(std::span<std::byte> bytes) = 0;
  /// Ends the whole job with `exit_code`; returns only when this is the only rank.
  virtual void abort(int exit_code) noexcept = 0;
};

/// As `bootstrap` says. By default MPI when a launcher's environment is there (PMIx, PMI, Open MPI,
/// Slurm step with several tasks), else a single process. Throws FileError when MPI does not start
/// or the environment lacks what `bootstrap` needs (an MPI launcher, this process's rank),
/// CommunicationError when the ranks do not find each other, with what to check.
std::unique_ptr<Launch> make_launch(int* argc, char*** argv, const Bootstrap& bootstrap = {});

}  // namespace isoflop
