// SPDX-License-Identifier: MIT
#include "op_parity.hpp"

#include <cmath>
#include <vector>

namespace isoflop {
namespace {

double distance(const std::vector<double>& a, const std::vector<double>& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i)
    if (a[i] != b[i]) sum += (a[i] - b[i]) * (a[i] - b[i]);  // equal infinities have no distance
  return std::sqrt(sum);
}

double norm(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += std::isfinite(value) ? value * value : 0;
  return std::sqrt(sum);
}

void expect_close(const Outputs& actual, const Outputs& expected, double tolerance) {
  for (const auto& [name, values] : expected) {
    ASSERT_EQ(actual.at(name).size(), values.size()) << name;
    EXPECT_LE(distance(actual.at(name), values), tolerance * norm(values)) << name;
  }
}

TEST_P(OpParity, agrees_with_the_reference) {
  backend().within([&] {
    OpRig rig(backend().make());
    OpRig reference(make_reference_backend({}), rig.dtype());
    expect_close(op().run(rig), op().run(reference), backend().tolerance);
  });
}

TEST_P(OpParity, same_call_gives_the_same_bits) {
  if (!backend().has_fixed_order) GTEST_SKIP() << "sums have no fixed order here";
  backend().within([&] {
    OpRig rig(backend().make());
    const Outputs first = op().run(rig);
    EXPECT_EQ(op().run(rig), first);
  });
}

TEST_P(OpParity, scratch_stays_within_the_arena_and_is_given_back) {
  backend().within([&] {
    OpRig rig(backend().make());
    op().run(rig);
    EXPECT_EQ(rig.exec().arena.used(), 0);
  });
}

}  // namespace
}  // namespace isoflop
