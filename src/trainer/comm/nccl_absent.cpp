// SPDX-License-Identifier: MIT
// Stands for nccl_collectives where the build has no GPU backend.
#include "core/base/error.hpp"
#include "trainer/comm/make_nccl_collectives.hpp"

#include <fmt/format.h>

namespace isoflop {

std::unique_ptr<Collectives> make_nccl_collectives(Device& device, const Layout&, Launch&) {
  throw DeviceMissingError(fmt::format(
      "collectives of '{}' (this build has no NCCL, and MPI reads host memory only); use "
      "the CPU backend",
      device.description()));
}

std::string nccl_version() { return {}; }

}  // namespace isoflop
