// SPDX-License-Identifier: MIT
#pragma once

#include "emulation/stream_queue.hpp"

namespace isoflop::emulation {

// Lines of take_trace().
void trace_operation(CUstream_st& stream, const Operation& operation);
void trace_record(CUstream_st& stream);
void trace_wait(CUstream_st& stream, const Mark& mark);

}  // namespace isoflop::emulation
