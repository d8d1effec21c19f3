// SPDX-License-Identifier: MIT
#include "modelled/lone_launch.hpp"

#include "trainer/comm/make_nccl_collectives.hpp"

namespace isoflop::test {

std::unique_ptr<Collectives> LoneLaunch::make_collectives(Device& device, const Layout& layout) {
  return make_nccl_collectives(device, layout, *this);
}

}  // namespace isoflop::test
