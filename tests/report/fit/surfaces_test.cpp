// SPDX-License-Identifier: MIT
// Values, derivatives and centring of the loss surfaces.
#include "report/fit/data_constrained_surface.hpp"
#include "report/fit/kaplan_surface.hpp"

#include <gtest/gtest.h>

#include <array>

namespace isoflop::fit {
namespace {

constexpr Sample kSamples[] = {
    {1.3, -0.7, -0.7, 0}, {-2.1, 0.4, 0.4, 0}, {0.2, 1.9, -0.5, 0}, {-0.3, 1.1, 1.0, 0}};

template <typename Surface>
class Surfaces : public ::testing::Test {
 protected:
  static constexpr int P = Surface::kParams;

  static std::array<double, P> theta() {
    if constexpr (P == 4)
      return {-0.4, -1.1, 0.7, 0.12};
    else if constexpr (P == 5)
      return {-1.2, -0.9, -0.5, 0.35, 0.28};
    else
      return {-1.2, -0.9, -0.5, 0.35, 0.28, 1.4};
  }
  static double at(const std::array<double, P>& theta, const Sample& sample,
                   std::array<double, P>& gradient) {
    double hessian[P * (P + 1) / 2];
    return Surface::at(theta.data(), sample, gradient.data(), hessian);
  }
};

using All = ::testing::Types<ChinchillaSurface, KaplanSurface, DataConstrainedSurface>;
TYPED_TEST_SUITE(Surfaces, All);

// Central differences with a step of 1e-5 are off by about 1e-10.
TYPED_TEST(Surfaces, gradient_and_hessian_are_those_of_finite_differences) {
  constexpr int n = TypeParam::kParams;
  constexpr double kStep = 1e-5;
  for (const Sample& sample : kSamples) {
    std::array<double, n> gradient;
    double hessian[n * (n + 1) / 2];
    TypeParam::at(this->theta().data(), sample, gradient.data(), hessian);
    for (int i = 0; i < n; ++i) {
      const auto moved = [&](double step) {
        auto theta = this->theta();
        theta[static_cast<std::size_t>(i)] += step;
        return theta;
      };
      std::array<double, n> above;
      std::array<double, n> below;
      const double up = this->at(moved(kStep), sample, above);
      const double down = this->at(moved(-kStep), sample, below);
      EXPECT_NEAR(gradient[static_cast<std::size_t>(i)], (up - down) / (2 * kStep), 1e-9) << i;
      for (int j = 0; j <= i; ++j) {
        const auto k = static_cast<std::size_t>(j);
        EXPECT_NEAR(hessian[i * (i + 1) / 2 + j], (above[k] - below[k]) / (2 * kStep), 1e-8)
            << i << " " << j;
      }
    }
  }
}

TYPED_TEST(Surfaces, centring_can_be_undone) {
  const auto theta = this->theta();
  const SampleCenter center = {19, 23, 1.1};
  const auto back = TypeParam::centered(TypeParam::uncentered(theta, center), center);
  ASSERT_EQ(back.size(), theta.size());
  for (std::size_t i = 0; i < theta.size(); ++i) EXPECT_NEAR(back[i], theta[i], 1e-12);
}

/// The surface of theta at uncentred quantities, by the surface itself with a centre of zero.
TYPED_TEST(Surfaces, centred_and_uncentred_parameters_give_the_same_loss) {
  const SampleCenter center = {19, 23, 1.1};
  auto theta = TypeParam::uncentered(this->theta(), center);
  if (TypeParam::kParams == 4) {  // from (ln N_c, ln D_c, alpha_N, alpha_D) to its own
    theta = TypeParam::centered(theta, {});
  }
  for (Sample sample : kSamples) {
    double gradient[6];
    double hessian[21];
    const double centred = TypeParam::at(this->theta().data(), sample, gradient, hessian);
    sample.log_params += center.log_params;
    sample.log_tokens += center.log_tokens;
    sample.log_unique_tokens += center.log_tokens;
    EXPECT_NEAR(TypeParam::at(theta.data(), sample, gradient, hessian), centred + center.log_loss,
                1e-12);
  }
}

}  // namespace
}  // namespace isoflop::fit
