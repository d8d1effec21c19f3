// SPDX-License-Identifier: MIT
#include "trainer/profile/profile_request.hpp"

#include "core/base/error.hpp"
#include "core/plan/config_values.hpp"

#include <fmt/format.h>

#include <string_view>

namespace isoflop {
namespace {

constexpr int64_t kWarmUpSteps = 2;
constexpr int64_t kMostSteps = 1000;

[[noreturn]] void refuse(const std::string& text, const std::string& problem) {
  throw ConfigError(
      fmt::format("--profile is '{}' ({}); write a number of steps, 5, or the first "
                  "and the last, 10:15",
                  text, problem));
}

}  // namespace

StepRange ProfileRequest::steps(int64_t first_step) const {
  if (range) return *range;
  return {first_step + kWarmUpSteps, first_step + kWarmUpSteps + n_steps - 1};
}

ProfileRequest parse_profile_steps(const std::string& text) {
  const std::string_view view(text);
  const std::size_t colon = view.find(':');
  ProfileRequest request;
  if (colon == std::string_view::npos) {
    request.n_steps = parse_digits(view).value_or(0);
  } else {
    const auto first = parse_digits(view.substr(0, colon));
    const auto last = parse_digits(view.substr(colon + 1));
    if (first && last) {
      request.range = StepRange{*first, *last};
      request.n_steps = *first > 0 ? *last - *first + 1 : 0;
    }
  }
  if (request.n_steps < 1) refuse(text, "no steps");
  if (request.n_steps > kMostSteps)
    refuse(text, fmt::format("at most {} steps, whose marks are all kept", kMostSteps));
  return request;
}

}  // namespace isoflop
