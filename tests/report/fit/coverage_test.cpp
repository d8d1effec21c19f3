// SPDX-License-Identifier: MIT
// How often 95 % intervals hold the law that made the data: 240 runs, errors of ln L normal with 1
// %.
#include "report/fit/fit_samples.hpp"
#include "report/fit/parametric_fit.hpp"
#include "report/fit/resampling.hpp"

#include <gtest/gtest.h>

#include <cstdio>
#include <functional>

namespace isoflop::fit {
namespace {

using Quantity = std::function<double(std::span<const double> theta)>;

struct Count {
  const char* name;
  Quantity quantity;
  double truth;
  int held = 0;
};

std::vector<Count> count_held(unsigned n_set, std::size_t n_bootstrap) {
  std::vector<Count> counts = {
      {"alpha", [](auto theta) { return theta[3]; }, kTruth.alpha},
      {"beta", [](auto theta) { return theta[4]; }, kTruth.beta},
      {"a_opt", [](auto theta) { return params_exponent(Form::chinchilla, theta); },
       kTruth.beta / (kTruth.alpha + kTruth.beta)},
  };
  for (unsigned set = 0; set < n_set; ++set) {
    const SurfaceFit fit = fit_surface(synthetic_points(240, 0.01, 1000 + set),
                                       {.n_bootstrap = n_bootstrap, .seed = set});
    EXPECT_TRUE(fit.converged) << set;
    for (Count& count : counts) {
      std::vector<double> values;
      for (const auto& theta : fit.resamples) values.push_back(count.quantity(theta));
      count.held += interval_95(values).contains(count.truth);
    }
  }
  for (const Count& count : counts)
    std::printf("%s: %d of %u intervals hold the truth\n", count.name, count.held, n_set);
  return counts;
}

// Of 100 intervals that hold with 92 to 98 % each, 84 to 100 do: P(X < 84 | 0.92) is 0.003.
TEST(Coverage, intervals_of_100_data_sets_hold_the_truth) {
  for (const Count& count : count_held(100, 300)) EXPECT_GE(count.held, 84) << count.name;
}

TEST(CoverageFull, intervals_of_1000_data_sets_hold_the_truth_92_to_98_percent_of_the_time) {
  for (const Count& count : count_held(1000, 1000)) {
    EXPECT_GE(count.held, 920) << count.name;
    EXPECT_LE(count.held, 980) << count.name;
  }
}

}  // namespace
}  // namespace isoflop::fit
