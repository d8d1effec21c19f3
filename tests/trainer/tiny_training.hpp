// SPDX-License-Identifier: MIT
#pragma once

#include "core/base/mix_bits.hpp"
#include "support/temp_dir.hpp"
#include "support/tiny_dataset.hpp"
#include "trainer/comm/single_launch.hpp"
#include "trainer/train.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <utility>
#include <vector>

/// Models and data small enough to train for many steps inside a test.
namespace isoflop::test {

inline constexpr int64_t kTinyVocab = 61;
inline constexpr int64_t kTinySeqLen = 8;

/// `n` tokens, each drawn from the four that may follow the one before: something to learn.
inline std::vector<int32_t> learnable_tokens(int64_t n, uint64_t seed) {
  std::vector<int32_t> tokens;
  uint64_t token = 1;
  for (int64_t i = 0; i < n; ++i) {
    token = (token * 5 + mix_bits(seed + static_cast<uint64_t>(i)) % 4) % (kTinyVocab - 1);
    tokens.push_back(static_cast<int32_t>(token));
  }
  return tokens;
}

/// A dataset of two training shards and one validation shard in a folder of its own.
class TinyData {
 public:
  explicit TinyData(int64_t train_tokens = 1000, int64_t val_tokens = 200) {
    write_tiny_dataset(folder_.path(), {.train_shards = {learnable_tokens(train_tokens / 2, 1),
                                                         learnable_tokens(train_tokens / 2, 2)},
                                        .val_shards = {learnable_tokens(val_tokens, 3)},
                                        .vocab_size = kTinyVocab});
  }
  const std::filesystem::path& folder() const { return folder_.path(); }

 private:
  TempDir folder_;
};

inline ModelShape tiny_llama() {
  ModelShape shape;
  shape.name = "tiny-llama";
  shape.n_layer = 2;
  shape.d_model = 16;
  shape.n_head = 4;
  shape.n_kv_head = 2;
  shape.d_head = 4;
  shape.d_ff = 24;
  shape.vocab_size = kTinyVocab;
  shape.max_seq_len = kTinySeqLen;
  return shape;
}

inline ModelShape tiny_gpt2() {
  ModelShape shape = tiny_llama();
  shape.name = "tiny-gpt2";
  shape.n_kv_head = shape.n_head;
  shape.norm = NormKind::layernorm;
  shape.ffn = FfnType::standard;
  shape.activation = Activation::gelu_tanh;
  shape.position = PositionEncoding::learned_absolute;
  shape.qkv_bias = shape.attention_out_bias = shape.ffn_bias = true;
  return shape;
}

/// 20 steps of 8 sequences, one at a time.
inline TrainConfig tiny_config(const ModelShape& shape, const std::filesystem::path& data) {
  TrainConfig config;
  config.run.name = "tiny";
  config.model = shape;
  config.data = {data, kTinySeqLen};
  config.layout.micro_batch_size = 1;
  config.layout.global_batch_size = 8;
  config.optimizer.lr = 1e-2;
  config.schedule = {.steps = 20, .warmup_steps = 2};
  config.eval = {.interval = 0, .sequences = 4};
  return config;
}

/// Collective over the ranks of `launch`.
inline Session make_session(const TrainConfig& config, Launch& launch, Backend backend) {
  return {prepare(config, launch.info().world_size), launch, std::move(backend)};
}

/// Training losses of all steps, nats per token.
inline std::vector<double> train_losses(const TrainConfig& config, Launch& launch,
                                        Backend backend) {
  Session session = make_session(config, launch, std::move(backend));
  std::vector<double> losses;
  for (int64_t step = 1; step <= config.schedule.steps; ++step) {
    enqueue_step(session, step);
    losses.push_back(session.io().wait(step).output.loss_sum * session.grad_scale(step));
  }
  return losses;
}

/// Of the first `n`.
inline double largest_difference(const std::vector<double>& a, const std::vector<double>& b,
                                 std::size_t n) {
  double largest = 0;
  for (std::size_t i = 0; i < n; ++i) largest = std::max(largest, std::abs(a.at(i) - b.at(i)));
  return largest;
}

enum class Arithmetic { f32, f64 };

inline Backend make_backend(Arithmetic arithmetic, const CpuDeviceOptions& options = {}) {
  return arithmetic == Arithmetic::f32 ? make_cpu_backend(options)
                                       : make_reference_backend(options);
}

}  // namespace isoflop::test
