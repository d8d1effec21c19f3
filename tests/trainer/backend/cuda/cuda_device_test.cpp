// SPDX-License-Identifier: MIT
// On emulated GPUs.
#include "trainer/backend/cuda/cuda_device.hpp"

#include "core/base/error.hpp"
#include "emulation/emulation.hpp"
#include "support/error_matchers.hpp"
#include "trainer/backend/backend.hpp"
#include "trainer/backend/cuda/cuda_error.hpp"
#include "trainer/backend/device_failure.hpp"
#include "trainer/backend/device_memory_error.hpp"

#include <gmock/gmock.h>

#include <cstring>

namespace isoflop {
namespace {

using emulation::run_ranks;
using testing::HasSubstr;

/// body(device) as the host code of one rank.
void on_gpu(const emulation::Options& options, const std::function<void(CudaDevice&)>& body) {
  run_ranks(options, [&](int rank) {
    CudaDevice device(rank);
    body(device);
  });
}

TEST(CudaDevice, says_what_it_is) {
  on_gpu({.sm_version = 90}, [](CudaDevice& device) {
    EXPECT_EQ(device.sm_version(), 90);
    EXPECT_GT(device.n_multiprocessor(), 0);
    EXPECT_THAT(device.description(), HasSubstr("compute capability 9.0, CUDA 1"));
  });
}

TEST(CudaDevice, counts_memory_by_category_and_gives_it_back) {
  on_gpu({}, [](CudaDevice& device) {
    {
      const Buffer buffer = device.allocate(1000, MemoryCategory::logits);
      EXPECT_EQ(reinterpret_cast<uintptr_t>(buffer.data()) % kBufferAlignment, 0U);
      EXPECT_EQ(device.memory_usage().allocated, 1000);
      EXPECT_EQ(device.memory_usage().by_category[static_cast<std::size_t>(MemoryCategory::logits)],
                1000);
      EXPECT_GE(device.memory_usage().reserved, 1000);
    }
    EXPECT_EQ(device.memory_usage().allocated, 0);
    EXPECT_EQ(device.memory_usage().peak, 1000);
  });
}

TEST(CudaDevice, full_memory_names_category_and_sizes) {
  on_gpu({.memory_bytes = 1 << 20}, [](CudaDevice& device) {
    const Buffer held = device.allocate(600'000, MemoryCategory::parameters);
    const std::string message = test::message_of<OutOfMemoryError>(
        [&] { device.allocate(600'000, MemoryCategory::activations); });
    EXPECT_THAT(message, HasSubstr("out of memory: 586 KiB for activations with"));
    EXPECT_THAT(message, HasSubstr("of 1.00 MiB on the GPU, 586 KiB in use by this rank"));
    device.allocate(100'000, MemoryCategory::state);  // the device goes on
  });
}

TEST(CudaError, tells_lack_of_memory_from_a_failing_gpu) {
  run_ranks({}, [](int rank) {
    const CudaDevice device(rank);
    EXPECT_THROW(check_cuda(cudaErrorMemoryAllocation, "cudaGraphLaunch"), LibraryMemoryError);
    EXPECT_THROW(check_cublas(CUBLAS_STATUS_ALLOC_FAILED, "cublasLtCreate"), LibraryMemoryError);
    EXPECT_THROW(check_cudnn(CUDNN_STATUS_ALLOC_FAILED, "cudnnCreate"), LibraryMemoryError);
    EXPECT_THROW(check_cuda(cudaErrorECCUncorrectable, "cudaGraphLaunch"), DeviceFailure);
  });
}

TEST(CudaDevice, new_memory_is_ready_on_every_stream) {
  on_gpu({}, [](CudaDevice& device) {
    const Buffer buffer = device.allocate(4096, MemoryCategory::state);
    device.zero(buffer.data(), 1024, device.communication_stream());
    device.zero(static_cast<std::byte*>(buffer.data()) + 1024, 1024, device.copy_stream());
  });
}

TEST(CudaDevice, events_order_copies_on_different_streams) {
  for (const auto eagerness : {emulation::Eagerness::lazy, emulation::Eagerness::eager}) {
    on_gpu({.eagerness = eagerness}, [](CudaDevice& device) {
      const Buffer memory = device.allocate(8, MemoryCategory::state);
      const Buffer host = device.allocate_pinned(16);
      auto* const values = static_cast<int64_t*>(host.data());
      values[0] = 42;
      device.copy(memory.data(), &values[0], 8, device.copy_stream());
      device.wait(device.compute_stream(), device.record(device.copy_stream()));
      device.copy(&values[1], memory.data(), 8, device.compute_stream());
      device.synchronize(device.record(device.compute_stream()));
      EXPECT_EQ(values[1], 42);
    });
  }
}

// The ring of events has come round many times since.
TEST(CudaDevice, an_old_event_may_still_be_waited_for) {
  on_gpu({}, [](CudaDevice& device) {
    const Buffer memory = device.allocate(8, MemoryCategory::state);
    device.zero(memory.data(), 8, device.copy_stream());
    const Event old = device.record(device.copy_stream());
    for (int i = 0; i < 5000; ++i) device.record(device.copy_stream());
    device.wait(device.compute_stream(), old);
    device.zero(memory.data(), 8, device.compute_stream());
    device.synchronize(old);
    device.synchronize(Event());  // no event is over
  });
}

TEST(CudaDevice, marks_measure_time_on_the_device) {
  on_gpu({}, [](CudaDevice& device) {
    const Buffer memory = device.allocate(8, MemoryCategory::state);
    device.reserve_time_slots(2);
    const Stream compute = device.compute_stream();
    device.mark({0}, compute);
    device.zero(memory.data(), 8, compute);
    device.mark({1}, compute);
    device.synchronize(device.record(compute));
    EXPECT_GT(device.seconds_between({0}, {1}), 0);
  });
}

TEST(CudaDevice, a_local_rank_without_a_gpu_is_told_what_was_found) {
  run_ranks({.n_rank = 2}, [](int) {
    const std::string message = test::message_of<DeviceMissingError>([] { CudaDevice device(2); });
    EXPECT_THAT(message, HasSubstr("local rank 2 found: 2 GPUs for the 3 or more ranks"));
    EXPECT_THAT(message, HasSubstr("CUDA_VISIBLE_DEVICES"));
  });
}

// A launcher that binds GPUs to tasks shows each task one, whatever its local rank.
TEST(CudaDevice, a_single_visible_gpu_serves_any_local_rank) {
  run_ranks({}, [](int) { EXPECT_EQ(CudaDevice(5).ordinal(), 0); });
}

TEST(CudaBackend, precisions_without_kernels_are_refused) {
  run_ranks({}, [](int) {
    const std::string message =
        test::message_of<ConfigError>([] { make_cuda_backend({.precision = Precision::tf32}); });
    EXPECT_THAT(message, HasSubstr("precision is 'tf32'"));
  });
}

}  // namespace
}  // namespace isoflop
