// SPDX-License-Identifier: MIT
// Every op of every backend against the f64 reference. A new backend is one more BackendCase.
#include "op_cases.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <ostream>
#include <string>
#include <vector>

namespace isoflop {
namespace {

struct BackendCase {
  std::string name;
  Backend (*make)();
  double tolerance;  ///< relative, Euclidean norm over each output tensor
};

void PrintTo(const BackendCase& backend, std::ostream* out) { *out << backend.name; }

template <CpuStreamMode mode, int n_threads>
Backend make_cpu() {
  return make_cpu_backend({.n_threads = n_threads, .mode = mode, .schedule_seed = 3});
}

/// f32 has 24 bits (6e-8); sums of a few hundred products and the approximated exponentials stay
/// below 1e-6, so 1e-5 leaves room and still catches a wrong term anywhere.
constexpr double kF32Tolerance = 1e-5;

std::vector<BackendCase> all_backends() {
  return {{"cpu_inline_1_thread", make_cpu<CpuStreamMode::run_inline, 1>, kF32Tolerance},
          {"cpu_inline_2_threads", make_cpu<CpuStreamMode::run_inline, 2>, kF32Tolerance},
          {"cpu_deferred_2_threads", make_cpu<CpuStreamMode::deferred, 2>, kF32Tolerance}};
}

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

class OpParity : public testing::TestWithParam<std::tuple<BackendCase, OpCase>> {
 protected:
  const BackendCase& backend() const { return std::get<0>(GetParam()); }
  const OpCase& op() const { return std::get<1>(GetParam()); }
};

std::string case_name(const testing::TestParamInfo<OpParity::ParamType>& parameter) {
  return std::get<0>(parameter.param).name + "_" + std::get<1>(parameter.param).name;
}

TEST_P(OpParity, agrees_with_the_reference) {
  OpRig reference(make_reference_backend({})), rig(backend().make());
  const Outputs expected = op().run(reference);
  const Outputs actual = op().run(rig);
  for (const auto& [name, values] : expected) {
    ASSERT_EQ(actual.at(name).size(), values.size()) << name;
    EXPECT_LE(distance(actual.at(name), values), backend().tolerance * norm(values)) << name;
  }
}

TEST_P(OpParity, same_call_gives_the_same_bits) {
  OpRig rig(backend().make());
  const Outputs first = op().run(rig);
  EXPECT_EQ(op().run(rig), first);
}

TEST_P(OpParity, scratch_stays_within_the_arena_and_is_given_back) {
  OpRig rig(backend().make());
  op().run(rig);
  EXPECT_EQ(rig.exec().arena.used(), 0);
}

INSTANTIATE_TEST_SUITE_P(AllBackends, OpParity,
                         testing::Combine(testing::ValuesIn(all_backends()),
                                          testing::ValuesIn(all_op_cases())),
                         case_name);

}  // namespace
}  // namespace isoflop
