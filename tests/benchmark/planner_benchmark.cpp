// SPDX-License-Identifier: MIT
// Layout predictions a second of one core: step time, memory, both; the largest search.
#include "core/hardware/gpu_catalog.hpp"
#include "planner/layout_search.hpp"
#include "planner/model_argument.hpp"
#include "planner/what_if/layout_study.hpp"
#include "support/published_shapes.hpp"

#include <benchmark/benchmark.h>

#include <filesystem>
#include <vector>

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
                                    load_calibration(partition_.device.kind))),
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

/// GPT-3 175B on 4,096 A100 with batches of 3,072 sequences, as configs/ has them.
LayoutStudyRequest gpt3_on_4096() {
  const std::filesystem::path configs = std::filesystem::path(ISOFLOP_SOURCE_DIR) / "configs";
  LayoutStudyRequest request;
  request.shape = load_model_argument(configs / "models/gpt3-175b.yaml");
  request.partition =
      load_cluster(configs / "clusters/a100-512x8.yaml", GpuCatalog::load()).partitions.front();
  request.job = {512, 8};
  request.seq_len = 2048;
  request.global_batch = 3072;
  request.what_if = true;
  return request;
}

/// Step time and memory of one layout after the other with tensor, context and pipeline groups;
/// nothing is kept from one to the next.
void what_if_prediction(benchmark::State& state) {
  const LayoutStudyRequest request = gpt3_on_4096();
  const LayoutJob job = layout_job(request, 8);
  const MachineModel machine = make_machine_model(request.partition, request.job, Precision::bf16,
                                                  load_calibration(request.partition.device.kind));
  LayoutPricer pricer(request.shape, request.seq_len, machine, Precision::bf16, true);
  std::vector<SearchedLayout> layouts;
  for_each_layout(job, {.tensor = 8, .context = 2, .pipeline = 16, .data = 16},
                  [&](const SearchedLayout& layout) { layouts.push_back(layout); });
  std::size_t next = 0;
  for ([[maybe_unused]] auto _ : state) {
    benchmark::DoNotOptimize(pricer.price(layouts[next]));
    next = (next + 1) % layouts.size();
  }
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations()));
}
BENCHMARK(what_if_prediction);

/// The whole search; items are the layouts priced.
void search_of_gpt3_on_4096_gpus(benchmark::State& state) {
  LayoutStudyRequest request = gpt3_on_4096();
  request.threads = static_cast<int>(state.range(0));
  int64_t layouts = 0;
  for ([[maybe_unused]] auto _ : state) layouts = study_layouts(request).ranking.priced();
  state.SetItemsProcessed(layouts * static_cast<int64_t>(state.iterations()));
  state.counters["layouts"] = static_cast<double>(layouts);
}
BENCHMARK(search_of_gpt3_on_4096_gpus)
    ->ArgName("threads")
    ->Arg(1)
    ->Arg(2)
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace isoflop
