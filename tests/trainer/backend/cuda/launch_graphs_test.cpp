// SPDX-License-Identifier: MIT
// On emulated GPUs.
#include "trainer/backend/cuda/launch_graphs.hpp"

#include "core/base/log.hpp"
#include "emulation/emulation.hpp"
#include "trainer/backend/cuda/cuda_device.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

namespace isoflop {
namespace {

/// body(device, compute stream) as the host code of one rank.
void on_gpu(bool graphs, const std::function<void(CudaDevice&, Stream)>& body) {
  emulation::run_ranks({}, [&](int rank) {
    CudaDevice device(rank, NcclRegistration::off, graphs);
    body(device, device.compute_stream());
  });
}

/// Work of two operations on memory of its own, and how often it was enqueued call by call.
struct Work {
  Work(CudaDevice& on, Stream stream, int64_t which)
      : device(on),
        key{which},
        a(device.allocate(4, MemoryCategory::state)),
        b(device.allocate(4, MemoryCategory::state)) {
    device.zero(a.data(), 4, stream);
  }
  void repeat(Stream stream) {
    device.repeat(key, stream, [&] {
      ++n_call;
      device.copy(b.data(), a.data(), 4, stream);
      device.zero(a.data(), 4, stream);
    });
  }
  CudaDevice& device;
  WorkKey key;
  Buffer a, b;
  int n_call = 0;
};

int64_t launches() { return emulation::counters(0).graph_launches; }

TEST(LaunchGraphs, work_is_enqueued_captured_and_then_launched) {
  on_gpu(true, [](CudaDevice& device, Stream stream) {
    Work first(device, stream, 1), second(device, stream, 2);
    first.repeat(stream);
    EXPECT_EQ(launches(), 0);
    first.repeat(stream);
    EXPECT_EQ(launches(), 1);
    EXPECT_EQ(first.n_call, 2);
    const int64_t before = emulation::counters(0).operations;
    for (int i = 0; i < 5; ++i) first.repeat(stream);
    EXPECT_EQ(first.n_call, 2);
    EXPECT_EQ(launches(), 6);
    EXPECT_EQ(emulation::counters(0).operations - before, 10);
    second.repeat(stream);
    EXPECT_EQ(second.n_call, 1) << "another key";
  });
}

TEST(LaunchGraphs, a_launch_reads_what_is_in_memory_then) {
  on_gpu(true, [](CudaDevice& device, Stream stream) {
    Work work(device, stream, 1);
    const Buffer staging = device.allocate_pinned(4);
    auto* const value = static_cast<int32_t*>(staging.data());
    for (int32_t i = 1; i < 5; ++i) {
      *value = i;
      device.copy(work.a.data(), value, 4, stream);
      work.repeat(stream);
      device.copy(value, work.b.data(), 4, stream);
      device.synchronize(device.record(stream));
      EXPECT_EQ(*value, i);
    }
    EXPECT_EQ(launches(), 3);
  });
}

TEST(LaunchGraphs, without_them_every_call_is_made) {
  on_gpu(false, [](CudaDevice& device, Stream stream) {
    Work work(device, stream, 1);
    for (int i = 0; i < 3; ++i) work.repeat(stream);
    EXPECT_EQ(work.n_call, 3);
    EXPECT_EQ(launches(), 0);
  });
}

TEST(LaunchGraphs, a_capture_that_is_refused_ends_them) {
  emulation::set_faults({.refuse_capture = 1});
  log::configure(1, 2, log::Level::warn);  // as on a rank other than 0
  testing::internal::CaptureStderr();
  on_gpu(true, [](CudaDevice& device, Stream stream) {
    Work first(device, stream, 1), second(device, stream, 2);
    for (int i = 0; i < 3; ++i) first.repeat(stream);
    EXPECT_EQ(launches(), 2);
    for (int i = 0; i < 3; ++i) second.repeat(stream);
    EXPECT_EQ(second.n_call, 4) << "one of them captured in vain";
    first.repeat(stream);
    EXPECT_EQ(first.n_call, 3) << "not captured again";
    EXPECT_EQ(launches(), 2);
  });
  const std::string log = testing::internal::GetCapturedStderr();
  log::configure(0, 1, log::Level::info);
  EXPECT_THAT(log, testing::ContainsRegex("\\[rank 1 .*\\] goes on without CUDA graphs, kernel by "
                                          "kernel: cudaStreamEndCapture"));
}

TEST(LaunchGraphs, an_exception_in_a_capture_comes_from_the_call_that_follows) {
  testing::internal::CaptureStderr();
  on_gpu(true, [](CudaDevice& device, Stream stream) {
    const auto fail = [] { throw std::runtime_error("no more"); };
    EXPECT_THROW(device.repeat({1}, stream, fail), std::runtime_error);
    EXPECT_THROW(device.repeat({1}, stream, fail), std::runtime_error);
    device.repeat({2}, stream, [] {});  // the stream is as it was
  });
  EXPECT_NE(testing::internal::GetCapturedStderr().find("no more"), std::string::npos);
}

}  // namespace
}  // namespace isoflop
