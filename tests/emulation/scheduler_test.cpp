// SPDX-License-Identifier: MIT
#include "emulation/scheduler.hpp"

#include "emulation/emulated_rank.hpp"
#include "emulation/findings.hpp"
#include "emulation/launch_options.hpp"

#include <memory>

namespace isoflop::emulation {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

/// An operation that adds its name to a list when it runs.
Operation noting(std::vector<std::string>& list, const std::string& name) {
  return {.name = name, .accesses = {}, .run = [&list, name] { list.push_back(name); }};
}

TEST(Scheduler, lazy_runs_no_more_than_the_host_waits_for) {
  std::vector<std::string> order;
  EXPECT_EQ(error_of(
                [&](EmulatedRank& rank) {
                  enqueue(rank.side, noting(order, "unwanted"));
                  enqueue(rank.compute, noting(order, "wanted"));
                  const cudaEvent_t done = rank.record(rank.compute);
                  enqueue(rank.compute, noting(order, "later"));
                  EXPECT_THAT(order, ElementsAre());
                  cudaEventSynchronize(done);
                  EXPECT_THAT(order, ElementsAre("wanted"));
                },
                {.eagerness = Eagerness::lazy}),
            "");
  EXPECT_EQ(order.size(), 3U) << "the rest runs before the run ends";
}

TEST(Scheduler, eager_runs_what_may_run_at_once) {
  std::vector<std::string> order;
  EXPECT_EQ(error_of(
                [&](EmulatedRank& rank) {
                  enqueue(rank.side, noting(order, "a"));
                  EXPECT_THAT(order, ElementsAre("a"));
                  enqueue(rank.compute, noting(order, "b"));
                  EXPECT_THAT(order, ElementsAre("a", "b"));
                },
                {.eagerness = Eagerness::eager}),
            "");
}

TEST(Scheduler, a_wait_takes_along_what_the_awaited_stream_waits_for) {
  std::vector<std::string> order;
  EXPECT_EQ(error_of(
                [&](EmulatedRank& rank) {
                  enqueue(rank.side, noting(order, "first"));
                  rank.wait(rank.compute, rank.record(rank.side));
                  enqueue(rank.compute, noting(order, "second"));
                  cudaStreamSynchronize(rank.compute);
                  EXPECT_THAT(order, ElementsAre("first", "second"));
                },
                {.eagerness = Eagerness::lazy}),
            "");
}

/// The order in which two ranks' operations ran.
std::string interleaving(uint64_t seed) {
  std::vector<std::string> order;
  run_ranks({.n_rank = 2, .seed = seed}, [&](int r) {
    EmulatedRank rank;
    for (int i = 0; i < 4; ++i) {
      enqueue(rank.compute, noting(order, std::to_string(r)));
      enqueue(rank.side, noting(order, std::to_string(r + 2)));
      cudaStreamSynchronize(rank.compute);
    }
  });
  std::string text;
  for (const std::string& name : order) text += name;
  return text;
}

TEST(Scheduler, one_seed_gives_one_order_and_another_a_different_one) {
  EXPECT_EQ(interleaving(7), interleaving(7));
  EXPECT_EQ(interleaving(7).size(), 16U);
  EXPECT_NE(interleaving(7), interleaving(8));
}

/// Waits until all ranks' operations are at the head of their streams.
Operation meeting(int& n_arrived, int n_rank) {
  const auto has_arrived = std::make_shared<bool>(false);
  return {.name = "meeting", .accesses = {}, .run = {}, .ready = [&n_arrived, n_rank, has_arrived] {
            if (!*has_arrived) ++n_arrived;
            *has_arrived = true;
            return n_arrived == n_rank;
          }};
}

class SchedulerOfRanks : public testing::TestWithParam<Eagerness> {};

TEST_P(SchedulerOfRanks, operations_of_several_ranks_meet) {
  int n_arrived = 0;
  EXPECT_EQ(error_of({.n_rank = 3, .eagerness = GetParam()},
                     [&](int) {
                       EmulatedRank rank;
                       enqueue(rank.compute, meeting(n_arrived, 3));
                       cudaStreamSynchronize(rank.compute);
                       EXPECT_EQ(n_arrived, 3);
                     }),
            "");
}

TEST_P(SchedulerOfRanks, host_code_of_several_ranks_meets) {
  int n_arrived = 0;
  EXPECT_EQ(error_of({.n_rank = 3, .eagerness = GetParam()},
                     [&](int r) {
                       EXPECT_EQ(current_rank(), r);
                       ++n_arrived;
                       block_until([&] { return n_arrived == 3; }, "meeting");
                       EXPECT_EQ(current_rank(), r);
                     }),
            "");
}

TEST_P(SchedulerOfRanks, deadlock_names_all_waits_and_all_heads) {
  int n_arrived = 0;
  const std::string error = error_of({.n_rank = 3, .eagerness = GetParam()}, [&](int r) {
    EmulatedRank rank;
    if (r == 2) return;
    if (r == 1) block_until([] { return false; }, "a call that rank 2 does not make");
    enqueue(rank.side, meeting(n_arrived, 2));
    rank.wait(rank.compute, rank.record(rank.side));
    enqueue(rank.compute, {.name = "kernel", .accesses = {}, .run = {}});
    cudaEventSynchronize(rank.record(rank.compute));
  });
  EXPECT_THAT(error,
              AllOf(HasSubstr("no rank can go on:"),
                    HasSubstr("rank 0 waits in cudaEventSynchronize for compute operation 1"),
                    HasSubstr("rank 1 waits in a call that rank 2 does not make"),
                    HasSubstr("rank 2 has ended"),
                    HasSubstr("rank 0, side: meeting (operation 1) is not ready"),
                    HasSubstr("rank 0, compute: waits for side operation 1")));
}

INSTANTIATE_TEST_SUITE_P(AllModes, SchedulerOfRanks,
                         testing::Values(Eagerness::lazy, Eagerness::eager, Eagerness::random));

TEST(Scheduler, exception_of_one_rank_ends_the_waits_of_all) {
  int n_ended = 0;
  const std::string error = error_of({.n_rank = 3}, [&](int r) {
    const std::shared_ptr<void> guard(nullptr, [&](void*) { ++n_ended; });
    EmulatedRank rank;
    int n_arrived = 0;
    enqueue(rank.compute, meeting(n_arrived, 2));
    if (r == 0) block_until([] { return false; }, "nothing");
    if (r == 1) throw std::runtime_error("rank 1 fails");
    EXPECT_EQ(cudaStreamSynchronize(rank.compute), cudaErrorLaunchFailure);
  });
  EXPECT_EQ(error, "rank 1 fails");
  EXPECT_GE(n_ended, 1) << "ranks that had begun are unwound";
}

TEST(Scheduler, exception_of_an_operation_ends_the_run) {
  EXPECT_EQ(error_of([](EmulatedRank& rank) {
              enqueue(rank.compute, {.name = "bad", .accesses = {}, .run = [] {
                                       throw std::runtime_error("cannot run");
                                     }});
            }),
            "cannot run");
}

TEST(Scheduler, runs_do_not_nest) {
  EXPECT_THAT(error_of({}, [](int) { run_ranks({}, [](int) {}); }),
              HasSubstr("run_ranks() inside run_ranks()"));
}

TEST(Scheduler, program_itself_is_a_single_rank) {
  take_findings();
  float result = 0;
  {
    EmulatedRank rank;
    float* const memory = rank.allocate(16);
    float* const pinned = rank.allocate_pinned(16);
    rank.fill(memory, 3.0F, 16, rank.compute);
    rank.copy(pinned, memory, 16, rank.compute);
    cudaStreamSynchronize(rank.compute);
    result = pinned[3];
    EXPECT_EQ(counters(0).host_waits, 1);
  }
  EXPECT_EQ(result, 3.0F);
  EXPECT_THAT(take_findings(), ElementsAre());
  const EmulatedRank next;
  EXPECT_EQ(counters(0).host_waits, 0) << "all was destroyed: the next starts anew";
}

TEST(Scheduler, program_that_waits_for_ever_is_told_so) {
  EXPECT_THROW(block_until([] { return false; }, "godot"), std::runtime_error);
}

TEST(Faults, dropped_stream_wait_is_found_as_missing_order) {
  const auto body = [](EmulatedRank& rank) {
    float* const memory = rank.allocate(64);  // stream wait 0
    rank.fill(memory, 1.0F, 64, rank.side);
    rank.wait(rank.compute, rank.record(rank.side));  // 1
    rank.use(memory, 64, rank.compute);
  };
  EXPECT_EQ(error_of(body), "");
  set_faults({.drop_stream_wait = 1});
  EXPECT_THAT(error_of(body), HasSubstr("nothing makes compute wait for side operation 1"));
  EXPECT_EQ(error_of(body), "") << "for one run only";
}

TEST(FaultsDeathTest, dropped_host_wait_is_found_at_the_hosts_access) {
  const auto body = [](EmulatedRank& rank) {
    float* const memory = rank.allocate(16);
    float* const pinned = rank.allocate_pinned(16);
    rank.fill(memory, 1.0F, 16, rank.compute);
    rank.copy(pinned, memory, 16, rank.compute);
    cudaEventSynchronize(rank.record(rank.compute));
    *static_cast<volatile float*>(pinned) = 1.0F;
  };
  EXPECT_EQ(error_of(body), "");
  EXPECT_DEATH(
      {
        set_faults({.drop_host_wait = 0});
        error_of(body);
      },
      "cudaMemcpyAsync \\(compute, operation 3\\) may still write");
}

TEST(Faults, are_seen_by_kernels) {
  set_faults({.drop_barrier_of = "norm", .drop_barrier = 3});
  EXPECT_EQ(error_of({.lane_order = LaneOrder::reverse},
                     [](int) {
                       EXPECT_EQ(faults().drop_barrier_of, "norm");
                       EXPECT_EQ(faults().drop_barrier, 3);
                       EXPECT_EQ(lane_order(), LaneOrder::reverse);
                     }),
            "");
}

}  // namespace
}  // namespace isoflop::emulation
