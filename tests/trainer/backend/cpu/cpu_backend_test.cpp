// SPDX-License-Identifier: MIT
#include "core/base/error.hpp"
#include "support/error_matchers.hpp"
#include "trainer/backend/backend.hpp"

namespace isoflop {
namespace {

using testing::HasSubstr;

TEST(CpuBackend, computes_in_fp32_bf16_or_fp16_and_keeps_masters_in_f32) {
  EXPECT_EQ(make_cpu_backend({}).compute_dtype, DType::f32);
  EXPECT_EQ(make_cpu_backend({}, Precision::bf16).compute_dtype, DType::bf16);
  EXPECT_EQ(make_cpu_backend({}, Precision::fp16).compute_dtype, DType::f16);
  for (const Precision precision : {Precision::fp32, Precision::bf16, Precision::fp16})
    EXPECT_EQ(make_cpu_backend({}, precision).master_dtype, DType::f32);
}

TEST(CpuBackend, refuses_other_precisions_and_names_what_it_takes) {
  for (const Precision precision : {Precision::tf32, Precision::fp8, Precision::fp4})
    EXPECT_THAT(test::message_of<ConfigError>([&] { make_cpu_backend({}, precision); }),
                HasSubstr("precision is '" + to_string(precision) +
                          "' (on the CPU training is in fp32, bf16 or fp16); set precision: fp32"));
}

}  // namespace
}  // namespace isoflop
