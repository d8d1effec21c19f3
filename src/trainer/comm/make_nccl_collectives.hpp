// SPDX-License-Identifier: MIT
#pragma once

#include "core/parallel/layout.hpp"
#include "trainer/comm/collectives.hpp"
#include "trainer/comm/process_grid.hpp"

#include <memory>

namespace isoflop {

/// Collectives over NCCL for a device of make_cuda_backend(); collective over the ranks of
/// `launch`, which carries NCCL's first handshake. Throws CommunicationError; DeviceMissingError
/// where the build has no NCCL.
std::unique_ptr<Collectives> make_nccl_collectives(Device& device, const Layout& layout,
                                                   Launch& launch);

}  // namespace isoflop
