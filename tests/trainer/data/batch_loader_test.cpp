// SPDX-License-Identifier: MIT
#include "trainer/data/batch_loader.hpp"

#include "trainer/backend/cpu/cpu_device.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <vector>

namespace isoflop {
namespace {

constexpr StepShape kStep{2, 3, Recompute::none};

/// Loads batches of known content and counts, in work on the compute stream, the tokens that are
/// not the loaded ones.
class LoaderUnderTest {
 public:
  explicit LoaderUnderTest(const CpuDeviceOptions& options)
      : device_(options), loader_(device_, kStep) {}

  void load_and_check() {
    const int32_t number = ++n_loaded_;
    const Batch batch = loader_.load([&](std::span<int32_t> inputs, std::span<int32_t> targets) {
      std::fill(inputs.begin(), inputs.end(), number);
      std::fill(targets.begin(), targets.end(), -number);
    });
    device_.enqueue(device_.compute_stream(), [this, batch, number] {
      for (int64_t i = 0; i < kStep.rows(); ++i) {
        n_wrong_ += batch.inputs.as<int32_t>()[i] != number;
        n_wrong_ += batch.targets.as<int32_t>()[i] != -number;
      }
      ++n_checked_;
    });
  }
  void drain() { device_.synchronize(device_.record(device_.compute_stream())); }
  int n_wrong() const { return n_wrong_; }
  int n_checked() const { return n_checked_; }
  const CpuDevice& device() const { return device_; }

 private:
  CpuDevice device_;
  BatchLoader loader_;
  int32_t n_loaded_ = 0;
  int n_wrong_ = 0;
  int n_checked_ = 0;
};

CpuDeviceOptions deferred(uint64_t seed) {
  return {.mode = CpuStreamMode::deferred, .schedule_seed = seed};
}

TEST(BatchLoader, hands_out_what_was_filled_in) {
  LoaderUnderTest loader(CpuDeviceOptions{});
  for (int i = 0; i < 10; ++i) loader.load_and_check();
  loader.drain();
  EXPECT_EQ(loader.n_checked(), 10);
  EXPECT_EQ(loader.n_wrong(), 0);
}

TEST(BatchLoader, batches_have_the_shape_of_a_micro_step) {
  CpuDevice device({});
  BatchLoader loader(device, kStep);
  const Batch batch = loader.load([](std::span<int32_t> inputs, std::span<int32_t> targets) {
    EXPECT_EQ(inputs.size(), 6U);
    EXPECT_EQ(targets.size(), 6U);
  });
  EXPECT_EQ(batch.inputs.shape, Extents({2, 3}));
  EXPECT_EQ(batch.targets.shape, Extents({6}));
}

// A training loop reads each step one step late.
TEST(BatchLoader, deferred_copies_deliver_the_right_data_for_many_steps) {
  constexpr int64_t kAccumulation = 3;
  for (uint64_t seed = 0; seed < 20; ++seed) {
    LoaderUnderTest loader(deferred(seed));
    for (int step = 0; step < 8; ++step) {
      for (int64_t i = 0; i < kAccumulation; ++i) loader.load_and_check();
      if (step % 2 == 1) loader.drain();
    }
    loader.drain();
    EXPECT_EQ(loader.n_checked(), 24) << seed;
    EXPECT_EQ(loader.n_wrong(), 0) << seed;
  }
}

// As an evaluation does.
TEST(BatchLoader, staging_is_not_overwritten_before_its_copy_when_nobody_waits) {
  for (uint64_t seed = 0; seed < 20; ++seed) {
    LoaderUnderTest loader(deferred(seed));
    for (int i = 0; i < 30; ++i) loader.load_and_check();
    loader.drain();
    EXPECT_EQ(loader.n_checked(), 30) << seed;
    EXPECT_EQ(loader.n_wrong(), 0) << seed;
  }
}

TEST(BatchLoader, says_where_documents_begin) {
  constexpr int32_t kEnd = 9;
  CpuDevice device{CpuDeviceOptions{}};
  BatchLoader loader(device, {2, 4, Recompute::none}, BatchLoader::kMinStaging, kEnd);
  const std::vector<int32_t> tokens = {1, kEnd, 2, 3, kEnd, kEnd, 4, kEnd};
  const Batch batch = loader.load([&](std::span<int32_t> inputs, std::span<int32_t> targets) {
    std::copy(tokens.begin(), tokens.end(), inputs.begin());
    std::fill(targets.begin(), targets.end(), 5);
  });
  device.synchronize(device.record(device.compute_stream()));
  const auto* const first_keys = batch.first_keys.as<int32_t>();
  EXPECT_EQ(std::vector<int32_t>(first_keys, first_keys + 8),
            (std::vector<int32_t>{0, 0, 2, 2, 0, 1, 2, 2}));
  EXPECT_EQ(batch.targets.as<int32_t>()[7], 5);
}

TEST(BatchLoader, holds_two_batches_on_the_device) {
  const LoaderUnderTest loader(CpuDeviceOptions{});
  const auto batch = static_cast<std::size_t>(MemoryCategory::batch);
  EXPECT_EQ(loader.device().memory_usage().by_category[batch],
            2 * aligned_bytes(2 * kStep.rows() * 4 + 8));
}

}  // namespace
}  // namespace isoflop
