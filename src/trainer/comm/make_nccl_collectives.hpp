// SPDX-License-Identifier: MIT
#pragma once

#include "core/parallel/layout.hpp"
#include "trainer/comm/collectives.hpp"
#include "trainer/comm/process_grid.hpp"

#include <memory>
#include <string>

namespace isoflop {

/// Collectives over NCCL for a device of make_cuda_backend(); collective over the ranks of
/// `launch`, which carries NCCL's first handshake. Throws CommunicationError; DeviceMissingError
/// where the build has no NCCL.
std::unique_ptr<Collectives> make_nccl_collectives(Device& device, const Layout& layout,
                                                   Launch& launch);

/// "2.28.9", of the library that is loaded; empty where the build has none.
std::string nccl_version();

}  // namespace isoflop
