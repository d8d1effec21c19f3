// SPDX-License-Identifier: MIT
#include "emulation/emulated_rank.hpp"

#include <cstdint>
#include <memory>

namespace isoflop::emulation {
namespace {

using testing::HasSubstr;

/// A call of the runtime that has to be refused.
struct Misuse {
  const char* name;
  cudaError_t (*call)(EmulatedRank& rank);
  cudaError_t status;
  const char* finding;
};
void PrintTo(const Misuse& misuse, std::ostream* out) { *out << misuse.name; }

cudaError_t create_pool(cudaMemAllocationType type, int device) {
  cudaMemPoolProps properties{};
  properties.allocType = type;
  properties.location = {cudaMemLocationTypeDevice, device};
  cudaMemPool_t pool = nullptr;
  return cudaMemPoolCreate(&pool, &properties);
}

cudaError_t create_stream(int priority) {
  cudaStream_t stream = nullptr;
  return cudaStreamCreateWithPriority(&stream, cudaStreamNonBlocking, priority);
}

cudaError_t create_streams_until_refused() {
  std::vector<cudaStream_t> streams;
  cudaError_t status = cudaSuccess;
  while (status == cudaSuccess && streams.size() < 100) {
    cudaStream_t stream = nullptr;
    status = cudaStreamCreateWithPriority(&stream, cudaStreamNonBlocking, 0);
    if (status == cudaSuccess) streams.push_back(stream);
  }
  for (const cudaStream_t stream : streams) cudaStreamDestroy(stream);
  return status;
}

cudaError_t use_destroyed_pool() {
  cudaMemPoolProps properties{};
  properties.allocType = cudaMemAllocationTypePinned;
  properties.location = {cudaMemLocationTypeDevice, 0};
  cudaMemPool_t pool = nullptr;
  cudaMemPoolCreate(&pool, &properties);
  cudaMemPoolDestroy(pool);
  return cudaMemPoolDestroy(pool);
}

cudaError_t set_release_threshold(const EmulatedRank& rank, uint64_t bytes) {
  return cudaMemPoolSetAttribute(rank.pool(), cudaMemPoolAttrReleaseThreshold, &bytes);
}

uint64_t unused_value;
void* unused_memory;
float unused_time;
cudaDeviceProp unused_properties;
int unused_int;

const Misuse kMisuses[] = {
    {"priority", [](EmulatedRank&) { return create_stream(-6); }, cudaErrorInvalidValue,
     "cudaStreamCreateWithPriority: priority -6"},
    {"ninth_stream", [](EmulatedRank&) { return create_streams_until_refused(); },
     cudaErrorInvalidValue, "cudaStreamCreateWithPriority: more than 8 streams"},
    {"no_handle",
     [](EmulatedRank&) {
       return cudaStreamSynchronize(reinterpret_cast<cudaStream_t>(&unused_value));
     },
     cudaErrorInvalidResourceHandle, "is not a stream"},
    {"wait_flags",
     [](EmulatedRank& rank) {
       return cudaStreamWaitEvent(rank.side, rank.record(rank.compute), cudaEventWaitExternal);
     },
     cudaErrorInvalidValue, "cudaStreamWaitEvent: flags 1"},
    {"time_of_unrecorded_event",
     [](EmulatedRank& rank) {
       const cudaEvent_t event = rank.make_event(cudaEventDefault);
       return cudaEventElapsedTime(&unused_time, event, event);
     },
     cudaErrorInvalidResourceHandle, "cudaEventElapsedTime: an event was never recorded"},
    {"pool_of_managed_memory",
     [](EmulatedRank&) { return create_pool(cudaMemAllocationTypeManaged, 0); },
     cudaErrorInvalidValue, "cudaMemPoolCreate: not a plain pool of this rank's GPU"},
    {"pool_of_another_device",
     [](EmulatedRank&) { return create_pool(cudaMemAllocationTypePinned, 1); },
     cudaErrorInvalidValue, "cudaMemPoolCreate: not a plain pool of this rank's GPU"},
    {"destroyed_pool", [](EmulatedRank&) { return use_destroyed_pool(); },
     cudaErrorInvalidResourceHandle, "the memory pool was destroyed before"},
    {"pool_threshold", [](EmulatedRank& rank) { return set_release_threshold(rank, 4096); },
     cudaErrorInvalidValue, "cudaMemPoolSetAttribute: attribute 4 or its value"},
    {"pool_attribute",
     [](EmulatedRank& rank) {
       return cudaMemPoolGetAttribute(rank.pool(), cudaMemPoolAttrUsedMemHigh, &unused_value);
     },
     cudaErrorInvalidValue, "cudaMemPoolGetAttribute: attribute 8"},
    {"no_bytes",
     [](EmulatedRank& rank) {
       return cudaMallocFromPoolAsync(&unused_memory, 0, rank.pool(), rank.compute);
     },
     cudaErrorInvalidValue, "cudaMallocFromPoolAsync: 0 bytes"},
    {"no_pinned_bytes", [](EmulatedRank&) { return cudaMallocHost(&unused_memory, 0); },
     cudaErrorInvalidValue, "cudaMallocHost: 0 bytes"},
    {"fill_of_pinned_memory",
     [](EmulatedRank& rank) {
       return cudaMemsetAsync(rank.allocate_pinned(1), 0, 4, rank.compute);
     },
     cudaErrorInvalidValue, "cudaMemsetAsync: pinned allocation 1 (4 bytes) + 0 of rank 0"},
    {"device_that_is_not",
     [](EmulatedRank&) { return cudaGetDeviceProperties(&unused_properties, 1); },
     cudaErrorInvalidDevice, "cudaGetDeviceProperties: 1"},
    {"attribute_of_device_that_is_not",
     [](EmulatedRank&) {
       return cudaDeviceGetAttribute(&unused_int, cudaDevAttrMultiProcessorCount, -1);
     },
     cudaErrorInvalidDevice, "cudaDeviceGetAttribute: -1"},
};

class CudaMisuse : public testing::TestWithParam<Misuse> {};

TEST_P(CudaMisuse, is_refused_found_and_the_last_error) {
  EXPECT_THAT(error_of([](EmulatedRank& rank) {
                EXPECT_EQ(GetParam().call(rank), GetParam().status);
                EXPECT_EQ(cudaGetLastError(), GetParam().status);
                EXPECT_STRNE(cudaGetErrorString(GetParam().status), "unrecognized error code");
                EXPECT_STRNE(cudaGetErrorName(GetParam().status), "unrecognized error code");
              }),
              HasSubstr(GetParam().finding));
}

INSTANTIATE_TEST_SUITE_P(AllCalls, CudaMisuse, testing::ValuesIn(kMisuses),
                         [](const auto& test) { return std::string(test.param.name); });

TEST(EmulationOptions, that_make_no_node_are_refused) {
  EXPECT_THAT(error_of({.n_rank = 0}, [](int) {}), HasSubstr("n_rank is not positive"));
  EXPECT_THAT(
      error_of({.sm_version = 75}, [](int) { cudaGetDeviceProperties(&unused_properties, 0); }),
      HasSubstr("no GPU of sm_version 75"));
}

TEST(HostWait, is_not_for_operations) {
  EXPECT_THAT(error_of([](EmulatedRank& rank) {
                enqueue(rank.compute, {.name = "waits", .accesses = {}, .run = [] {
                                         block_until([] { return true; }, "a host's call");
                                       }});
              }),
              HasSubstr("an operation waits like host code: a host's call"));
}

TEST(HostWait, is_in_vain_once_another_rank_has_failed) {
  std::string seen;
  EXPECT_EQ(error_of({.n_rank = 2},
                     [&](int rank) {
                       static int n_started;
                       ++n_started;
                       if (rank == 1) {
                         block_until([] { return n_started % 2 == 0; }, "the other rank");
                         throw std::runtime_error("rank 1 fails");
                       }
                       try {
                         block_until([] { return false; }, "the answer");
                       } catch (const std::runtime_error& error) {
                         seen = error.what();
                         throw;
                       }
                     }),
            "rank 1 fails");
  EXPECT_THAT(seen, HasSubstr("another rank has failed; waited in vain in the answer"));
}

TEST(PinnedMemoryOfHostDeathTest, is_closed_once_freed) {
  EXPECT_DEATH(error_of({},
                        [](int) {
                          void* memory = nullptr;
                          cudaMallocHost(&memory, 64);
                          cudaFreeHost(memory);
                          *static_cast<volatile char*>(memory) = 1;
                        }),
               "host code of rank 0 writes pinned memory of rank 0 that is not allocated: pinned "
               "allocation 1 \\(64 bytes\\) \\+ 0");
}

}  // namespace
}  // namespace isoflop::emulation
