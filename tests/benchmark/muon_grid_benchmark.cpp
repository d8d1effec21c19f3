// SPDX-License-Identifier: MIT
// Muon's part of an update of GPT-2 124M on a grid of ranks, each with OMP_NUM_THREADS threads:
// mpirun -n 2 build/tests/bin/isoflop_muon_grid_benchmark [ddp|fsdp]
#include "support/published_shapes.hpp"
#include "trainer/backend/cpu/cpu_device.hpp"
#include "trainer/comm/process_grid.hpp"
#include "trainer/optim/distributed_muon.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <limits>
#include <memory>
#include <omp.h>
#include <string_view>

namespace isoflop {
namespace {

constexpr int kUpdates = 2;

double seconds_of(const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

/// Of the fastest update after a first one, which also makes the products' plans.
double update_seconds(Launch& launch, const Layout& layout) {
  const ModelShape shape = test::gpt2_124m();
  const Backend backend = make_cpu_backend({.n_threads = omp_get_max_threads()});
  Device& device = *backend.device;
  const auto collectives = launch.make_collectives(device, layout);
  const FlatShard shard(backend, make_flat_layout(shape, layout.n_shard),
                        collectives->rank(Group::shard), OptimizerKind::muon);
  DistributedMuon muon(backend, *collectives, shard, {}, kCpuMuonGroupSize);
  Arena arena(device,
              backend.ops->prepare_update(shape, OptimizerKind::muon, {}) +
                  DistributedMuon::arena_bytes(shard.layout(), layout.world_size(),
                                               kCpuMuonGroupSize, backend.master_dtype),
              MemoryCategory::workspace);
  const Buffer norms =
      device.allocate(2 * shard.n_tensor() * size_of(DType::f64), MemoryCategory::state);
  auto* const grads = shard.grads().as<float>();
  for (int64_t i = 0; i < shard.grads().size(); ++i)
    grads[i] = static_cast<float>(i * 2654435761 % 1000) * 1e-6f;
  StepState state;
  state.input.lr = 1e-4;

  double best = std::numeric_limits<double>::infinity();
  for (int i = 0; i <= kUpdates; ++i) {
    launch.max_over_ranks(0);
    const double seconds = seconds_of([&] {
      muon.step(&state, norms.view(DType::f64, {shard.n_tensor(), 2}), arena);
      device.synchronize(device.record(device.compute_stream()));
    });
    if (i > 0) best = std::min(best, launch.max_over_ranks(seconds));
  }
  return best;
}

void run(int argc, char** argv) {
  const std::unique_ptr<Launch> launch = make_launch(&argc, &argv);
  const std::string_view strategy = argc > 1 ? argv[1] : "ddp";
  const int64_t n_rank = launch->info().world_size;
  const Layout layout = strategy == "fsdp"
                            ? Layout{.strategy = ParallelStrategy::fsdp, .n_shard = n_rank}
                            : Layout{.n_replica = n_rank};
  const double seconds = update_seconds(*launch, layout);
  if (launch->info().rank == 0)
    fmt::print("{} ranks x {} threads, {}: {:.2f} s\n", n_rank, omp_get_max_threads(), strategy,
               seconds);
}

}  // namespace
}  // namespace isoflop

int main(int argc, char** argv) { isoflop::run(argc, argv); }
