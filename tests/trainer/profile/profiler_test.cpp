// SPDX-License-Identifier: MIT
// Traces of training, through a JSON parser.
#include "trainer/profile/profiler.hpp"

#include "core/base/config_node.hpp"
#include "core/base/log.hpp"
#include "tiny_training.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

namespace isoflop {
namespace {

struct Scope {
  std::string name;
  double begin_us = 0;
  double end_us = 0;

  /// To the nanosecond that times are written with.
  bool is_over_before(const Scope& other) const { return end_us < other.begin_us + 1e-4; }
  bool holds(const Scope& other) const {
    return begin_us <= other.begin_us && other.end_us < end_us + 1e-4;
  }
};

class ProfilerTest : public testing::Test {
 protected:
  ProfilerTest() {
    config_.run.out = folder_.path();
    config_.eval.interval = 4;
    config_.checkpoint.interval_minutes = 0;
    config_.checkpoint.interval = 4;
    log::configure(0, 1, log::Level::error);
  }

  /// 20 steps of eight micro steps of two blocks, an evaluation and a checkpoint at each fourth.
  void train_with(const ProfileRequest& request) {
    Preparation preparation = prepare(config_, 1);
    preparation.profile = request;
    SingleLaunch launch("node1");
    Session session(std::move(preparation), launch, make_cpu_backend({}));
    Recorder recorder(session.config(), session.schedule(), session.layout(), launch.ranks(),
                      session.unit_of_tensor(), std::nullopt);
    train(session, recorder);
    session.finish_profile();
  }

  std::vector<Scope> traced() const {
    MapReader document(ConfigNode::load(folder_ / "tiny.trace.0.json"));
    std::vector<Scope> scopes;
    for (const ConfigNode& node : document.required_node("traceEvents").items()) {
      MapReader event(node);
      if (event.required<std::string>("ph") != "X") continue;
      EXPECT_EQ(event.required<int64_t>("pid"), 0);
      EXPECT_EQ(event.required<int64_t>("tid"), 0);
      const double begin_us = event.required<double>("ts");
      scopes.push_back({event.required<std::string>("name"), begin_us,
                        begin_us + event.required<double>("dur")});
    }
    return scopes;
  }

  static std::map<std::string, int> counts(const std::vector<Scope>& scopes) {
    std::map<std::string, int> result;
    for (const Scope& scope : scopes) ++result[scope.name];
    return result;
  }

  test::TinyData data_;
  test::TempDir folder_;
  TrainConfig config_ = test::tiny_config(test::tiny_llama(), data_.folder());
};

TEST_F(ProfilerTest, every_step_has_its_phases_as_often_as_it_should) {
  train_with(parse_profile_steps("2:3"));
  std::map<std::string, int> n = counts(traced());
  EXPECT_EQ(n["step 1"] + n["step 4"], 0);
  EXPECT_EQ(n["step 2"] + n["step 3"], 2);
  EXPECT_EQ(n["micro step 0"], 2);
  EXPECT_EQ(n["micro step 7"], 2);
  EXPECT_EQ(n["micro step 8"], 0);
  for (const char* const phase : {"data", "forward", "backward", "head"})
    EXPECT_EQ(n[phase], 2 * 8) << phase;
  for (const char* const twice : {"embedding", "block 0", "block 1"})
    EXPECT_EQ(n[twice], 2 * 8 * 2) << twice;
  EXPECT_EQ(n["block 2"], 0);
  EXPECT_EQ(n["optimizer"], 2);
  EXPECT_EQ(n["metrics"], 2);
  EXPECT_GE(n["all-reduce"], 2);
  EXPECT_EQ(n["evaluation"] + n["checkpoint"], 0);
}

TEST_F(ProfilerTest, what_follows_the_last_step_belongs_to_it) {
  train_with(parse_profile_steps("2"));  // steps 3 and 4
  std::map<std::string, int> n = counts(traced());
  EXPECT_EQ(n["step 3"] + n["step 4"], 2);
  EXPECT_EQ(n["evaluation"], 1);
  EXPECT_EQ(n["checkpoint"], 1);
}

TEST_F(ProfilerTest, scopes_nest) {
  train_with(parse_profile_steps("3:4"));
  const std::vector<Scope> scopes = traced();
  std::vector<Scope> open;
  for (const Scope& scope : scopes) {  // in the order in which they began
    while (!open.empty() && open.back().is_over_before(scope)) open.pop_back();
    if (!open.empty()) {
      EXPECT_TRUE(open.back().holds(scope)) << scope.name << " in " << open.back().name;
    }
    if (scope.name == "block 1") {
      ASSERT_GE(open.size(), 1U);
      EXPECT_THAT(open.back().name, testing::AnyOf("forward", "backward"));
    }
    open.push_back(scope);
  }
}

TEST_F(ProfilerTest, a_run_that_ends_within_has_a_trace_too) {
  train_with(parse_profile_steps("19:40"));
  std::map<std::string, int> n = counts(traced());
  EXPECT_EQ(n["step 19"] + n["step 20"], 2);
}

TEST_F(ProfilerTest, without_a_step_to_trace_there_is_no_file) {
  train_with(parse_profile_steps("21:22"));
  EXPECT_FALSE(std::filesystem::exists(folder_ / "tiny.trace.0.json"));
}

TEST_F(ProfilerTest, ranks_beyond_those_asked_for_are_not_traced) {
  train_with({.range = StepRange{2, 3}, .n_steps = 2, .n_ranks = 0});
  EXPECT_FALSE(std::filesystem::exists(folder_ / "tiny.trace.0.json"));
}

TEST_F(ProfilerTest, a_trace_that_cannot_be_written_does_not_end_the_run) {
  std::filesystem::create_directories(folder_ / "tiny.trace.0.json");
  train_with(parse_profile_steps("2:3"));
  EXPECT_TRUE(std::filesystem::is_directory(folder_ / "tiny.trace.0.json"));
}

TEST_F(ProfilerTest, the_traced_run_trains_the_same) {
  SingleLaunch launch("node1");
  const auto losses = [&](std::optional<ProfileRequest> request) {
    Preparation preparation = prepare(config_, 1);
    preparation.profile = request;
    Session session(std::move(preparation), launch, make_cpu_backend({}));
    std::vector<double> result;
    for (int64_t step = 1; step <= 6; ++step) {
      enqueue_step(session, step);
      result.push_back(session.io().wait(step).output.loss_sum);
    }
    return result;
  };
  EXPECT_EQ(losses(parse_profile_steps("2:4")), losses(std::nullopt));
}

}  // namespace
}  // namespace isoflop
