// SPDX-License-Identifier: MIT
#include "trainer/backend/cpu/cpu_device.hpp"

#include "support/error_matchers.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <omp.h>
#include <stdexcept>
#include <vector>

namespace isoflop {
namespace {

constexpr CpuDeviceOptions kDeferred{.mode = CpuStreamMode::deferred, .schedule_seed = 7};

void finish(CpuDevice& device, Stream stream) { device.synchronize(device.record(stream)); }

TEST(CpuDevice, accounts_per_category_with_peak) {
  CpuDevice device({});
  const Buffer parameters = device.allocate(1000, MemoryCategory::parameters);
  {
    const Buffer logits = device.allocate(500, MemoryCategory::logits);
    EXPECT_EQ(device.memory_usage().by_category[static_cast<int>(MemoryCategory::logits)], 500);
  }
  const MemoryUsage usage = device.memory_usage();
  EXPECT_EQ(usage.allocated, 1000);
  EXPECT_EQ(usage.peak, 1500);
  EXPECT_EQ(usage.by_category[static_cast<int>(MemoryCategory::logits)], 0);
  EXPECT_GE(usage.reserved, usage.allocated);
}

TEST(CpuDevice, ranks_of_a_node_share_its_memory) {
  CpuDevice device({.ranks_on_node = 1 << 20});  // a few KiB each
  const std::string message = test::message_of<DeviceMemoryError>(
      [&] { device.allocate(int64_t{1} << 30, MemoryCategory::logits); });
  EXPECT_THAT(message, testing::HasSubstr("(memory of the node, shared by 1048576 ranks)"));
}

TEST(CpuDevice, limit_names_category_and_bytes) {
  CpuDevice device({.memory_limit_bytes = 4096});
  const Buffer held = device.allocate(3072, MemoryCategory::parameters);
  try {
    device.allocate(2048, MemoryCategory::activations);
    FAIL() << "must throw";
  } catch (const DeviceMemoryError& error) {
    EXPECT_STREQ(error.what(),
                 "out of memory: 2.00 KiB for activations with 1.00 KiB free of 4.00 KiB (limit of "
                 "the device), 3.00 KiB in use by this rank");
    EXPECT_EQ(error.shortage.capacity(), 4096);
  }
  EXPECT_NO_THROW(device.allocate(1024, MemoryCategory::activations));
}

TEST(CpuDevice, pinned_memory_is_outside_the_limit) {
  CpuDevice device({.memory_limit_bytes = 64});
  const Buffer staging = device.allocate_pinned(4096);
  EXPECT_EQ(device.memory_usage().allocated, 0);
  EXPECT_TRUE(staging.pinned());
}

TEST(CpuDevice, fresh_memory_is_nan_in_deferred_mode) {
  CpuDevice device(kDeferred);
  const Buffer buffer = device.allocate(64, MemoryCategory::state);
  EXPECT_TRUE(std::isnan(buffer.view(DType::f32, {16}).as<float>()[15]));
  EXPECT_TRUE(std::isnan(buffer.view(DType::f64, {8}).as<double>()[7]));
}

TEST(CpuDevice, large_memory_is_aligned_and_writable_to_its_end) {
  CpuDevice device({});
  const int64_t bytes = (int64_t{5} << 20) + 3;
  const Buffer buffer = device.allocate(bytes, MemoryCategory::state);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(buffer.data()) % 256, 0u);
  static_cast<char*>(buffer.data())[bytes - 1] = 1;
}

TEST(CpuDevice, a_missing_wait_shows_as_a_wrong_result) {
  CpuDevice device(kDeferred);
  const Buffer host = device.allocate_pinned(4);
  const Buffer tokens = device.allocate(4, MemoryCategory::batch);
  int32_t seen = 0;
  *static_cast<int32_t*>(host.data()) = 5;
  device.copy(tokens.data(), host.data(), 4, device.copy_stream());
  device.enqueue(device.compute_stream(),
                 [&] { seen = *static_cast<const int32_t*>(tokens.data()); });
  finish(device, device.compute_stream());
  EXPECT_EQ(seen, -1);  // NaN bytes: the copy has not run

  const Event copied = device.record(device.copy_stream());
  device.wait(device.compute_stream(), copied);
  device.enqueue(device.compute_stream(),
                 [&] { seen = *static_cast<const int32_t*>(tokens.data()); });
  finish(device, device.compute_stream());
  EXPECT_EQ(seen, 5);
}

TEST(CpuDevice, memory_freed_with_work_queued_stays_until_the_work_is_done) {
  CpuDevice device(kDeferred);
  {
    const Buffer buffer = device.allocate(1 << 20, MemoryCategory::workspace);
    device.zero(buffer.data(), buffer.bytes(), device.compute_stream());
  }
  EXPECT_EQ(device.memory_usage().allocated, 0);
  finish(device, device.compute_stream());  // the address sanitizer would object
}

TEST(CpuDevice, work_runs_with_the_device_s_threads) {
  CpuDevice device({.n_threads = 3});
  int n_threads = 0;
  device.enqueue(device.compute_stream(), [&] { n_threads = omp_get_max_threads(); });
  EXPECT_EQ(n_threads, 3);
}

TEST(CpuDevice, time_between_marks_spans_the_work) {
  for (const CpuStreamMode mode : {CpuStreamMode::run_inline, CpuStreamMode::deferred}) {
    CpuDevice device({.mode = mode});
    std::vector<double> data(1 << 16, 1.0);
    device.reserve_time_slots(2);
    device.mark({0}, device.compute_stream());
    device.enqueue(device.compute_stream(), [&] {
      for (double& value : data) value = std::sqrt(value + 1);
    });
    device.mark({1}, device.compute_stream());
    finish(device, device.compute_stream());
    EXPECT_GT(device.seconds_between({0}, {1}), 0);
    EXPECT_LT(device.seconds_between({0}, {1}), 10);
  }
}

TEST(CpuDevice, asking_for_a_mark_not_reached_throws) {
  CpuDevice device(kDeferred);
  device.reserve_time_slots(2);
  device.mark({0}, device.compute_stream());
  EXPECT_THROW(device.seconds_between({0}, {0}), std::logic_error);
}

TEST(CpuDevice, description_names_threads_and_processor) {
  EXPECT_THAT(CpuDevice({.n_threads = 2}).description(), testing::StartsWith("CPU, 2 threads, "));
}

}  // namespace
}  // namespace isoflop
