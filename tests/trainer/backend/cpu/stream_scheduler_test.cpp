// SPDX-License-Identifier: MIT
#include "trainer/backend/cpu/stream_scheduler.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <stdexcept>
#include <string>
#include <vector>

namespace isoflop {
namespace {

constexpr uint64_t kSeeds = 200;

/// Appends `name` to `log` when it runs.
auto noting(std::string& log, char name) {
  return [&log, name] { log += name; };
}

TEST(StreamScheduler, inline_work_runs_when_enqueued) {
  StreamScheduler scheduler(CpuStreamMode::run_inline, 0);
  std::string log;
  scheduler.enqueue(0, noting(log, 'a'));
  EXPECT_EQ(log, "a");
  scheduler.synchronize(scheduler.record(0));
  EXPECT_TRUE(scheduler.idle());
}

TEST(StreamScheduler, deferred_work_runs_at_synchronize_in_stream_order) {
  for (uint64_t seed = 0; seed < kSeeds; ++seed) {
    StreamScheduler scheduler(CpuStreamMode::deferred, seed);
    std::string log;
    for (const char name : {'a', 'b', 'c'}) scheduler.enqueue(1, noting(log, name));
    EXPECT_EQ(log, "");
    scheduler.synchronize(scheduler.record(1));
    EXPECT_EQ(log, "abc");
  }
}

TEST(StreamScheduler, without_a_wait_streams_run_in_every_order) {
  std::set<std::string> orders;
  for (uint64_t seed = 0; seed < kSeeds; ++seed) {
    StreamScheduler scheduler(CpuStreamMode::deferred, seed);
    std::string log;
    scheduler.enqueue(0, noting(log, 'a'));
    scheduler.enqueue(1, noting(log, 'b'));
    scheduler.synchronize(scheduler.record(0));
    orders.insert(log);
  }
  // "a": the other stream is left where it is, the usual way a missing wait shows.
  EXPECT_EQ(orders, (std::set<std::string>{"a", "ba"}));
}

TEST(StreamScheduler, a_wait_orders_streams_for_every_seed) {
  for (uint64_t seed = 0; seed < kSeeds; ++seed) {
    StreamScheduler scheduler(CpuStreamMode::deferred, seed);
    std::string log;
    for (const char name : {'a', 'b'}) scheduler.enqueue(0, noting(log, name));
    const Event produced = scheduler.record(0);
    scheduler.wait(1, produced);
    scheduler.enqueue(1, noting(log, 'c'));
    const Event reduced = scheduler.record(1);
    scheduler.enqueue(0, noting(log, 'x'));
    scheduler.wait(0, reduced);
    scheduler.enqueue(0, noting(log, 'd'));
    scheduler.wait(2, scheduler.record(0));
    scheduler.enqueue(2, noting(log, 'e'));
    scheduler.synchronize(scheduler.record(2));
    std::string ordered = log;
    std::erase(ordered, 'x');
    EXPECT_EQ(ordered, "abcde") << "seed " << seed;
    EXPECT_THAT(log, testing::AnyOf("abxcde", "abcxde")) << "seed " << seed;
    EXPECT_TRUE(scheduler.idle());
  }
}

TEST(StreamScheduler, synchronize_leaves_later_work_queued_for_some_seed) {
  int left = 0;
  for (uint64_t seed = 0; seed < kSeeds; ++seed) {
    StreamScheduler scheduler(CpuStreamMode::deferred, seed);
    std::string log;
    scheduler.enqueue(0, noting(log, 'a'));
    const Event event = scheduler.record(0);
    scheduler.enqueue(0, noting(log, 'b'));
    scheduler.synchronize(event);
    left += log == "a" ? 1 : 0;
  }
  EXPECT_GT(left, 0);
}

TEST(StreamScheduler, same_seed_same_order) {
  std::vector<std::string> logs(2);
  for (std::string& log : logs) {
    StreamScheduler scheduler(CpuStreamMode::deferred, 42);
    for (int i = 0; i < 60; ++i)
      scheduler.enqueue(i % 3, noting(log, static_cast<char>('a' + i % 26)));
    for (int stream = 0; stream < 3; ++stream) scheduler.synchronize(scheduler.record(stream));
  }
  EXPECT_EQ(logs[0], logs[1]);
  EXPECT_EQ(logs[0].size(), 60u);
}

TEST(StreamScheduler, failure_surfaces_at_synchronize_and_drops_what_follows) {
  for (const CpuStreamMode mode : {CpuStreamMode::run_inline, CpuStreamMode::deferred}) {
    StreamScheduler scheduler(mode, 1);
    std::string log;
    scheduler.enqueue(0, [] { throw std::runtime_error("peer is gone"); });
    scheduler.enqueue(0, noting(log, 'a'));
    EXPECT_THROW(scheduler.synchronize(scheduler.record(0)), std::runtime_error);
    EXPECT_THROW(scheduler.synchronize(scheduler.record(0)), std::runtime_error);
    EXPECT_EQ(log, "");
  }
}

}  // namespace
}  // namespace isoflop
