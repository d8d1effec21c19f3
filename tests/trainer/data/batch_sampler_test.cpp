// SPDX-License-Identifier: MIT
#include "trainer/data/batch_sampler.hpp"

#include "support/temp_dir.hpp"
#include "support/tiny_dataset.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

namespace isoflop {
namespace {

using test::TempDir;
using testing::ElementsAre;

/// 24 windows of 2 tokens in two shards; the first input of window w is 2 w.
BatchSampler make_sampler(const TempDir& dir, uint64_t seed) {
  std::vector<int32_t> first(33);
  std::iota(first.begin(), first.end(), 0);
  std::vector<int32_t> second(17);
  std::iota(second.begin(), second.end(), 32);
  test::write_tiny_dataset(dir.path(), {.train_shards = {first, second}, .val_shards = {}});
  const TokenWindowsOptions options{.folder = dir.path(), .seq_len = 2, .model_vocab_size = 257};
  return BatchSampler(TokenWindows(options), seed);
}

std::vector<int64_t> windows_of_epoch(const BatchSampler& sampler, int64_t epoch) {
  std::vector<int64_t> order;
  const int64_t n = sampler.windows().n_windows();
  for (int64_t position = 0; position < n; ++position)
    order.push_back(sampler.window_of(epoch * n + position));
  return order;
}

std::vector<int64_t> sorted(std::vector<int64_t> values) {
  std::sort(values.begin(), values.end());
  return values;
}

std::vector<int64_t> all_windows() {
  std::vector<int64_t> windows(24);
  std::iota(windows.begin(), windows.end(), 0);
  return windows;
}

/// How a batch is dealt.
struct Deal {
  int64_t micro_steps = 1;
  int64_t n_ranks = 1;
  int64_t micro_batch_size = 1;
};

/// First inputs that the ranks read over `steps` steps, in the order of steps and ranks.
std::vector<int64_t> read_by_ranks(const BatchSampler& sampler, int64_t steps, const Deal& deal) {
  std::vector<int64_t> seen;
  std::vector<int32_t> inputs(static_cast<std::size_t>(deal.micro_batch_size) * 2);
  std::vector<int32_t> targets(inputs.size());
  BatchSlice slice{.n_ranks = deal.n_ranks, .micro_batch_size = deal.micro_batch_size};
  for (int64_t step = 0; step < steps; ++step) {
    slice.samples_before = step * deal.micro_steps * deal.n_ranks * deal.micro_batch_size;
    for (slice.micro_step = 0; slice.micro_step < deal.micro_steps; ++slice.micro_step) {
      for (slice.rank = 0; slice.rank < deal.n_ranks; ++slice.rank) {
        sampler.read(first_sample(slice), inputs, targets);
        for (std::size_t row = 0; row < inputs.size(); row += 2) seen.push_back(inputs[row] / 2);
      }
    }
  }
  return seen;
}

TEST(BatchSampler, every_window_once_an_epoch) {
  const TempDir dir;
  const BatchSampler sampler = make_sampler(dir, 42);
  ASSERT_EQ(sampler.windows().n_windows(), 24);
  for (int64_t epoch = 0; epoch < 3; ++epoch)
    EXPECT_EQ(sorted(windows_of_epoch(sampler, epoch)), all_windows()) << "epoch " << epoch;
}

TEST(BatchSampler, order_differs_between_epochs_and_seeds) {
  const TempDir dir;
  const BatchSampler sampler = make_sampler(dir, 42);
  EXPECT_NE(windows_of_epoch(sampler, 0), windows_of_epoch(sampler, 1));
  const TempDir other_dir;
  EXPECT_NE(windows_of_epoch(sampler, 0), windows_of_epoch(make_sampler(other_dir, 43), 0));
}

TEST(BatchSampler, every_window_once_an_epoch_for_1_2_3_4_ranks) {
  const TempDir dir;
  const BatchSampler sampler = make_sampler(dir, 42);
  for (const int64_t n_ranks : {1, 2, 3, 4}) {
    const Deal shape{.n_ranks = n_ranks, .micro_batch_size = 2};
    EXPECT_EQ(sorted(read_by_ranks(sampler, 24 / (2 * n_ranks), shape)), all_windows())
        << n_ranks << " ranks";
  }
}

TEST(BatchSampler, a_step_trains_on_the_same_samples_however_they_are_dealt) {
  const TempDir dir;
  const BatchSampler sampler = make_sampler(dir, 42);
  const auto one_rank = read_by_ranks(sampler, 5, {.micro_batch_size = 12});
  EXPECT_EQ(read_by_ranks(sampler, 5, {.n_ranks = 4, .micro_batch_size = 3}), one_rank);
  EXPECT_EQ(read_by_ranks(sampler, 5, {.micro_steps = 3, .n_ranks = 2, .micro_batch_size = 2}),
            one_rank);
}

TEST(BatchSampler, a_batch_may_cross_the_end_of_an_epoch) {
  const TempDir dir;
  const BatchSampler sampler = make_sampler(dir, 42);
  std::vector<int32_t> inputs(4);
  std::vector<int32_t> targets(4);
  sampler.read(23, inputs, targets);
  EXPECT_EQ(inputs[0] / 2, windows_of_epoch(sampler, 0).back());
  EXPECT_EQ(inputs[2] / 2, windows_of_epoch(sampler, 1).front());
  EXPECT_THAT(targets, ElementsAre(inputs[0] + 1, inputs[0] + 2, inputs[2] + 1, inputs[2] + 2));
}

}  // namespace
}  // namespace isoflop
