// SPDX-License-Identifier: MIT
// All-reduce of a job of CPU ranks, the best of many: under mpirun without arguments, else started
// as often as there are ranks with a place to meet (tcp:HOST:PORT).
#include "trainer/backend/cpu/cpu_device.hpp"
#include "trainer/comm/process_grid.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <limits>

namespace {

using namespace isoflop;

constexpr int64_t kLargest = 1 << 22;  // 16 MiB of floats

double best_seconds(CpuDevice& device, Collectives& collectives, TensorView tensor, int repeats) {
  using Clock = std::chrono::steady_clock;
  double best = std::numeric_limits<double>::max();
  for (int i = 0; i < repeats; ++i) {
    const Clock::time_point start = Clock::now();
    device.synchronize(collectives.all_reduce(tensor, tensor, ReduceOp::sum, Group::world,
                                              device.communication_stream(), {}));
    best = std::min(best, std::chrono::duration<double>(Clock::now() - start).count());
  }
  return best;
}

}  // namespace

int main(int argc, char** argv) {
  const Bootstrap bootstrap = argc > 1 ? parse_bootstrap(argv[1]) : Bootstrap{};
  const std::unique_ptr<Launch> launch = make_launch(&argc, &argv, bootstrap);
  CpuDevice device({});
  const auto collectives =
      launch->make_collectives(device, {.n_replica = launch->info().world_size});
  const Buffer buffer = device.allocate(kLargest * size_of(DType::f32), MemoryCategory::workspace);
  device.zero(buffer.data(), buffer.bytes(), device.communication_stream());
  for (const int64_t n : {int64_t{4}, int64_t{4096}, kLargest}) {
    const double seconds =
        best_seconds(device, *collectives, buffer.view(DType::f32, {n}), n == kLargest ? 60 : 1000);
    if (launch->info().rank == 0)
      fmt::print("{:>8} floats  {:10.1f} us  {:.3f} GB/s\n", n, seconds * 1e6,
                 static_cast<double>(n * size_of(DType::f32)) / seconds * 1e-9);
  }
}
