// SPDX-License-Identifier: MIT
#include "emulation/kernel_launch.hpp"

#include "emulation/emulation.hpp"
#include "emulation/findings.hpp"
#include "emulation/kernel_grid.hpp"
#include "emulation/kernel_traffic.hpp"
#include "emulation/launch_options.hpp"
#include "emulation/node.hpp"

#include <fmt/format.h>

#include <cstdint>
#include <optional>
#include <utility>

namespace isoflop::emulation {
namespace {

// Maxima of compute capability 8.0 to 10.0: CUDA C++ Programming Guide 13.0, "Technical
// Specifications per Compute Capability"; 48 KiB without cudaFuncSetAttribute, section "Shared
// Memory" of each.
constexpr int64_t kMaxThreads = 1024;
constexpr int64_t kMaxBlocksX = (int64_t{1} << 31) - 1;
constexpr int64_t kMaxBlocksY = 65535;
constexpr int64_t kMaxSharedBytes = int64_t{48} << 10;

struct Limit {
  const char* what;
  int64_t value;
  int64_t least;
  int64_t most;
};

std::optional<Limit> first_exceeded(const gpu::LaunchShape& shape) {
  const Limit limits[] = {{"threads per block", shape.threads, 1, kMaxThreads},
                          {"blocks along x", shape.blocks, 0, kMaxBlocksX},
                          {"blocks along y", shape.blocks_y, 0, kMaxBlocksY},
                          {"bytes of shared memory", shape.shared_bytes, 0, kMaxSharedBytes}};
  for (const Limit& limit : limits)
    if (limit.value < limit.least || limit.value > limit.most) return limit;
  return std::nullopt;
}

/// Runs the kernel; holds it to the bytes that it states.
void run_checked(const std::string& name, const gpu::LaunchShape& shape, const KernelCode& code) {
  const TrafficMeter meter;
  run_grid(name, shape, code);
  if (const auto problem = problem_of(shape.bytes, meter.traffic()))
    add_finding(fmt::format("kernel {}: {}", name, *problem));
}

bool states_bytes(const gpu::LaunchShape& shape) {
  return shape.bytes.read > 0 || shape.bytes.written > 0;
}

}  // namespace

void launch_kernel(cudaStream_t stream, const gpu::LaunchShape& shape, const KernelCode& code,
                   const std::string& arguments) {
  if (const std::optional<Limit> limit = first_exceeded(shape)) {
    add_finding(fmt::format("kernel {}: launched with {} {} (allowed: {} to {}); it does not run",
                            shape.name, limit->value, limit->what, limit->least, limit->most));
    return;
  }
  if (shape.blocks == 0 || shape.blocks_y == 0) return;
  count_launch();
  Operation operation;
  operation.name = shape.name;
  operation.fingerprint = fmt::format("{} <<<({}, {}), {}, {}>>> {}", shape.name, shape.blocks,
                                      shape.blocks_y, shape.threads, shape.shared_bytes, arguments);
  const bool is_checked = checks_kernel_bytes() && states_bytes(shape);
  operation.run = [name = operation.name, shape, code, is_checked] {
    is_checked ? run_checked(name, shape, code) : run_grid(name, shape, code);
  };
  if (!executes() && !states_bytes(shape))
    add_finding(fmt::format("kernel {}: launched without the bytes that it moves", shape.name));
  operation.work = {.kind = WorkKind::kernel,
                    .read_bytes = shape.bytes.read,
                    .written_bytes = shape.bytes.written,
                    .n_block = shape.blocks * shape.blocks_y};
  enqueue(stream, std::move(operation));
}

void append_bytes(std::string& text, const void* object, std::size_t bytes) {
  const auto* data = static_cast<const unsigned char*>(object);
  for (std::size_t i = 0; i < bytes; ++i) text += fmt::format("{:02x}", data[i]);
  text += ' ';
}

}  // namespace isoflop::emulation
