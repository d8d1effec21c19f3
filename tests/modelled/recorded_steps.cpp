// SPDX-License-Identifier: MIT
#include "modelled/recorded_steps.hpp"

#include "modelled/lone_launch.hpp"
#include "modelled/modelled_jobs.hpp"
#include "support/temp_dir.hpp"
#include "support/tiny_dataset.hpp"
#include "trainer/make_backend.hpp"
#include "trainer/session.hpp"
#include "trainer/train.hpp"

namespace isoflop::test {
namespace {

/// Of an H100 SXM (nvidia-smi: 81559 MiB), less what driver and context keep.
constexpr int64_t kMemoryBytes = int64_t{79} << 30;

/// A few windows of zeros: nobody looks at them.
void write_data(const std::filesystem::path& folder, const TrainConfig& config) {
  const std::vector<int32_t> tokens(static_cast<std::size_t>(4 * config.data.seq_len + 1));
  write_tiny_dataset(
      folder,
      {.train_shards = {tokens}, .val_shards = {tokens}, .vocab_size = config.model.vocab_size});
}

RecordedSteps run(const TrainConfig& config, int n_step, int checkpoint_after) {
  LoneLaunch launch(n_gpu_of(config));
  Session session(prepare(config, n_gpu_of(config)), launch, make_backend(config, launch.info()));
  RecordedSteps recorded;
  emulation::take_timeline(0);
  for (int64_t step = 1; step <= n_step; ++step) {
    enqueue_step(session, step);
    recorded.steps.push_back(emulation::take_timeline(0));
    if (step == checkpoint_after) session.checkpoints().take(step);
    if (step > 1) session.io().wait(step - 1);
  }
  session.io().wait(n_step);
  recorded.memory = session.backend().device->memory_usage();
  recorded.peak_bytes = emulation::counters(0).peak_bytes;
  return recorded;
}

}  // namespace

RecordedSteps record_steps(TrainConfig config, int n_step, int checkpoint_after) {
  const TempDir folder;
  config.data.path = folder.path();
  config.run.out = folder.path();
  config.model.init_std = 0;  // constants are quickly made
  write_data(folder.path(), config);
  RecordedSteps recorded;
  const Layout layout = resolve_layout(config.layout, n_gpu_of(config));
  emulation::run_ranks({.memory_bytes = kMemoryBytes,
                        .execution = emulation::Execution::shapes_only,
                        .nccl_splits = {grid_group(layout, 0, Group::shard).ranks,
                                        grid_group(layout, 0, Group::replica).ranks},
                        .nccl_ranks_per_node = kGpusPerNode},
                       [&](int) { recorded = run(config, n_step, checkpoint_after); });
  return recorded;
}

}  // namespace isoflop::test
