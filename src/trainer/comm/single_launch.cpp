// SPDX-License-Identifier: MIT
#include "trainer/comm/single_launch.hpp"

#include "trainer/comm/self_collectives.hpp"

namespace isoflop {

SingleLaunch::SingleLaunch(const std::string& host) : ranks_(1) { ranks_.front().host = host; }

std::unique_ptr<Collectives> SingleLaunch::make_collectives(Device& device, const Layout& layout) {
  check_layout_matches(layout, info());
  return std::make_unique<SelfCollectives>(device);
}

}  // namespace isoflop
