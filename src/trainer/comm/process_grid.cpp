// SPDX-License-Identifier: MIT
#include "trainer/comm/process_grid.hpp"

#include "core/base/error.hpp"
#include "trainer/comm/launcher.hpp"
#include "trainer/comm/mpi_launch.hpp"
#include "trainer/comm/single_launch.hpp"
#include "trainer/comm/socket_launch.hpp"

#include <fmt/format.h>

#include <map>

namespace isoflop {

std::vector<RankInfo> rank_infos(const std::vector<std::string>& hosts) {
  std::map<std::string, int> ranks_of_host;
  std::vector<RankInfo> infos;
  for (const std::string& host : hosts)
    infos.push_back({.rank = static_cast<int>(infos.size()),
                     .world_size = static_cast<int>(hosts.size()),
                     .local_rank = ranks_of_host[host]++,
                     .host = host});
  for (RankInfo& info : infos) info.local_size = ranks_of_host[info.host];
  return infos;
}

GridGroup grid_group(const Layout& layout, int rank, Group group) {
  const auto n_shard = static_cast<int>(layout.n_shard);
  const auto world_size = static_cast<int>(layout.world_size());
  const int first = group == Group::world   ? 0
                    : group == Group::shard ? rank - rank % n_shard
                                            : rank % n_shard;
  const int step = group == Group::replica ? n_shard : 1;
  const int end = group == Group::shard ? first + n_shard : world_size;
  GridGroup result;
  for (int member = first; member < end; member += step) {
    if (member == rank) result.index = result.size();
    result.ranks.push_back(member);
  }
  return result;
}

void check_layout_matches(const Layout& layout, const RankInfo& info) {
  if (layout.world_size() == info.world_size) return;
  throw ConfigError(fmt::format(
      "layout of {} x {} (n_replica x n_shard) needs '{}' ranks (the job has {}); start it with "
      "'srun -n {}' or 'mpirun -n {}', or change the layout",
      layout.n_replica, layout.n_shard, layout.world_size(), info.world_size, layout.world_size(),
      layout.world_size()));
}

std::unique_ptr<Launch> make_launch(int* argc, char*** argv, const Bootstrap& bootstrap) {
  switch (bootstrap.kind) {
    case BootstrapKind::tcp:
    case BootstrapKind::file:
      return make_socket_launch(bootstrap, process_environment);
    case BootstrapKind::mpi:
      check_mpi_launcher(process_environment);
      break;
    case BootstrapKind::automatic:
      if (detect_launcher(process_environment) == Launcher::none)
        return std::make_unique<SingleLaunch>(node_name(process_environment));
  }
  return std::make_unique<MpiLaunch>(argc, argv, process_environment);
}

}  // namespace isoflop
