// SPDX-License-Identifier: MIT
// Layout predictions a second of one core: step time, memory, both.
#include "core/hardware/gpu_catalog.hpp"
#include "planner/layout_search.hpp"
#include "support/published_shapes.hpp"

#include <benchmark/benchmark.h>

namespace isoflop {
namespace {

Partition h100_nodes(int nodes) {
  Partition partition;
  partition.name = "h100";
  partition.nodes = nodes;
  partition.devices_per_node = 8;
  partition.device = GpuCatalog::load().find("H100").spec;
  partition.intra_node_gb_per_s_per_device = 450;
  partition.inter_node_gb_per_s_per_node = 400;
  partition.intra_node_latency_us = 3.4;
  partition.inter_node_latency_us = 14;
  return partition;
}

/// LLaMA 7B on 128 GPUs: every layout that the search looks at, over and over.
class Layouts {
 public:
  Layouts()
      : partition_(h100_nodes(16)),
        machine_(make_machine_model(partition_, {16, 8}, Precision::bf16,
                                    load_calibration(partition_.device))),
        layouts_(candidate_layouts({2048, 4e6}, 128, 8)) {}

  template <typename Predict>
  void run(benchmark::State& state, const Predict& predict) const {
    std::size_t next = 0;
    for ([[maybe_unused]] auto _ : state) {
      predict(layouts_[next]);
      next = (next + 1) % layouts_.size();
    }
    state.SetItemsProcessed(static_cast<int64_t>(state.iterations()));
  }
  const MachineModel& machine() const { return machine_; }

 private:
  Partition partition_;
  MachineModel machine_;
  std::vector<Layout> layouts_;
};

void step_time(benchmark::State& state) {
  const Layouts layouts;
  const ModelShape shape = test::llama_7b();
  layouts.run(state, [&](const Layout& layout) {
    benchmark::DoNotOptimize(predict_step_time(shape, layout, 2048, layouts.machine()));
  });
}
BENCHMARK(step_time);

/// A whole prediction, of which memory is worked out once for each sharding and each micro batch.
void step_time_and_memory(benchmark::State& state) {
  const Layouts layouts;
  const ModelShape shape = test::llama_7b();
  MemoryModel memory = memory_model(shape, {.seq_len = 2048, .batch_tokens = 0}, layouts.machine());
  layouts.run(state, [&](const Layout& layout) {
    benchmark::DoNotOptimize(predict_step_time(shape, layout, 2048, layouts.machine()));
    benchmark::DoNotOptimize(memory.estimate(layout));
  });
}
BENCHMARK(step_time_and_memory);

void memory_of_one_layout(benchmark::State& state) {
  const Layouts layouts;
  const ModelShape shape = test::llama_7b();
  layouts.run(state, [&](const Layout& layout) {
    benchmark::DoNotOptimize(
        estimate_memory({shape, layout, 2048, Precision::bf16, layouts.machine().gpu_kernels}));
  });
}
BENCHMARK(memory_of_one_layout);

}  // namespace
}  // namespace isoflop
