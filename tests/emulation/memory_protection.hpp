// SPDX-License-Identifier: MIT
#pragma once

#include "emulation/gpu.hpp"

namespace isoflop::emulation {

/// Lets instructions reach a GPU's memory, and pinned memory whatever uses it: an operation of this
/// GPU is about to run. Stays so until close_memory(), or another GPU's memory is opened.
void open_memory(Gpu& gpu);
/// Host code is about to run: no device memory, pinned memory as far as its host may use it.
void close_memory();
/// The GPU that is open goes away.
void forget_memory(const Gpu& gpu);
/// From now on a fault in emulated memory ends the process with a message that says whose access to
/// what it was, instead of without one.
void explain_faults();

}  // namespace isoflop::emulation
