// SPDX-License-Identifier: MIT
#include "planner/goals.hpp"

#include "core/base/error.hpp"
#include "support/published_shapes.hpp"

#include <gtest/gtest.h>

namespace isoflop {
namespace {

TEST(Goals, need_a_size_of_the_training) {
  Goals goals;
  EXPECT_THROW(check_goals(goals), ConfigError);
  goals.tokens = 1e9;
  EXPECT_THROW(check_goals(goals), ConfigError) << "of which model?";
  goals.n_params = 1e9;
  EXPECT_NO_THROW(check_goals(goals));
}

TEST(Goals, that_contradict_each_other_are_refused) {
  Goals goals;
  goals.hours = 1;
  goals.n_params = 1e9;
  goals.max_params = 1e8;
  EXPECT_THROW(check_goals(goals), ConfigError);
  goals.n_params.reset();
  goals.model = test::llama_7b();
  EXPECT_THROW(check_goals(goals), ConfigError) << "6.7 B parameters";
  goals.max_params = 7e9;
  EXPECT_NO_THROW(check_goals(goals));
  goals.n_params = 1e9;
  goals.max_params.reset();
  EXPECT_THROW(check_goals(goals), ConfigError);
  goals.model.reset();
  goals.tokens = goals.compute = 1e20;
  EXPECT_THROW(check_goals(goals), ConfigError);
}

TEST(Goals, a_training_of_given_length_takes_the_least_time) {
  Goals goals;
  goals.hours = 10;
  EXPECT_EQ(goals.chosen_objective(), Objective::loss);
  goals.tokens = 1e9;
  EXPECT_EQ(goals.chosen_objective(), Objective::loss) << "the size is still free";
  goals.compute = 1e20;
  EXPECT_EQ(goals.chosen_objective(), Objective::time);
  goals.objective = Objective::cost;
  EXPECT_EQ(goals.chosen_objective(), Objective::cost);
}

}  // namespace
}  // namespace isoflop
