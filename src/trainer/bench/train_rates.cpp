// SPDX-License-Identifier: MIT
#include "trainer/bench/train_rates.hpp"

#include "core/data/shard_writer.hpp"
#include "core/model/flops.hpp"
#include "trainer/comm/single_launch.hpp"
#include "trainer/train.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <random>
#include <unistd.h>
#include <vector>

namespace isoflop {
namespace {

constexpr int64_t kVocabSize = 257;
constexpr int64_t kMinSteps = 4;  // beside one to warm up
constexpr int64_t kMaxSteps = 200;
constexpr double kMinSeconds =
    1.5;  // of measured steps, so that a moment's disturbance is outvoted

/// A dataset of random bytes in the temporary folder, removed on destruction.
class RandomDataset {
 public:
  explicit RandomDataset(int64_t n_tokens)
      : folder_(std::filesystem::temp_directory_path() /
                fmt::format("isoflop-bench-{}", getpid())) {
    std::filesystem::create_directories(folder_);
    DatasetIndex index;
    index.tokenizer = "random";
    index.vocab_size = kVocabSize;
    index.eot_token = kVocabSize - 1;
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
    for (int32_t& token : tokens) token = static_cast<int32_t>(random() % kVocabSize);
    ShardWriter writer(folder_ / name, TokenDtype::uint16);
    writer.append(tokens);
    return {.n_documents = 1,
            .n_tokens = n_tokens,
            .n_text_bytes = n_tokens,
            .shards = {writer.commit()}};
  }
  std::filesystem::path folder_;
};

TrainConfig probe_config(const TrainProbe& probe, const std::filesystem::path& data) {
  TrainConfig config;
  config.run.name = "bench";
  ModelShape& model = config.model;
  model.n_layer = probe.n_layer;
  model.d_model = probe.d_model;
  model.n_head = model.n_kv_head = probe.n_head;
  model.d_head = probe.d_model / probe.n_head;
  model.d_ff = (probe.d_model * 8 / 3 + 63) / 64 * 64;
  model.vocab_size = kVocabSize;
  model.max_seq_len = probe.seq_len;
  config.data = {data, probe.seq_len};
  config.layout.micro_batch_size = config.layout.global_batch_size = probe.micro_batch_size;
  config.optimizer.lr = 1e-4;
  config.schedule = {.steps = kMaxSteps, .warmup_steps = 1};
  return config;
}

/// Step times after the first step, at least kMinSteps of them and kMinSeconds in all.
std::vector<double> step_seconds(Session& session) {
  std::vector<double> seconds;
  double total = 0;
  for (int64_t step = 1; step <= kMaxSteps; ++step) {
    enqueue_step(session, step);
    session.io().wait(step);
    if (step == 1) continue;
    seconds.push_back(session.timer().times(step).step);
    total += seconds.back();
    if (step > kMinSteps && total >= kMinSeconds) break;
  }
  return seconds;
}

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

}  // namespace

TrainRate measure_training(const TrainProbe& probe, int n_threads) {
  const RandomDataset data(2 * kMinSteps * probe.micro_batch_size * probe.seq_len);
  SingleLaunch launch("bench");
  Session session(prepare(probe_config(probe, data.folder()), 1), launch,
                  make_cpu_backend({.n_threads = n_threads}));
  const TrainConfig& config = session.config();
  const double flops = train_flops_per_token(config.model, probe.seq_len) *
                       static_cast<double>(config.tokens_per_step());
  return {probe, flops / median(step_seconds(session)) / 1e12};
}

}  // namespace isoflop
