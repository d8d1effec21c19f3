// SPDX-License-Identifier: MIT
#include "trainer/bench/train_rates.hpp"

#include "core/data/shard_writer.hpp"
#include "core/model/flops.hpp"
#include "core/model/model_config.hpp"
#include "trainer/comm/single_launch.hpp"
#include "trainer/train.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <random>
#include <unistd.h>
#include <utility>
#include <vector>

namespace isoflop {
namespace {

constexpr int64_t kProbeVocabSize = 257;
constexpr int64_t kMinSteps = 4;  // beside one to warm up
constexpr int64_t kMaxSteps = 200;
constexpr double kMinSeconds =
    1.5;  // of measured steps, so that a moment's disturbance is outvoted

/// A dataset of random bytes in the temporary folder, removed on destruction.
class RandomDataset {
 public:
  RandomDataset(int64_t n_tokens, int64_t vocab_size)
      : vocab_size_(vocab_size),
        folder_(std::filesystem::temp_directory_path() /
                fmt::format("isoflop-bench-{}", getpid())) {
    std::filesystem::create_directories(folder_);
    DatasetIndex index;
    index.tokenizer = "random";
    index.vocab_size = vocab_size;
    index.eot_token = vocab_size - 1;
    index.token_dtype = token_dtype_for_vocab(vocab_size);
    index.document_rule = "one";
    index.validation_rule = "another";
    index.train = write("train_000000.bin", n_tokens);
    index.val = write("val_000000.bin", n_tokens);
    write_dataset_index(folder_, index);
  }
  RandomDataset(const RandomDataset&) = delete;
  RandomDataset& operator=(const RandomDataset&) = delete;
  ~RandomDataset() {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }
  const std::filesystem::path& folder() const { return folder_; }

 private:
  SplitIndex write(const std::string& name, int64_t n_tokens) const {
    std::mt19937 random(1);
    std::vector<int32_t> tokens(static_cast<std::size_t>(n_tokens));
    for (int32_t& token : tokens)
      token = static_cast<int32_t>(random() % static_cast<uint32_t>(vocab_size_));
    ShardWriter writer(folder_ / name, token_dtype_for_vocab(vocab_size_));
    writer.append(tokens);
    return {.n_documents = 1,
            .n_tokens = n_tokens,
            .n_text_bytes = n_tokens,
            .shards = {writer.commit()}};
  }
  int64_t vocab_size_;
  std::filesystem::path folder_;
};

TrainConfig probe_config(const TrainProbe& probe) {
  TrainConfig config;
  ModelShape& model = config.model;
  model.n_layer = probe.n_layer;
  model.d_model = probe.d_model;
  model.n_head = model.n_kv_head = probe.n_head;
  model.d_head = probe.d_model / probe.n_head;
  model.d_ff = default_d_ff(model.ffn, model.d_model);
  model.vocab_size = kProbeVocabSize;
  model.max_seq_len = probe.seq_len;
  config.data.seq_len = probe.seq_len;
  config.layout.micro_batch_size = config.layout.global_batch_size = probe.micro_batch_size;
  return config;
}

}  // namespace

std::vector<PhaseTimes> measure_steps(TrainConfig config, Backend backend, double min_seconds) {
  const RandomDataset data(2 * kMinSteps * config.tokens_per_step(), config.model.vocab_size);
  config.run.name = "bench";
  config.data.path = data.folder();
  config.optimizer.lr = 1e-4;
  config.schedule = {.steps = kMaxSteps, .warmup_steps = 1};
  SingleLaunch launch("bench");
  Session session(prepare(config, 1), launch, std::move(backend));
  std::vector<PhaseTimes> steps;
  double total = 0;
  for (int64_t step = 1; step <= kMaxSteps; ++step) {
    enqueue_step(session, step);
    session.io().wait(step);
    if (step == 1) continue;
    steps.push_back(session.timer().times(step));
    total += steps.back().step;
    if (step > kMinSteps && total >= min_seconds) break;
  }
  return steps;
}

PhaseTimes median_step(std::vector<PhaseTimes> steps) {
  const auto middle = steps.begin() + static_cast<std::ptrdiff_t>(steps.size() / 2);
  std::nth_element(steps.begin(), middle, steps.end(),
                   [](const PhaseTimes& a, const PhaseTimes& b) { return a.step < b.step; });
  return *middle;
}

TrainRate measure_training(const TrainProbe& probe, int n_threads) {
  const TrainConfig config = probe_config(probe);
  const PhaseTimes step =
      median_step(measure_steps(config, make_cpu_backend({.n_threads = n_threads}), kMinSeconds));
  const double flops = train_flops_per_token(config.model, probe.seq_len) *
                       static_cast<double>(config.tokens_per_step());
  return {probe, flops / step.step / 1e12};
}

}  // namespace isoflop
