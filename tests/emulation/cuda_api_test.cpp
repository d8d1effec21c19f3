// SPDX-License-Identifier: MIT
#include "emulation/emulated_rank.hpp"
#include "emulation/findings.hpp"
#include "emulation/launch_options.hpp"

namespace isoflop::emulation {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

void do_nothing(cudaStream_t stream) {
  enqueue(stream, {.name = "nothing", .accesses = {}, .run = {}});
}

TEST(CudaApi, default_stream_is_refused) {
  for (const cudaStream_t stream : {cudaStream_t{}, cudaStreamLegacy, cudaStreamPerThread})
    EXPECT_THAT(error_of([&](EmulatedRank& rank) {
                  float* const memory = rank.allocate(16);
                  EXPECT_EQ(cudaMemsetAsync(memory, 0, 64, stream), cudaErrorInvalidResourceHandle);
                }),
                HasSubstr("rank 0: cudaMemsetAsync: uses the default stream"));
}

TEST(CudaApi, stream_that_waits_for_the_default_stream_is_refused) {
  EXPECT_THAT(error_of({},
                       [](int) {
                         cudaStream_t stream = nullptr;
                         EXPECT_EQ(cudaStreamCreateWithPriority(&stream, cudaStreamDefault, 0),
                                   cudaErrorInvalidValue);
                       }),
              HasSubstr("waits for the default stream"));
}

TEST(CudaApi, destroyed_handles_are_refused) {
  EXPECT_THAT(error_of([](EmulatedRank& rank) {
                const cudaStream_t stream = EmulatedRank::make_stream("gone");
                cudaStreamDestroy(stream);
                EXPECT_EQ(cudaEventRecord(rank.make_event(), stream),
                          cudaErrorInvalidResourceHandle);
              }),
              HasSubstr("rank 0: cudaEventRecord: the stream was destroyed before"));
  EXPECT_THAT(error_of([](EmulatedRank&) {
                cudaEvent_t event = nullptr;
                cudaEventCreateWithFlags(&event, cudaEventDisableTiming);
                cudaEventDestroy(event);
                EXPECT_EQ(cudaEventSynchronize(event), cudaErrorInvalidResourceHandle);
              }),
              HasSubstr("rank 0: cudaEventSynchronize: the event was destroyed before"));
}

TEST(CudaApi, stream_with_work_left_is_not_destroyed) {
  EXPECT_THAT(error_of(
                  [](EmulatedRank& rank) {
                    do_nothing(rank.side);
                    EXPECT_EQ(cudaStreamDestroy(rank.side), cudaErrorNotReady);
                  },
                  {.eagerness = Eagerness::lazy}),
              HasSubstr("side has work left: rank 0, side: nothing (operation 1) is ready"));
}

TEST(CudaApi, another_ranks_stream_is_refused) {
  EXPECT_THAT(error_of({.n_rank = 2},
                       [](int r) {
                         static cudaStream_t stream_of_0;
                         if (r == 0) stream_of_0 = nullptr;
                         EmulatedRank rank;
                         if (r == 0) stream_of_0 = rank.compute;
                         block_until([] { return stream_of_0 != nullptr; }, "the stream");
                         if (r == 1) do_nothing(stream_of_0);
                         static int n_done;
                         ++n_done;
                         block_until([] { return n_done % 2 == 0; }, "the other rank");
                       }),
              HasSubstr("rank 1: nothing: the stream is rank 0's"));
}

TEST(CudaApi, a_rank_has_to_choose_its_own_gpu_first) {
  EXPECT_THAT(error_of({.n_rank = 2},
                       [](int r) {
                         cudaEvent_t event = nullptr;
                         if (r == 1) cudaEventCreateWithFlags(&event, cudaEventDisableTiming);
                       }),
              HasSubstr("rank 1: cudaEventCreateWithFlags: before cudaSetDevice, so on the GPU of "
                        "rank 0"));
  EXPECT_THAT(error_of({.n_rank = 2}, [](int) { cudaSetDevice(0); }),
              HasSubstr("rank 1: cudaSetDevice: device 0 is not the GPU of this rank"));
}

TEST(CudaApi, unknown_attributes_and_flags_are_refused) {
  int value = 0;
  EXPECT_THAT(error_of({}, [&](int) { cudaDeviceGetAttribute(&value, cudaDevAttrMaxPitch, 0); }),
              HasSubstr("cudaDeviceGetAttribute: attribute 11 is not emulated"));
  cudaEvent_t event = nullptr;
  EXPECT_THAT(error_of({}, [&](int) { cudaEventCreateWithFlags(&event, cudaEventInterprocess); }),
              HasSubstr("cudaEventCreateWithFlags: flags 4"));
}

TEST(CudaApi, waits_for_events_that_were_never_recorded_are_found) {
  EXPECT_THAT(error_of([](EmulatedRank& rank) { rank.wait(rank.compute, rank.make_event()); }),
              HasSubstr("cudaStreamWaitEvent: the event was never recorded"));
  EXPECT_THAT(error_of([](EmulatedRank& rank) { cudaEventSynchronize(rank.make_event()); }),
              HasSubstr("cudaEventSynchronize: the event was never recorded"));
}

TEST(CudaApi, a_wait_is_for_the_event_as_recorded_when_it_was_called) {
  EXPECT_THAT(error_of([](EmulatedRank& rank) {
                float* const memory = rank.allocate(16);
                const cudaEvent_t event = rank.record(rank.side);
                rank.wait(rank.compute, event);
                rank.fill(memory, 1.0F, 16, rank.side);
                cudaEventRecord(event, rank.side);
                rank.use(memory, 16, rank.compute);
              }),
              HasSubstr("nothing makes compute wait for side operation 1"));
}

TEST(CudaApi, overlapping_copy_and_wrong_kind_are_refused) {
  EXPECT_THAT(error_of([](EmulatedRank& rank) {
                float* const memory = rank.allocate(16);
                rank.copy(memory, memory + 4, 8, rank.compute);
              }),
              HasSubstr("cudaMemcpyAsync: source and destination overlap"));
  EXPECT_THAT(error_of([](EmulatedRank& rank) {
                float* const memory = rank.allocate(16);
                cudaMemcpyAsync(memory, memory + 8, 32, cudaMemcpyHostToDevice, rank.compute);
              }),
              HasSubstr("cudaMemcpyAsync: its kind does not fit the addresses"));
}

/// Milliseconds between two events with n operations between them.
float time_of(int n, Eagerness eagerness) {
  float milliseconds = -1;
  const auto body = [&](EmulatedRank& rank) {
    const cudaEvent_t from = rank.make_event(cudaEventDefault);
    const cudaEvent_t to = rank.make_event(cudaEventDefault);
    do_nothing(rank.compute);
    cudaEventRecord(from, rank.compute);
    for (int i = 0; i < n; ++i) do_nothing(rank.compute);
    cudaEventRecord(to, rank.compute);
    cudaEventSynchronize(to);
    EXPECT_EQ(cudaEventElapsedTime(&milliseconds, from, to), cudaSuccess);
  };
  EXPECT_EQ(error_of(body, {.eagerness = eagerness}), "");
  return milliseconds;
}

TEST(CudaApi, an_operation_takes_a_virtual_microsecond_in_any_order_of_execution) {
  for (const Eagerness eagerness : {Eagerness::lazy, Eagerness::eager, Eagerness::random}) {
    EXPECT_FLOAT_EQ(time_of(1, eagerness), 1e-3F);
    EXPECT_FLOAT_EQ(time_of(5, eagerness), 5e-3F);
  }
}

TEST(CudaApi, a_stream_that_waits_for_another_stands_still) {
  float milliseconds = 0;
  EXPECT_EQ(error_of([&](EmulatedRank& rank) {
              const cudaEvent_t before = rank.make_event(cudaEventDefault);
              const cudaEvent_t after = rank.make_event(cudaEventDefault);
              for (int i = 0; i < 4; ++i) do_nothing(rank.side);
              const cudaEvent_t side = rank.record(rank.side);
              cudaEventRecord(before, rank.compute);
              rank.wait(rank.compute, side);
              cudaEventRecord(after, rank.compute);
              cudaEventSynchronize(after);
              EXPECT_EQ(cudaEventElapsedTime(&milliseconds, before, after), cudaSuccess);
            }),
            "");
  EXPECT_GT(milliseconds, 3.9e-3F);
}

TEST(CudaApi, time_is_asked_of_timing_events_that_are_over) {
  float milliseconds = 0;
  EXPECT_THAT(error_of([&](EmulatedRank& rank) {
                const cudaEvent_t event = rank.record(rank.compute);
                cudaEventSynchronize(event);
                cudaEventElapsedTime(&milliseconds, event, event);
              }),
              HasSubstr("cudaEventElapsedTime: an event was created without timing"));
  EXPECT_THAT(error_of(
                  [&](EmulatedRank& rank) {
                    const cudaEvent_t event = rank.make_event(cudaEventDefault);
                    do_nothing(rank.compute);
                    cudaEventRecord(event, rank.compute);
                    EXPECT_EQ(cudaEventElapsedTime(&milliseconds, event, event), cudaErrorNotReady);
                  },
                  {.eagerness = Eagerness::eager}),
              HasSubstr("no host wait makes sure that compute operation 1 is over"));
}

TEST(CudaApi, calls_are_counted_by_rank) {
  EXPECT_EQ(error_of({.n_rank = 2},
                     [](int r) {
                       EmulatedRank rank;
                       if (r == 0) return;
                       const Counters before = counters(1);
                       float* const memory = rank.allocate(16);
                       rank.fill(memory, 1.0F, 16, rank.compute);
                       cudaStreamSynchronize(rank.compute);
                       cudaDeviceSynchronize();
                       cudaEventSynchronize(rank.record(rank.side));
                       count_launch();
                       const Counters after = counters(1);
                       EXPECT_EQ(after.allocations - before.allocations, 3) << "memory, 2 events";
                       EXPECT_EQ(after.operations - before.operations, 2) << "allocation, fill";
                       EXPECT_EQ(after.stream_waits - before.stream_waits, 1);
                       EXPECT_EQ(after.host_waits - before.host_waits, 3);
                       EXPECT_EQ(after.launches - before.launches, 1);
                       EXPECT_EQ(counters(0).launches, 0);
                     }),
            "");
}

TEST(CudaApi, trace_of_a_step_is_that_of_the_next) {
  EXPECT_EQ(error_of([](EmulatedRank& rank) {
              float* const memory = rank.allocate(16);
              const cudaEvent_t event = rank.make_event();
              const auto step = [&](std::size_t n) {
                take_trace(0);
                rank.wait(rank.compute, event);
                cudaMemsetAsync(memory, 0, 4 * n, rank.compute);
                cudaEventRecord(event, rank.compute);
                rank.wait(rank.side, event);
                rank.use(memory, 16, rank.side);
                cudaEventRecord(event, rank.side);
                return take_trace(0);
              };
              cudaEventRecord(event, rank.side);
              step(16);
              const std::vector<std::string> second = step(16);
              EXPECT_EQ(second, step(16));
              EXPECT_NE(second, step(8));
              EXPECT_THAT(
                  second,
                  ElementsAre("wait compute <- side after its operation 0",
                              testing::MatchesRegex("compute: cudaMemsetAsync 0x.* = 0, 64 bytes"),
                              "record compute after its operation 1",
                              "wait side <- compute after its operation 1", "side: use",
                              "record side after its operation 1"));
            }),
            "");
}

TEST(CudaApi, names_gpus_by_architecture) {
  const auto describe = [](int sm_version) {
    cudaDeviceProp properties{};
    EXPECT_EQ(error_of({.sm_version = sm_version},
                       [&](int) {
                         EXPECT_EQ(cudaGetDeviceProperties(&properties, 0), cudaSuccess);
                         EXPECT_EQ(properties.totalGlobalMem, 256U << 20);
                       }),
              "");
    EXPECT_EQ(properties.major * 10 + properties.minor, sm_version);
    return std::string(properties.name);
  };
  EXPECT_THAT(describe(80), HasSubstr("A100"));
  EXPECT_THAT(describe(90), HasSubstr("H100"));
  EXPECT_THAT(describe(100), HasSubstr("B200"));
}

}  // namespace
}  // namespace isoflop::emulation
