// SPDX-License-Identifier: MIT
#include "emulation/test_gpu.hpp"

#include <nccl.h>

#include <array>

namespace isoflop::emulation {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr int kRanks = 4;

/// Every rank's communicator of all ranks.
ncclComm_t join_world(ncclUniqueId& id, int n_rank, int rank) {
  if (rank == 0) {
    EXPECT_EQ(ncclGetUniqueId(&id), ncclSuccess);
  }
  block_until([&] { return id.internal[0] != 0; }, "waiting for the id");
  ncclComm_t comm = nullptr;
  EXPECT_EQ(ncclCommInitRank(&comm, n_rank, id, rank), ncclSuccess);
  return comm;
}

/// Findings of a body with a communicator of all ranks, which is destroyed after it, with work done
/// late, early and at random.
std::string run_with_world(int n_rank, const std::function<void(TestGpu&, ncclComm_t, int)>& body) {
  std::string findings;
  for (const Eagerness eagerness : {Eagerness::lazy, Eagerness::eager, Eagerness::random}) {
    ncclUniqueId id{};
    findings +=
        run_and_find({.n_rank = n_rank, .eagerness = eagerness}, [&](TestGpu& gpu, int rank) {
          const ncclComm_t comm = join_world(id, n_rank, rank);
          body(gpu, comm, rank);
          cudaStreamSynchronize(gpu.stream());
          ncclCommDestroy(comm);
        });
  }
  return findings;
}

float own(int rank, int i) { return static_cast<float>(10 * rank + i); }

TEST(Nccl, communicator_knows_its_size_and_rank) {
  EXPECT_THAT(run_with_world(kRanks,
                             [](TestGpu&, ncclComm_t comm, int rank) {
                               int count = 0, own_rank = -1;
                               ncclResult_t state = ncclInternalError;
                               ncclCommCount(comm, &count);
                               ncclCommUserRank(comm, &own_rank);
                               ncclCommGetAsyncError(comm, &state);
                               EXPECT_EQ(count, kRanks);
                               EXPECT_EQ(own_rank, rank);
                               EXPECT_EQ(state, ncclSuccess);
                             }),
              IsEmpty());
}

TEST(Nccl, all_gather_puts_parts_in_rank_order) {
  EXPECT_THAT(
      run_with_world(
          kRanks,
          [](TestGpu& gpu, ncclComm_t comm, int rank) {
            const float* const in = gpu.upload<float>({own(rank, 0), own(rank, 1)});
            float* const out = gpu.allocate<float>(2 * kRanks);
            EXPECT_EQ(ncclAllGather(in, out, 2, ncclFloat32, comm, gpu.stream()), ncclSuccess);
            EXPECT_THAT(gpu.download(out, 2 * kRanks), ElementsAre(0, 1, 10, 11, 20, 21, 30, 31));
          }),
      IsEmpty());
}

TEST(Nccl, all_gather_works_in_place_at_the_ranks_part) {
  EXPECT_THAT(run_with_world(2,
                             [](TestGpu& gpu, ncclComm_t comm, int rank) {
                               int64_t* const out = gpu.upload<int64_t>({rank * 7, rank * 7});
                               ncclAllGather(out + rank, out, 1, ncclInt64, comm, gpu.stream());
                               EXPECT_THAT(gpu.download(out, 2), ElementsAre(0, 7));
                             }),
              IsEmpty());
}

TEST(Nccl, reduce_scatter_sums_each_part) {
  EXPECT_THAT(run_with_world(
                  2,
                  [](TestGpu& gpu, ncclComm_t comm, int rank) {
                    const float* const in =
                        gpu.upload<float>({own(rank, 0), own(rank, 1), own(rank, 2), own(rank, 3)});
                    float* const out = gpu.allocate<float>(2);
                    ncclReduceScatter(in, out, 2, ncclFloat32, ncclSum, comm, gpu.stream());
                    const float first = rank == 0 ? 10.0f : 14.0f;
                    EXPECT_THAT(gpu.download(out, 2), ElementsAre(first, first + 2));
                  }),
              IsEmpty());
}

TEST(Nccl, reduce_scatter_works_in_place) {
  EXPECT_THAT(run_with_world(2,
                             [](TestGpu& gpu, ncclComm_t comm, int rank) {
                               double* const in = gpu.upload<double>({1.0 + rank, 5.0 + rank});
                               ncclReduceScatter(in, in + rank, 1, ncclFloat64, ncclMax, comm,
                                                 gpu.stream());
                               EXPECT_EQ(gpu.download(in, 2)[static_cast<std::size_t>(rank)],
                                         rank == 0 ? 2.0 : 6.0);
                             }),
              IsEmpty());
}

TEST(Nccl, bf16_sums_are_rounded_once) {
  // 256 + 1 + 1 + 1 is 259 in f32, then 260 in bf16 (steps of 2); rounded each time it stays 256.
  EXPECT_THAT(
      run_with_world(kRanks,
                     [](TestGpu& gpu, ncclComm_t comm, int rank) {
                       __nv_bfloat16* const data = gpu.upload(to_bf16({rank == 0 ? 256.0f : 1.0f}));
                       ncclAllReduce(data, data, 1, ncclBfloat16, ncclSum, comm, gpu.stream());
                       EXPECT_THAT(to_f32(gpu.download(data, 1)), ElementsAre(260.0f));
                     }),
      IsEmpty());
}

TEST(Nccl, all_reduce_takes_sum_and_max_of_integers) {
  EXPECT_THAT(run_with_world(kRanks,
                             [](TestGpu& gpu, ncclComm_t comm, int rank) {
                               int32_t* const data = gpu.upload<int32_t>({rank, -rank});
                               int32_t* const out = gpu.allocate<int32_t>(2);
                               ncclAllReduce(data, out, 2, ncclInt32, ncclMax, comm, gpu.stream());
                               EXPECT_THAT(gpu.download(out, 2), ElementsAre(3, 0));
                               ncclAllReduce(data, data, 2, ncclInt32, ncclSum, comm, gpu.stream());
                               EXPECT_THAT(gpu.download(data, 2), ElementsAre(6, -6));
                             }),
              IsEmpty());
}

TEST(Nccl, broadcast_takes_the_roots_data) {
  EXPECT_THAT(run_with_world(kRanks,
                             [](TestGpu& gpu, ncclComm_t comm, int rank) {
                               float* const data = gpu.upload<float>({own(rank, 5)});
                               ncclBroadcast(data, data, 1, ncclFloat32, 2, comm, gpu.stream());
                               EXPECT_THAT(gpu.download(data, 1), ElementsAre(25));
                             }),
              IsEmpty());
}

TEST(Nccl, split_orders_ranks_by_key_within_a_color) {
  EXPECT_THAT(run_with_world(kRanks,
                             [](TestGpu& gpu, ncclComm_t world, int rank) {
                               ncclComm_t pair = nullptr;
                               ASSERT_EQ(ncclCommSplit(world, rank % 2, -rank, &pair, nullptr),
                                         ncclSuccess);
                               int pair_rank = -1;
                               ncclCommUserRank(pair, &pair_rank);
                               EXPECT_EQ(pair_rank, rank < 2 ? 1 : 0);
                               const float* const in = gpu.upload<float>({own(rank, 0)});
                               float* const out = gpu.allocate<float>(2);
                               ncclAllGather(in, out, 1, ncclFloat32, pair, gpu.stream());
                               EXPECT_THAT(gpu.download(out, 2),
                                           ElementsAre(own(rank % 2 + 2, 0), own(rank % 2, 0)));
                               ncclCommFinalize(pair);
                               ncclCommDestroy(pair);
                             }),
              IsEmpty());
}

TEST(Nccl, split_without_color_gives_no_communicator) {
  EXPECT_THAT(run_with_world(2,
                             [](TestGpu&, ncclComm_t world, int rank) {
                               ncclComm_t part = world;
                               ncclCommSplit(world, rank == 0 ? 0 : NCCL_SPLIT_NOCOLOR, 0, &part,
                                             nullptr);
                               EXPECT_EQ(part == nullptr, rank == 1);
                               if (part) ncclCommDestroy(part);
                             }),
              IsEmpty());
}

TEST(Nccl, grouped_calls_start_at_the_end_of_the_group) {
  EXPECT_THAT(run_with_world(2,
                             [](TestGpu& gpu, ncclComm_t comm, int rank) {
                               float* const a = gpu.upload<float>({own(rank, 1)});
                               float* const b = gpu.upload<float>({own(rank, 2)});
                               const int64_t before = counters(rank).operations;
                               ncclGroupStart();
                               ncclAllReduce(a, a, 1, ncclFloat32, ncclSum, comm, gpu.stream());
                               ncclAllReduce(b, b, 1, ncclFloat32, ncclSum, comm, gpu.stream());
                               EXPECT_EQ(counters(rank).operations, before);
                               ncclGroupEnd();
                               EXPECT_THAT(gpu.download(a, 1), ElementsAre(12));
                               EXPECT_THAT(gpu.download(b, 1), ElementsAre(14));
                             }),
              IsEmpty());
}

TEST(Nccl, messages_of_a_group_go_both_ways_at_once) {
  EXPECT_THAT(run_with_world(kRanks,
                             [](TestGpu& gpu, ncclComm_t comm, int rank) {
                               const float* const out = gpu.upload<float>({own(rank, 1)});
                               float* const in = gpu.allocate<float>(kRanks);
                               ncclGroupStart();
                               for (int peer = 0; peer < kRanks; ++peer) {
                                 ncclSend(out, 1, ncclFloat32, peer, comm, gpu.stream());
                                 ncclRecv(in + peer, 1, ncclFloat32, peer, comm, gpu.stream());
                               }
                               ncclGroupEnd();
                               EXPECT_THAT(gpu.download(in, kRanks), ElementsAre(1, 11, 21, 31));
                             }),
              IsEmpty());
}

TEST(Nccl, messages_between_two_ranks_keep_their_order) {
  EXPECT_THAT(run_with_world(2,
                             [](TestGpu& gpu, ncclComm_t comm, int rank) {
                               float* const data = gpu.upload<float>({own(rank, 1), own(rank, 2)});
                               for (int i = 0; i < 2; ++i)
                                 if (rank == 0)
                                   ncclSend(data + i, 1, ncclFloat32, 1, comm, gpu.stream());
                                 else
                                   ncclRecv(data + i, 1, ncclFloat32, 0, comm, gpu.stream());
                               EXPECT_THAT(gpu.download(data, 2), ElementsAre(1, 2));
                             }),
              IsEmpty());
}

// Each waits for the other to receive; in one group they would not.
TEST(Nccl, messages_crossing_outside_a_group_hang) {
  ncclUniqueId id{};
  std::string message;
  try {
    run_ranks({.n_rank = 2}, [&](int rank) {
      TestGpu gpu;
      const ncclComm_t comm = join_world(id, 2, rank);
      float* const data = gpu.upload<float>({1, 2});
      ncclSend(data, 1, ncclFloat32, 1 - rank, comm, gpu.stream());
      ncclRecv(data + 1, 1, ncclFloat32, 1 - rank, comm, gpu.stream());
      cudaStreamSynchronize(gpu.stream());
    });
  } catch (const std::runtime_error& error) {
    message = error.what();
  }
  EXPECT_THAT(message, HasSubstr("rank 1, stream 0: ncclSend (operation 4) is not ready"));
  take_findings();
}

TEST(Nccl, messages_of_other_size_or_without_receiver_are_found) {
  const std::string findings = run_with_world(2, [](TestGpu& gpu, ncclComm_t comm, int rank) {
    float* const data = gpu.upload<float>({own(rank, 0), own(rank, 1)});
    if (rank == 0)
      ncclSend(data, 2, ncclFloat32, 1, comm, gpu.stream());
    else
      ncclRecv(data, 1, ncclFloat32, 0, comm, gpu.stream());
    EXPECT_THAT(gpu.download(data, 2), ElementsAre(own(rank, 0), own(rank, 1)));
  });
  EXPECT_THAT(findings, HasSubstr("ncclSend of 2 f32"));
  EXPECT_THAT(findings, HasSubstr("of 1 f32"));

  EXPECT_THAT(run_and_find(2,
                           [id = ncclUniqueId{}](TestGpu& gpu, int rank) mutable {
                             const ncclComm_t comm = join_world(id, 2, rank);
                             float* const data = gpu.upload<float>({1.0f});
                             if (rank == 1) ncclSend(data, 1, ncclFloat32, 0, comm, gpu.stream());
                             ncclCommDestroy(comm);
                           }),
              HasSubstr("rank 1 sent 1 messages to rank 0, which received 0"));
}

TEST(Nccl, different_counts_are_found_and_nothing_moves) {
  const std::string findings = run_with_world(2, [](TestGpu& gpu, ncclComm_t comm, int rank) {
    float* const data = gpu.upload<float>({own(rank, 0), own(rank, 1)});
    ncclAllReduce(data, data, rank == 0 ? 1 : 2, ncclFloat32, ncclSum, comm, gpu.stream());
    EXPECT_THAT(gpu.download(data, 2), ElementsAre(own(rank, 0), own(rank, 1)));
  });
  EXPECT_THAT(findings, HasSubstr("collective 0: rank"));
  EXPECT_THAT(findings, HasSubstr("ncclAllReduce of 1 f32 by sum"));
  EXPECT_THAT(findings, HasSubstr("ncclAllReduce of 2 f32 by sum"));
}

TEST(Nccl, different_kinds_roots_and_operators_are_found) {
  const std::string findings = run_with_world(2, [](TestGpu& gpu, ncclComm_t comm, int rank) {
    float* const data = gpu.upload<float>({1.0f});
    const cudaStream_t stream = gpu.stream();
    ncclBroadcast(data, data, 1, ncclFloat32, rank, comm, stream);
    ncclAllReduce(data, data, 1, ncclFloat32, rank == 0 ? ncclSum : ncclMax, comm, stream);
    if (rank == 0)
      ncclAllReduce(data, data, 1, ncclFloat32, ncclSum, comm, stream);
    else
      ncclBroadcast(data, data, 1, ncclFloat32, 0, comm, stream);
  });
  EXPECT_THAT(findings, HasSubstr("ncclBroadcast of 1 f32 from 1"));
  EXPECT_THAT(findings, HasSubstr("ncclAllReduce of 1 f32 by max"));
  EXPECT_THAT(findings, HasSubstr("collective 2"));
}

TEST(Nccl, missing_call_is_found_at_destruction) {
  const std::string findings =
      run_and_find(2, [id = ncclUniqueId{}](TestGpu& gpu, int rank) mutable {
        const ncclComm_t comm = join_world(id, 2, rank);
        float* const data = gpu.upload<float>({1.0f});
        if (rank == 1) ncclAllReduce(data, data, 1, ncclFloat32, ncclSum, comm, gpu.stream());
        ncclCommDestroy(comm);
      });
  EXPECT_THAT(findings, HasSubstr("rank 1 made 1 collective calls, rank 0 0"));
}

TEST(Nccl, overlap_other_than_in_place_is_found) {
  const std::string findings = run_with_world(2, [](TestGpu& gpu, ncclComm_t comm, int rank) {
    float* const data = gpu.upload<float>({1, 2, 3});
    EXPECT_EQ(ncclAllGather(data + 1 - rank, data, 1, ncclFloat32, comm, gpu.stream()),
              ncclInvalidArgument);
    EXPECT_THAT(ncclGetLastError(comm), HasSubstr("overlap"));
  });
  EXPECT_THAT(findings, HasSubstr("overlap, and not as NCCL's in-place form allows"));
}

TEST(Nccl, buffer_of_the_wrong_size_is_found) {
  EXPECT_THAT(run_with_world(2,
                             [](TestGpu& gpu, ncclComm_t comm, int) {
                               const float* const in = gpu.upload<float>(std::vector<float>(64));
                               float* const out = gpu.allocate<float>(64);
                               ncclAllGather(in, out, 64, ncclFloat32, comm, gpu.stream());
                               cudaStreamSynchronize(gpu.stream());
                             }),
              HasSubstr("ncclAllGather"));
}

TEST(Nccl, types_and_operators_that_are_not_emulated_are_found) {
  const std::string findings = run_with_world(1, [](TestGpu& gpu, ncclComm_t comm, int) {
    float* const data = gpu.upload<float>({1.0f});
    const cudaStream_t stream = gpu.stream();
    EXPECT_EQ(ncclAllReduce(data, data, 1, ncclUint32, ncclSum, comm, stream), ncclInvalidArgument);
    EXPECT_EQ(ncclAllReduce(data, data, 1, ncclFloat32, ncclAvg, comm, stream),
              ncclInvalidArgument);
    EXPECT_EQ(ncclBroadcast(data, data, 1, ncclFloat32, 1, comm, stream), ncclInvalidArgument);
    EXPECT_EQ(ncclSend(data, 1, ncclFloat32, 1, comm, stream), ncclInvalidArgument);
    EXPECT_EQ(ncclRecv(nullptr, 1, ncclFloat32, 0, comm, stream), ncclInvalidArgument);
    EXPECT_EQ(ncclGroupEnd(), ncclInvalidUsage);
  });
  EXPECT_THAT(findings, HasSubstr("data type 3 is not emulated"));
  EXPECT_THAT(findings, HasSubstr("reduction 4 is not emulated"));
  EXPECT_THAT(findings, HasSubstr("root 1 is outside"));
  EXPECT_THAT(findings, HasSubstr("peer 1 is outside"));
  EXPECT_THAT(findings, HasSubstr("ncclRecv of 1 f32 from 0: a buffer is null"));
  EXPECT_THAT(findings, HasSubstr("no group was started"));
}

TEST(Nccl, ranks_must_agree_on_the_number_of_ranks) {
  const std::string findings = run_and_find(2, [id = ncclUniqueId{}](TestGpu&, int rank) mutable {
    if (rank == 0) ncclGetUniqueId(&id);
    block_until([&] { return id.internal[0] != 0; }, "waiting for the id");
    ncclComm_t comm = nullptr;
    EXPECT_NE(ncclCommInitRank(&comm, rank + 2, id, rank), ncclSuccess);
  });
  EXPECT_THAT(findings, HasSubstr("other ranks said"));
}

TEST(Nccl, id_of_unknown_origin_is_found) {
  EXPECT_THAT(run_and_find(1,
                           [](TestGpu&, int) {
                             ncclComm_t comm = nullptr;
                             EXPECT_EQ(ncclCommInitRank(&comm, 1, {}, 0), ncclInvalidArgument);
                           }),
              HasSubstr("was not made by ncclGetUniqueId"));
}

TEST(Nccl, destroyed_communicator_is_found) {
  const std::string findings = run_and_find(1, [](TestGpu& gpu, int rank) {
    ncclUniqueId id{};
    const ncclComm_t comm = join_world(id, 1, rank);
    float* const data = gpu.upload<float>({1.0f});
    ncclCommDestroy(comm);
    EXPECT_EQ(ncclAllReduce(data, data, 1, ncclFloat32, ncclSum, comm, gpu.stream()),
              ncclInvalidArgument);
  });
  EXPECT_THAT(findings, HasSubstr("communicator was destroyed before"));
}

TEST(Nccl, abort_ends_what_other_ranks_wait_for) {
  ncclUniqueId id{};
  EXPECT_THAT(run_and_find(2,
                           [&](TestGpu& gpu, int rank) {
                             const ncclComm_t comm = join_world(id, 2, rank);
                             float* const data = gpu.upload<float>({1.0f});
                             if (rank == 1) {
                               ncclCommAbort(comm);
                               return;
                             }
                             ncclAllReduce(data, data, 1, ncclFloat32, ncclSum, comm, gpu.stream());
                             EXPECT_EQ(cudaStreamSynchronize(gpu.stream()), cudaSuccess);
                             ncclResult_t state = ncclSuccess;
                             ncclCommGetAsyncError(comm, &state);
                             EXPECT_EQ(state, ncclRemoteError);
                             ncclCommAbort(comm);
                           }),
              IsEmpty());
}

TEST(Nccl, work_on_a_cut_link_never_ends_and_is_told_of_only_when_asked) {
  ncclUniqueId id{};
  set_faults({.cut_nccl_link = 1});
  const std::string found = run_and_find(2, [&](TestGpu& gpu, int rank) {
    const ncclComm_t comm = join_world(id, 2, rank);
    float* const data = gpu.upload<float>({1.0f});
    ncclResult_t state = ncclSuccess;
    ncclAllReduce(data, data, 1, ncclFloat32, ncclSum, comm, gpu.stream());
    EXPECT_EQ(cudaStreamSynchronize(gpu.stream()), cudaSuccess);
    EXPECT_EQ(ncclAllReduce(data, data, 1, ncclFloat32, ncclSum, comm, gpu.stream()), ncclSuccess);
    if (rank == 0) {
      EXPECT_EQ(ncclCommGetAsyncError(comm, &state), ncclSuccess);
      EXPECT_EQ(state, ncclRemoteError);
    }
    EXPECT_NE(cudaStreamSynchronize(gpu.stream()), cudaSuccess);
  });
  EXPECT_THAT(found, HasSubstr("no rank can go on:\n  rank 0 waits in cudaStreamSynchronize"));
}

}  // namespace
}  // namespace isoflop::emulation
