// SPDX-License-Identifier: MIT
#include "emulation/kernel_test.hpp"
#include "trainer/backend/cuda/launch.cuh"

#include <cuda_bf16.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

namespace isoflop::emulation {
namespace {

using testing::AllOf;
using testing::HasSubstr;

/// Runs a kernel on memory of 256 floats, all 1.
template <typename... Parameters, typename... Arguments>
std::string findings_of_kernel(const gpu::LaunchShape& shape, void (*kernel)(float*, Parameters...),
                               Arguments... arguments) {
  return findings_of([&](TestGpu& gpu) {
    float* memory = gpu.upload(std::vector<float>(256, 1.0F));
    gpu::launch(gpu.stream(), shape, kernel, memory, arguments...);
  });
}

// ---- shared memory

__global__ void touch_shared(float* out, int64_t index, bool writes) {
  float* const shared = gpu::dynamic_shared<float>();
  if (writes)
    shared[index] = 1.0F;
  else
    out[0] = shared[index];
}

constexpr gpu::LaunchShape kTouchShared{.name = "touch_shared", .shared_bytes = 64};

TEST(SharedMemory, ends_where_the_launch_says) {
  EXPECT_EQ(findings_of_kernel(kTouchShared, touch_shared, 15, true), "");
  EXPECT_THAT(findings_of_kernel(kTouchShared, touch_shared, 16, true),
              HasSubstr("kernel touch_shared: thread 0 of block 0 writes 4 bytes at shared memory "
                        "+ 64, of which the block has 64 bytes"));
  EXPECT_THAT(findings_of_kernel(kTouchShared, touch_shared, 16, false),
              HasSubstr("reads 4 bytes at shared memory + 64"));
  EXPECT_THAT(findings_of_kernel(kTouchShared, touch_shared, -1, true),
              HasSubstr("writes 4 bytes at shared memory + -4"));
  EXPECT_THAT(findings_of_kernel({.name = "touch_shared"}, touch_shared, 0, true),
              HasSubstr("of which the block has 0 bytes"));
}

__global__ void copy_then_fill_shared(float* out) {
  float* const shared = gpu::dynamic_shared<float>();
  out[blockIdx.x] = shared[0];
  shared[0] = 1.0F;
}

TEST(SharedMemory, holds_nans_when_a_block_starts) {
  const std::string findings = findings_of([](TestGpu& gpu) {
    float* out = gpu.upload(std::vector<float>(2));
    gpu::launch(gpu.stream(), {.name = "copy", .blocks = 2, .shared_bytes = 4},
                copy_then_fill_shared, out);
    for (const float value : gpu.download(out, 2)) EXPECT_TRUE(std::isnan(value));
  });
  EXPECT_EQ(findings, "");
}

enum class Barrier { none, block, warp, shuffle };

__device__ void meet(Barrier barrier) {
  if (barrier == Barrier::block) __syncthreads();
  if (barrier == Barrier::warp) __syncwarp();
  if (barrier == Barrier::shuffle) __shfl_xor_sync(0xffffffffU, 1, 1);
}

/// Each thread writes its own element of shared memory, then reads one `distance` further on.
__global__ void read_neighbour(float* out, unsigned distance, Barrier barrier) {
  float* const shared = gpu::dynamic_shared<float>();
  shared[threadIdx.x] = 1.0F;
  meet(barrier);
  out[threadIdx.x] = shared[(threadIdx.x + distance) % blockDim.x];
}

/// Each thread reads what another writes later.
__global__ void write_neighbour(float* out, unsigned distance, Barrier barrier) {
  float* const shared = gpu::dynamic_shared<float>();
  out[threadIdx.x] = shared[threadIdx.x];
  meet(barrier);
  shared[(threadIdx.x + distance) % blockDim.x] = 1.0F;
}

constexpr gpu::LaunchShape kNeighbours{
    .name = "neighbours", .blocks = 1, .threads = 64, .shared_bytes = 64 * sizeof(float)};

TEST(SharedMemory, barriers_of_the_block_order_its_threads) {
  EXPECT_EQ(findings_of_kernel(kNeighbours, read_neighbour, 32U, Barrier::block), "");
  EXPECT_EQ(findings_of_kernel(kNeighbours, write_neighbour, 32U, Barrier::block), "");
}

TEST(SharedMemory, threads_race_without_a_barrier) {
  EXPECT_THAT(
      findings_of_kernel(kNeighbours, read_neighbour, 32U, Barrier::none),
      HasSubstr("kernel neighbours: threads 0 and 32 of block 0 race on shared memory + 128 "
                "(read, then write): no __syncthreads between them"));
  EXPECT_THAT(findings_of_kernel(kNeighbours, write_neighbour, 32U, Barrier::none),
              HasSubstr("threads 0 and 32 of block 0 race on shared memory + 128 "
                        "(write, then read)"));
  EXPECT_THAT(findings_of_kernel(kNeighbours, write_neighbour, 32U, Barrier::warp),
              HasSubstr("(write, then read): no __syncthreads between them"));
}

TEST(SharedMemory, threads_of_one_warp_race_as_well) {
  EXPECT_THAT(findings_of_kernel(kNeighbours, read_neighbour, 1U, Barrier::none),
              HasSubstr("threads 0 and 1 of block 0 race on shared memory + 4"));
}

constexpr gpu::LaunchShape kOneWarp{
    .name = "one_warp", .blocks = 1, .threads = 32, .shared_bytes = 32 * sizeof(float)};

TEST(SharedMemory, syncwarp_orders_the_lanes_of_a_warp) {
  EXPECT_EQ(findings_of_kernel(kOneWarp, read_neighbour, 1U, Barrier::warp), "");
  EXPECT_EQ(findings_of_kernel(kOneWarp, write_neighbour, 1U, Barrier::warp), "");
  EXPECT_THAT(findings_of_kernel(kNeighbours, read_neighbour, 32U, Barrier::warp),
              HasSubstr("race"))
      << "another warp is not ordered by it";
}

// CUDA C++ Programming Guide, "Warp Shuffle Functions": they do not imply a memory barrier.
TEST(SharedMemory, shuffles_order_nothing) {
  EXPECT_THAT(findings_of_kernel(kOneWarp, read_neighbour, 1U, Barrier::shuffle),
              HasSubstr("no __syncthreads or __syncwarp between them"));
}

__global__ void write_one_element(float*) { gpu::dynamic_shared<float>()[3] = 1.0F; }

TEST(SharedMemory, two_writes_race) {
  EXPECT_THAT(findings_of_kernel(kNeighbours, write_one_element),
              HasSubstr("threads 0 and 1 of block 0 race on shared memory + 12 "
                        "(write, then write)"));
}

// ---- device memory

__global__ void write_index(float* memory, int64_t index) { memory[index] = 1.0F; }
__global__ void read_index(float* memory, int64_t index) { memory[0] = memory[index]; }

TEST(DeviceMemory, ends_where_the_allocation_does) {
  EXPECT_EQ(findings_of_kernel({.name = "write_index"}, write_index, 255), "");
  EXPECT_THAT(findings_of_kernel({.name = "write_index"}, write_index, 256),
              AllOf(HasSubstr("kernel write_index: thread 0 of block 0 writes 4 bytes at "),
                    HasSubstr("1024")));
  EXPECT_THAT(findings_of_kernel({.name = "read_index"}, read_index, 256),
              HasSubstr("kernel read_index: thread 0 of block 0 reads 4 bytes at "));
  EXPECT_THAT(findings_of_kernel({.name = "write_index"}, write_index, -1),
              HasSubstr("writes 4 bytes at "));
}

__global__ void write_thread_index(float* memory, unsigned modulus) {
  memory[(blockIdx.x * blockDim.x + threadIdx.x) % modulus] = 1.0F;
}

TEST(DeviceMemory, writes_of_threads_race) {
  EXPECT_EQ(
      findings_of_kernel({.name = "write", .blocks = 4, .threads = 64}, write_thread_index, 256U),
      "");
  EXPECT_THAT(
      findings_of_kernel({.name = "write", .blocks = 1, .threads = 64}, write_thread_index, 48U),
      AllOf(HasSubstr("kernel write: threads 0 and 48 of block 0 race on "),
            HasSubstr("(write, then write): no __syncthreads between them")));
  EXPECT_THAT(
      findings_of_kernel({.name = "write", .blocks = 4, .threads = 64}, write_thread_index, 128U),
      AllOf(HasSubstr("kernel write: thread 0 of block 0 and thread 0 of block 2 race on "),
            HasSubstr("(write, then write): blocks have no order")));
}

__global__ void read_all_write_own(float* memory) {
  float sum = 0.0F;
  for (unsigned i = 0; i < blockDim.x; ++i) sum += memory[i];
  if (sum < 0.0F) __syncthreads();
  memory[threadIdx.x] = sum;
}

TEST(DeviceMemory, reading_what_another_thread_replaces_is_a_race) {
  EXPECT_THAT(findings_of_kernel({.name = "in_place", .threads = 64}, read_all_write_own),
              HasSubstr("kernel in_place: threads 0 and 1 of block 0 race on "));
}

__global__ void write_in_turns(float* memory) {
  for (unsigned turn = 0; turn < 4; ++turn) {
    if (threadIdx.x / 32 == turn % 2) memory[threadIdx.x % 32] += 1.0F;
    __syncthreads();
  }
}

TEST(DeviceMemory, barriers_order_the_threads_of_a_block) {
  EXPECT_EQ(findings_of_kernel({.name = "turns", .threads = 64}, write_in_turns), "");
  EXPECT_THAT(findings_of_kernel({.name = "turns", .blocks = 2, .threads = 64}, write_in_turns),
              HasSubstr("blocks have no order"));
}

__global__ void write_halves(float* memory) {
  reinterpret_cast<__nv_bfloat16*>(memory)[threadIdx.x] = __float2bfloat16(1.0F);
}

TEST(DeviceMemory, neighbours_of_two_bytes_do_not_race) {
  EXPECT_EQ(findings_of_kernel({.name = "halves", .threads = 64}, write_halves), "");
}

/// Reads 16 bytes at a time, then writes single floats.
__global__ void mix_widths(float* memory, unsigned shift) {
  const float4 wide = reinterpret_cast<const float4*>(memory)[threadIdx.x];
  memory[4 * ((threadIdx.x + shift) % blockDim.x)] = wide.x;
}

TEST(DeviceMemory, accesses_of_different_widths_race) {
  EXPECT_EQ(findings_of_kernel({.name = "mix", .threads = 64}, mix_widths, 0U), "");
  EXPECT_THAT(findings_of_kernel({.name = "mix", .threads = 64}, mix_widths, 1U),
              HasSubstr("kernel mix: threads 0 and 1 of block 0 race on "));
}

struct Big {
  float values[20];
};
__global__ void copy_big(float* memory, int64_t from) {
  Big big;
  std::memcpy(&big, memory + from, sizeof big);
  std::memcpy(memory, &big, sizeof big);
}

TEST(DeviceMemory, copies_of_the_c_library_are_checked) {
  EXPECT_EQ(findings_of_kernel({.name = "copy_big"}, copy_big, 236), "");
  EXPECT_THAT(findings_of_kernel({.name = "copy_big"}, copy_big, 237),
              HasSubstr("kernel copy_big: thread 0 of block 0 reads "));
}

TEST(DeviceMemory, must_be_aligned_to_what_is_accessed) {
  EXPECT_THAT(findings_of([](TestGpu& gpu) {
                auto* bytes = reinterpret_cast<char*>(gpu.upload(std::vector<float>(256, 1.0F)));
                gpu::launch(gpu.stream(), {.name = "askew"}, write_index,
                            reinterpret_cast<float*>(bytes + 2), 0);
              }),
              HasSubstr("which is not aligned to 4 bytes"));
}

__global__ void add_atomically(float* memory) {
  __atomic_fetch_add(reinterpret_cast<int*>(memory), 1, __ATOMIC_RELAXED);
}

TEST(DeviceMemory, has_no_atomics) {
  EXPECT_THAT(findings_of_kernel({.name = "atomic"}, add_atomically),
              HasSubstr("kernel atomic: thread 0 of block 0 accesses 4 bytes atomically"));
}

__global__ void wait_for_zero(float* memory) {
  while (*static_cast<volatile float*>(memory) != 0.0F) {
  }
}

TEST(DeviceMemory, is_no_place_to_wait_for_other_threads) {
  EXPECT_THAT(findings_of_kernel({.name = "spin"}, wait_for_zero),
              HasSubstr("kernel spin: thread 0 of block 0 reads 4 bytes after 8388608 accesses "
                        "since its last barrier"));
}

// ---- other memory

constexpr float kTable[] = {1.0F, 2.0F, 4.0F, 8.0F};
float host_table[] = {1.0F, 2.0F};

__global__ void read_table(float* memory) { memory[threadIdx.x] = kTable[threadIdx.x]; }
__global__ void read_host(float* memory, const float* host) { memory[0] = *host; }
__global__ void use_locals(float* memory, unsigned n) {
  float values[16] = {};
  for (unsigned i = 0; i < n; ++i) values[(i * threadIdx.x) % 16] += memory[i];
  memory[16 + threadIdx.x] = values[threadIdx.x % 16];
}

TEST(OtherMemory, constants_of_the_program_may_be_read) {
  EXPECT_EQ(findings_of_kernel({.name = "table", .threads = 4}, read_table), "");
}

TEST(OtherMemory, variables_of_the_host_may_not) {
  const float on_the_stack = 1.0F;
  const std::vector<float> on_the_heap(1);
  for (const float* host : {static_cast<const float*>(host_table), &on_the_stack,
                            on_the_heap.data(), static_cast<const float*>(nullptr)})
    EXPECT_THAT(findings_of_kernel({.name = "read_host"}, read_host, host),
                HasSubstr("kernel read_host: thread 0 of block 0 reads 4 bytes at "));
}

TEST(OtherMemory, a_thread_has_its_own_locals) {
  EXPECT_EQ(findings_of_kernel({.name = "locals", .threads = 64}, use_locals, 16U), "");
}

// ---- bytes that kernels state

/// Reads 1 KiB twice and writes it once.
__global__ void double_twice(float* memory) {
  memory[threadIdx.x] = memory[threadIdx.x] + memory[threadIdx.x];
}

std::string findings_of_bytes(const gpu::KernelBytes& bytes) {
  return findings_of({.checks_kernel_bytes = true}, [&](TestGpu& gpu) {
    float* memory = gpu.upload(std::vector<float>(4096, 1.0F));
    for (int i = 0; i < 4; ++i)
      gpu::launch(gpu.stream(), {.name = "double", .threads = 1024, .bytes = bytes}, double_twice,
                  memory + 1024 * i);
  });
}

TEST(KernelBytes, lie_between_what_is_touched_and_all_accesses) {
  EXPECT_EQ(findings_of_bytes({4096, 4096}), "");
  EXPECT_EQ(findings_of_bytes({}), "");  // states none
  EXPECT_THAT(findings_of_bytes({2048, 4096}),
              HasSubstr("kernel double: states 2048 bytes read and 4096 written; it reads 4096 (in "
                        "all "));
  EXPECT_THAT(findings_of_bytes({4096, 8192}),
              HasSubstr("states 4096 bytes read and 8192 written"));
  EXPECT_EQ(findings_of_bytes({4096, 8192, true}), "");
  EXPECT_THAT(findings_of_bytes({4096, 2048, true}), HasSubstr("and 2048 written"));
}

TEST(KernelBytes, have_to_be_stated_where_nothing_runs) {
  const Options options{.execution = Execution::shapes_only};
  const auto findings = [&](const gpu::KernelBytes& bytes) {
    return findings_of(options, [&](TestGpu& gpu) {
      gpu::launch(gpu.stream(), {.name = "double", .threads = 256, .bytes = bytes}, double_twice,
                  gpu.allocate<float>(256));
    });
  };
  EXPECT_EQ(findings({1024, 1024}), "");
  EXPECT_THAT(findings({}), HasSubstr("kernel double: launched without the bytes that it moves"));
}

}  // namespace
}  // namespace isoflop::emulation
