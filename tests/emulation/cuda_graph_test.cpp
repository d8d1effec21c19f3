// SPDX-License-Identifier: MIT
#include "emulation/emulated_rank.hpp"

#include <string>

namespace isoflop::emulation {
namespace {

using testing::HasSubstr;

/// What `enqueue` puts on the rank's compute stream.
cudaGraph_t capture(const EmulatedRank& rank, const std::function<void()>& enqueue) {
  EXPECT_EQ(cudaStreamBeginCapture(rank.compute, cudaStreamCaptureModeThreadLocal), cudaSuccess);
  enqueue();
  cudaGraph_t graph = nullptr;
  EXPECT_EQ(cudaStreamEndCapture(rank.compute, &graph), cudaSuccess);
  return graph;
}

cudaGraphExec_t instantiate(cudaGraph_t graph) {
  cudaGraphExec_t executable = nullptr;
  EXPECT_EQ(cudaGraphInstantiate(&executable, graph, 0), cudaSuccess);
  EXPECT_EQ(cudaGraphDestroy(graph), cudaSuccess);
  return executable;
}

TEST(CudaGraph, runs_what_was_captured_whenever_it_is_launched_and_not_before) {
  EXPECT_EQ(error_of([](EmulatedRank& rank) {
              float* const device = rank.allocate(1);
              float* const host = rank.allocate_pinned(1);
              rank.fill(device, 1, 1, rank.compute);
              const auto value = [&] {
                rank.copy(host, device, 1, rank.compute);
                cudaStreamSynchronize(rank.compute);
                return *host;
              };
              const int64_t before = counters(0).operations;
              const cudaGraphExec_t graph = instantiate(capture(rank, [&] {
                enqueue(rank.compute, {.name = "double",
                                       .accesses = {reads(device, 4), writes(device, 4)},
                                       .run = [device] { *device *= 2; }});
              }));
              EXPECT_EQ(counters(0).operations, before);
              EXPECT_EQ(value(), 1);
              for (const float expected : {2.F, 4.F, 8.F}) {
                EXPECT_EQ(cudaGraphLaunch(graph, rank.compute), cudaSuccess);
                EXPECT_EQ(value(), expected);
              }
              EXPECT_EQ(counters(0).graph_launches, 3);
              EXPECT_EQ(cudaGraphExecDestroy(graph), cudaSuccess);
            }),
            "");
}

TEST(CudaGraph, is_one_call_of_the_host_in_the_timeline) {
  EXPECT_EQ(error_of({.execution = Execution::shapes_only},
                     [](int) {
                       EmulatedRank rank;
                       float* const memory = rank.allocate(2);
                       const cudaGraphExec_t graph = instantiate(capture(rank, [&] {
                         cudaMemsetAsync(memory, 0, 4, rank.compute);
                         cudaMemsetAsync(memory + 1, 0, 4, rank.compute);
                       }));
                       take_timeline(0);
                       cudaGraphLaunch(graph, rank.compute);
                       cudaMemsetAsync(memory, 0, 4, rank.compute);
                       const auto timeline = take_timeline(0);
                       ASSERT_EQ(timeline.size(), 3U);
                       EXPECT_EQ(timeline[1].host_calls, timeline[0].host_calls);
                       EXPECT_EQ(timeline[2].host_calls, timeline[0].host_calls + 1);
                       EXPECT_TRUE(timeline[1].work.in_graph);
                       EXPECT_FALSE(timeline[2].work.in_graph);
                       cudaGraphExecDestroy(graph);
                     }),
            "");
}

TEST(CudaGraph, that_is_left_is_a_leak) {
  EXPECT_THAT(error_of([](EmulatedRank& rank) { instantiate(capture(rank, [] {})); }),
              HasSubstr("rank 0: 1 of kind 'executable graph' not destroyed"));
}

TEST(CudaGraph, whose_memory_was_freed_reads_what_is_not_there) {
  EXPECT_THAT(error_of([](EmulatedRank& rank) {
                void* const memory = rank.allocate_on(rank.compute, 4);
                const cudaGraphExec_t graph = instantiate(
                    capture(rank, [&] { cudaMemsetAsync(memory, 0, 4, rank.compute); }));
                cudaFreeAsync(memory, rank.compute);
                cudaGraphLaunch(graph, rank.compute);
                cudaStreamSynchronize(rank.compute);
                cudaGraphExecDestroy(graph);
              }),
              HasSubstr("cudaMemsetAsync"));
}

TEST(CudaGraph, refused_by_a_fault_is_no_finding) {
  set_faults({.refuse_capture = 0});
  EXPECT_EQ(error_of([](EmulatedRank& rank) {
              cudaGraph_t graph = nullptr;
              cudaStreamBeginCapture(rank.compute, cudaStreamCaptureModeThreadLocal);
              EXPECT_EQ(cudaStreamEndCapture(rank.compute, &graph),
                        cudaErrorStreamCaptureInvalidated);
              EXPECT_EQ(graph, nullptr);
            }),
            "");
}

/// A call that may not be made while the compute stream captures.
struct NotInCapture {
  const char* name;
  cudaError_t (*call)(EmulatedRank& rank, cudaEvent_t event, float* memory);
  cudaError_t status;
};
void PrintTo(const NotInCapture& misuse, std::ostream* out) { *out << misuse.name; }

void* unused;
const NotInCapture kNotInCapture[] = {
    {"cudaStreamSynchronize",
     [](EmulatedRank& rank, cudaEvent_t, float*) { return cudaStreamSynchronize(rank.side); },
     cudaErrorStreamCaptureUnsupported},
    {"cudaDeviceSynchronize",
     [](EmulatedRank&, cudaEvent_t, float*) { return cudaDeviceSynchronize(); },
     cudaErrorStreamCaptureUnsupported},
    {"cudaEventSynchronize",
     [](EmulatedRank&, cudaEvent_t event, float*) { return cudaEventSynchronize(event); },
     cudaErrorStreamCaptureUnsupported},
    {"cudaEventRecord",
     [](EmulatedRank& rank, cudaEvent_t event, float*) {
       return cudaEventRecord(event, rank.compute);
     },
     cudaErrorStreamCaptureUnsupported},
    {"cudaStreamWaitEvent",
     [](EmulatedRank& rank, cudaEvent_t event, float*) {
       return cudaStreamWaitEvent(rank.compute, event, 0);
     },
     cudaErrorStreamCaptureIsolation},
    {"cudaMallocFromPoolAsync",
     [](EmulatedRank& rank, cudaEvent_t, float*) {
       return cudaMallocFromPoolAsync(&unused, 4, rank.pool(), rank.compute);
     },
     cudaErrorStreamCaptureUnsupported},
    {"cudaFreeAsync",
     [](EmulatedRank& rank, cudaEvent_t, float* memory) {
       return cudaFreeAsync(memory, rank.side);
     },
     cudaErrorStreamCaptureUnsupported},
    {"cudaMallocHost",
     [](EmulatedRank&, cudaEvent_t, float*) { return cudaMallocHost(&unused, 4); },
     cudaErrorStreamCaptureUnsupported},
    {"cudaStreamBeginCapture",
     [](EmulatedRank& rank, cudaEvent_t, float*) {
       return cudaStreamBeginCapture(rank.side, cudaStreamCaptureModeThreadLocal);
     },
     cudaErrorStreamCaptureUnsupported},
};

class InCapture : public testing::TestWithParam<NotInCapture> {};

TEST_P(InCapture, is_refused_and_found) {
  EXPECT_THAT(error_of([](EmulatedRank& rank) {
                const cudaEvent_t event = rank.record(rank.side);
                float* const memory = rank.allocate(1);
                cudaGraphDestroy(capture(rank, [&] {
                  EXPECT_EQ(GetParam().call(rank, event, memory), GetParam().status);
                }));
              }),
              HasSubstr(std::string("rank 0: ") + GetParam().name));
}

INSTANTIATE_TEST_SUITE_P(AllCalls, InCapture, testing::ValuesIn(kNotInCapture),
                         [](const auto& test) { return std::string(test.param.name); });

TEST(CudaGraphMisuse, is_refused_and_found) {
  EXPECT_THAT(error_of([](EmulatedRank& rank) {
                EXPECT_EQ(cudaStreamBeginCapture(rank.compute, cudaStreamCaptureModeGlobal),
                          cudaErrorInvalidValue);
              }),
              HasSubstr("calls of other threads would end the capture"));
  EXPECT_THAT(error_of([](EmulatedRank& rank) {
                cudaGraph_t graph = nullptr;
                EXPECT_EQ(cudaStreamEndCapture(rank.compute, &graph), cudaErrorIllegalState);
              }),
              HasSubstr("nothing is captured"));
  EXPECT_THAT(error_of([](EmulatedRank& rank) {
                const cudaGraphExec_t graph = instantiate(capture(rank, [] {}));
                cudaGraphExecDestroy(graph);
                EXPECT_EQ(cudaGraphLaunch(graph, rank.compute), cudaErrorInvalidResourceHandle);
              }),
              HasSubstr("executable graph was destroyed before"));
}

}  // namespace
}  // namespace isoflop::emulation
