// SPDX-License-Identifier: MIT
#include "emulation/memory.hpp"

#include "emulation/emulated_rank.hpp"
#include "emulation/findings.hpp"

#include <array>
#include <chrono>
#include <cmath>
#include <cstring>

namespace isoflop::emulation {
namespace {

using testing::AllOf;
using testing::HasSubstr;

float read_volatile(const float* address) { return *static_cast<const volatile float*>(address); }
void write_volatile(float* address) { *static_cast<volatile float*>(address) = 1.0F; }

void kernel(cudaStream_t stream, const std::function<void()>& body) {
  enqueue(stream, {.name = "kernel", .accesses = {}, .run = body});
}

/// Reads or writes n floats one by one, as kernels do.
bool touch(const float* begin, std::size_t n, bool is_write) {
  bool is_allowed = true;
  for (std::size_t i = 0; i < n; ++i)
    is_allowed = check_element(begin + i, sizeof(float), is_write) && is_allowed;
  return is_allowed;
}

TEST(DeviceMemoryDeathTest, host_read_ends_with_place_and_rank) {
  EXPECT_DEATH(error_of([](EmulatedRank& rank) {
                 const float* const memory = rank.allocate(1024);
                 cudaStreamSynchronize(rank.compute);
                 read_volatile(memory + 4);
               }),
               "host code of rank 0 reads device memory of rank 0: allocation 1 \\(4096 bytes\\) "
               "\\+ 16");
}

TEST(DeviceMemoryDeathTest, host_write_is_called_a_write) {
  EXPECT_DEATH(
      error_of([](EmulatedRank& rank) { write_volatile(rank.allocate(16)); }),
      "host code of rank 0 writes device memory of rank 0: allocation 1 \\(64 bytes\\) \\+ 0");
}

TEST(DeviceMemoryDeathTest, another_ranks_memory_is_closed_to_an_operation) {
  EXPECT_DEATH(error_of({.n_rank = 2},
                        [](int) {
                          EmulatedRank rank;
                          static std::array<float*, 2> memory{};
                          memory.at(static_cast<std::size_t>(current_rank())) = rank.allocate(16);
                          block_until([] { return memory[0] && memory[1]; }, "the other's memory");
                          const int other = 1 - current_rank();
                          kernel(rank.compute, [other] {
                            read_volatile(memory.at(static_cast<std::size_t>(other)));
                          });
                        }),
               "kernel of rank . reads device memory of rank .: allocation 1");
}

TEST(DeviceMemory, is_not_a_number_until_written) {
  bool is_nan = false;
  EXPECT_EQ(error_of([&](EmulatedRank& rank) {
              const float* const memory = rank.allocate(16);
              kernel(rank.compute, [&is_nan, memory] { is_nan = std::isnan(memory[15]); });
            }),
            "");
  EXPECT_TRUE(is_nan);
}

TEST(DeviceMemory, a_read_of_what_nobody_wrote_is_found) {
  EXPECT_THAT(error_of([](EmulatedRank& rank) {
                float* const memory = rank.allocate(16);
                rank.fill(memory, 1.0F, 15, rank.compute);
                rank.use(memory, 16, rank.compute);
              }),
              HasSubstr("use (compute, operation 3) reads allocation 1 (64 bytes) + 60, where "
                        "nothing was written"));
}

TEST(DeviceMemory, a_kernels_read_beside_what_it_wrote_is_found) {
  const auto run = [](std::size_t n_read) {
    return error_of([n_read](EmulatedRank& rank) {
      float* const memory = rank.allocate(64);
      kernel(rank.compute, [memory, n_read] {
        touch(memory, 13, true);
        touch(memory, 13, true);
        touch(memory, n_read, false);
      });
    });
  };
  EXPECT_EQ(run(13), "");
  EXPECT_THAT(run(14), HasSubstr("reads allocation 1 (256 bytes) + 52, where nothing was written"));
}

TEST(DeviceMemory, spoilt_memory_must_be_written_again) {
  EXPECT_THAT(error_of([](EmulatedRank& rank) {
                float* const memory = rank.allocate(16);
                rank.fill(memory, 1.0F, 16, rank.compute);
                enqueue(rank.compute,
                        {.name = "work", .accesses = {spoils(memory + 4, 16)}, .run = {}});
                rank.use(memory, 4, rank.compute);
                rank.use(memory + 7, 1, rank.compute);
              }),
              HasSubstr("use (compute, operation 5) reads allocation 1 (64 bytes) + 28, where "
                        "nothing was written"));
}

TEST(DeviceMemory, access_past_the_end_is_found_and_not_made) {
  bool has_run = false;
  EXPECT_THAT(error_of([&](EmulatedRank& rank) {
                float* const memory = rank.allocate(15);
                enqueue(rank.compute, {.name = "long",
                                       .accesses = {writes(memory, 64)},
                                       .run = [&has_run] { has_run = true; }});
              }),
              HasSubstr("rank 0: long (compute, operation 2) writes 64 bytes out of bounds, at "
                        "allocation 1 (60 bytes) + 0"));
  EXPECT_FALSE(has_run);
}

TEST(DeviceMemory, element_past_the_end_is_found_and_refused) {
  bool inside = false, outside = true;
  EXPECT_THAT(error_of([&](EmulatedRank& rank) {
                float* const memory = rank.allocate(15);
                kernel(rank.compute, [&, memory] {
                  inside = touch(memory, 15, true);
                  outside = touch(memory + 15, 1, true);
                });
              }),
              HasSubstr("kernel (compute, operation 2) writes 4 bytes out of bounds, at allocation "
                        "1 (60 bytes) + 60"));
  EXPECT_TRUE(inside);
  EXPECT_FALSE(outside);
}

TEST(DeviceMemory, use_after_free_in_stream_order_is_found) {
  EXPECT_THAT(error_of([](EmulatedRank& rank) {
                auto* const memory = static_cast<float*>(rank.allocate_on(rank.compute, 64));
                cudaFreeAsync(memory, rank.compute);
                rank.use(memory, 16, rank.compute);
              }),
              HasSubstr("use (compute, operation 3) reads allocation 1 (64 bytes) + 0 after "
                        "cudaFreeAsync (compute, operation 2) freed it"));
}

TEST(DeviceMemory, use_on_a_stream_that_the_allocation_did_not_wait_for_is_found) {
  EXPECT_THAT(error_of([](EmulatedRank& rank) {
                auto* const memory = static_cast<float*>(rank.allocate_on(rank.compute, 64));
                rank.fill(memory, 1.0F, 16, rank.side);
                cudaDeviceSynchronize();
                cudaFreeAsync(memory, rank.compute);
              }),
              HasSubstr("fill (side, operation 1) writes allocation 1 (64 bytes) + 0, which "
                        "cudaMallocFromPoolAsync (compute, operation 1) writes; nothing makes side "
                        "wait for compute operation 1"));
}

TEST(DeviceMemory, free_that_does_not_wait_for_a_use_is_found) {
  EXPECT_THAT(error_of(
                  [](EmulatedRank& rank) {
                    auto* const memory = static_cast<float*>(rank.allocate_on(rank.compute, 64));
                    rank.wait(rank.side, rank.record(rank.compute));
                    rank.use(memory, 16, rank.side);
                    cudaFreeAsync(memory, rank.compute);
                  },
                  {.eagerness = Eagerness::eager}),
              HasSubstr("cudaFreeAsync (compute, operation 2) writes allocation 1 (64 bytes) + 0, "
                        "which use (side, operation 1) reads"));
}

TEST(DeviceMemory, is_not_freed_twice_nor_from_the_middle_nor_by_another_rank) {
  EXPECT_THAT(error_of({.n_rank = 2},
                       [](int) {
                         EmulatedRank rank;
                         static std::array<float*, 2> memory{};
                         memory.at(static_cast<std::size_t>(current_rank())) = rank.allocate(16);
                         block_until([] { return memory[0] && memory[1]; }, "the other's memory");
                         if (current_rank() == 0) {
                           cudaFreeAsync(memory[0] + 1, rank.compute);
                           cudaFreeAsync(memory[1], rank.compute);
                           void* const twice = rank.allocate_on(rank.compute, 4);
                           cudaFreeAsync(twice, rank.compute);
                           cudaFreeAsync(twice, rank.compute);
                         }
                       }),
              AllOf(HasSubstr("rank 0: cudaFreeAsync: allocation 1 (64 bytes) + 4 of rank 0 is not "
                              "the start of memory of this GPU"),
                    HasSubstr("allocation 1 (64 bytes) + 0 of rank 1 is not the start"),
                    HasSubstr("cudaFreeAsync: allocation 2 (4 bytes) + 0 was freed before")));
}

TEST(DeviceMemory, ends_where_options_say) {
  EXPECT_EQ(error_of(
                [](EmulatedRank& rank) {
                  std::size_t available = 0, total = 0;
                  EXPECT_EQ(cudaMemGetInfo(&available, &total), cudaSuccess);
                  EXPECT_EQ(available, 4096U);
                  void* memory = nullptr;
                  EXPECT_EQ(cudaMallocFromPoolAsync(&memory, 4097, rank.pool(), rank.compute),
                            cudaErrorMemoryAllocation);
                  EXPECT_EQ(cudaGetLastError(), cudaErrorMemoryAllocation);
                  EXPECT_EQ(cudaGetLastError(), cudaSuccess);
                  EXPECT_NE(rank.allocate(1024), nullptr);
                  EXPECT_EQ(cudaMemGetInfo(&available, &total), cudaSuccess);
                  EXPECT_EQ(available, 0U);
                },
                {.memory_bytes = 4096}),
            "");
}

TEST(DeviceMemory, pageable_memory_is_neither_copied_nor_touched) {
  EXPECT_THAT(error_of([](EmulatedRank& rank) {
                float* const memory = rank.allocate(16);
                std::array<float, 16> pageable{};
                EXPECT_EQ(
                    cudaMemcpyAsync(memory, pageable.data(), 64, cudaMemcpyDefault, rank.compute),
                    cudaErrorInvalidValue);
                kernel(rank.compute, [&] { EXPECT_FALSE(touch(pageable.data(), 1, false)); });
                cudaStreamSynchronize(rank.compute);
              }),
              AllOf(HasSubstr("cudaMemcpyAsync: memory at 0x"),
                    HasSubstr("kernel (compute, operation 2) reads 4 bytes of memory at 0x")));
}

TEST(DeviceMemory, what_is_left_allocated_is_named) {
  EXPECT_THAT(error_of({},
                       [](int) {
                         cudaEvent_t event = nullptr;
                         cudaEventCreateWithFlags(&event, cudaEventDisableTiming);
                         void* pinned = nullptr;
                         cudaMallocHost(&pinned, 5);
                         EmulatedRank rank;
                         rank.allocate_on(rank.compute, 7);
                         EmulatedRank::make_stream("third");
                       }),
              AllOf(HasSubstr("rank 0: allocation 1 (7 bytes) was not freed"),
                    HasSubstr("rank 0: pinned allocation 1 (5 bytes) was not freed"),
                    HasSubstr("rank 0: stream third was not destroyed"),
                    HasSubstr("rank 0: 1 events were not destroyed")));
}

class ElementOrder : public testing::TestWithParam<Eagerness> {};

TEST_P(ElementOrder, unordered_element_is_found_and_its_neighbours_are_not_blamed) {
  const auto run = [&](std::size_t offset) {
    return error_of(
        [offset](EmulatedRank& rank) {
          float* const memory = rank.allocate(64);
          rank.fill(memory, 1.0F, 64, rank.compute);
          rank.wait(rank.side, rank.record(rank.compute));
          kernel(rank.side, [memory] { touch(memory, 13, true); });
          kernel(rank.compute, [memory, offset] { touch(memory + offset, 20, false); });
        },
        {.eagerness = GetParam()});
  };
  EXPECT_EQ(run(13), "") << "another part of the same 32 bytes";
  EXPECT_THAT(run(12), HasSubstr("kernel (compute, operation 3) reads allocation 1 (256 bytes) + "
                                 "48, which kernel (side, operation 1) writes"));
}

TEST_P(ElementOrder, an_element_checked_before_is_checked_again_by_the_next_operation) {
  EXPECT_THAT(error_of(
                  [](EmulatedRank& rank) {
                    float* const memory = rank.allocate(64);
                    kernel(rank.compute, [memory] { touch(memory, 64, true); });
                    rank.wait(rank.side, rank.record(rank.compute));
                    kernel(rank.compute, [memory] { touch(memory, 64, true); });
                    kernel(rank.side, [memory] { touch(memory, 64, true); });
                  },
                  {.eagerness = GetParam()}),
              HasSubstr("nothing makes side wait for compute operation 3"));
}

INSTANTIATE_TEST_SUITE_P(AllModes, ElementOrder,
                         testing::Values(Eagerness::lazy, Eagerness::eager, Eagerness::random));

TEST(PinnedMemoryDeathTest, host_write_before_a_copy_has_read_it_names_the_copy) {
  EXPECT_DEATH(error_of([](EmulatedRank& rank) {
                 float* const memory = rank.allocate(16);
                 float* const pinned = rank.allocate_pinned(16);
                 rank.copy(memory, pinned, 16, rank.side);
                 read_volatile(pinned);
                 write_volatile(pinned + 2);
               }),
               "host code of rank 0 writes pinned memory of rank 0, pinned allocation 1 \\(64 "
               "bytes\\) \\+ 8, that cudaMemcpyAsync \\(side, operation 1\\) may still read; no "
               "host wait orders them");
}

TEST(PinnedMemoryDeathTest, host_read_before_a_copy_has_written_it_names_the_copy) {
  for (const Eagerness eagerness : {Eagerness::lazy, Eagerness::eager})
    EXPECT_DEATH(error_of(
                     [](EmulatedRank& rank) {
                       const float* const memory = rank.allocate(16);
                       float* const pinned = rank.allocate_pinned(16);
                       rank.copy(pinned, memory, 16, rank.side);
                       cudaStreamSynchronize(rank.compute);
                       read_volatile(pinned);
                     },
                     {.eagerness = eagerness}),
                 "reads pinned memory of rank 0, pinned allocation 1 \\(64 bytes\\) \\+ 0, that "
                 "cudaMemcpyAsync \\(side, operation 1\\) may still write");
}

TEST(PinnedMemoryDeathTest, is_closed_to_the_host_when_a_kernel_was_seen_to_read_it) {
  EXPECT_DEATH(error_of(
                   [](EmulatedRank& rank) {
                     float* const pinned = rank.allocate_pinned(16);
                     kernel(rank.side, [pinned] { touch(pinned, 16, false); });
                     write_volatile(pinned);
                   },
                   {.eagerness = Eagerness::eager}),
               "that kernel \\(side, operation 1\\) may still read");
}

TEST(PinnedMemory, is_open_to_the_host_after_it_waited_for_the_copy) {
  float result = 0;
  EXPECT_EQ(error_of([&](EmulatedRank& rank) {
              float* const memory = rank.allocate(16);
              float* const pinned = rank.allocate_pinned(16);
              pinned[7] = 5.0F;
              rank.copy(memory, pinned, 16, rank.side);
              const cudaEvent_t copied = rank.record(rank.side);
              EXPECT_EQ(pinned[7], 5.0F) << "both only read";
              cudaEventSynchronize(copied);
              pinned[7] = 6.0F;
              rank.copy(pinned + 8, memory, 8, rank.side);
              cudaStreamSynchronize(rank.side);
              result = pinned[15];
            }),
            "");
  EXPECT_EQ(result, 5.0F);
}

TEST(PinnedMemory, is_not_freed_while_a_copy_may_use_it) {
  EXPECT_THAT(error_of([](EmulatedRank& rank) {
                float* const memory = rank.allocate(16);
                float* const pinned = rank.allocate_pinned(16);
                rank.copy(memory, pinned, 16, rank.side);
                EXPECT_EQ(cudaFreeHost(pinned), cudaErrorInvalidValue);
              }),
              HasSubstr("cudaFreeHost: cudaMemcpyAsync (side, operation 1) may still use pinned "
                        "allocation 1 (64 bytes) + 0; no host wait orders them"));
}

}  // namespace
}  // namespace isoflop::emulation
