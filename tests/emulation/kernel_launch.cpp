// SPDX-License-Identifier: MIT
#include "emulation/kernel_launch.hpp"

#include "emulation/emulation.hpp"
#include "emulation/findings.hpp"
#include "emulation/kernel_grid.hpp"
#include "emulation/launch_options.hpp"

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
  operation.run = [name = operation.name, shape, code] { run_grid(name, shape, code); };
  enqueue(stream, std::move(operation));
}

void append_bytes(std::string& text, const void* object, std::size_t bytes) {
  const auto* data = static_cast<const unsigned char*>(object);
  for (std::size_t i = 0; i < bytes; ++i) text += fmt::format("{:02x}", data[i]);
  text += ' ';
}

}  // namespace isoflop::emulation
