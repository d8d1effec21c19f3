// SPDX-License-Identifier: MIT
#include "modelled/lone_launch.hpp"

#include "modelled/modelled_jobs.hpp"
#include "trainer/comm/make_nccl_collectives.hpp"

#include <fmt/format.h>

namespace isoflop::test {
namespace {

std::vector<std::string> nodes_of(int world_size) {
  std::vector<std::string> nodes;
  for (int rank = 0; rank < world_size; ++rank)
    nodes.push_back(fmt::format("node{}", rank / kGpusPerNode));
  return nodes;
}

}  // namespace

LoneLaunch::LoneLaunch(int world_size) : ranks_(rank_infos(nodes_of(world_size))) {}

std::unique_ptr<Collectives> LoneLaunch::make_collectives(Device& device, const Layout& layout) {
  return make_nccl_collectives(device, layout, *this);
}

}  // namespace isoflop::test
