// SPDX-License-Identifier: MIT
#pragma once

#include <string>

namespace isoflop::emulation {

/// What an instruction that may not touch this address did: "host code of rank 0 reads device
/// memory: allocation 3 (4096 bytes) + 16". Empty when the address is not the emulation's.
std::string describe_fault(const void* address, bool is_write);

}  // namespace isoflop::emulation
