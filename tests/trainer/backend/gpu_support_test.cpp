// SPDX-License-Identifier: MIT
#include "trainer/backend/gpu_support.hpp"

#include "core/base/error.hpp"
#include "support/error_matchers.hpp"

namespace isoflop {
namespace {

/// What is said of a model with one component changed.
template <typename Edit>
std::string refusal(const Edit& edit) {
  ModelShape shape;
  shape.name = "m";
  edit(shape);
  return test::message_of<ConfigError>([&] { check_gpu_kernels(shape); });
}

TEST(GpuSupport, names_what_a_model_has_that_gpus_have_no_kernels_for) {
  EXPECT_EQ(refusal([](ModelShape& shape) { shape.qk_norm = true; }),
            "model 'm' has qk_norm (this version has no GPU kernel for it); turn it off, or set "
            "device.kind: cpu");
  EXPECT_THAT(refusal([](ModelShape& shape) { shape.dropout = 0.1; }),
              testing::HasSubstr("has dropout"));
  EXPECT_THAT(refusal([](ModelShape& shape) { shape.z_loss = 1e-4; }),
              testing::HasSubstr("has z_loss"));
  EXPECT_THAT(refusal([](ModelShape& s) { s.attention_backend = AttentionBackend::manual; }),
              testing::HasSubstr("has attention_backend manual"));
}

TEST(GpuSupport, plain_models_run) { EXPECT_NO_THROW(check_gpu_kernels(ModelShape{})); }

TEST(GpuSupport, the_update_is_adamw) {
  EXPECT_NO_THROW(check_gpu_kernels(OptimizerKind::adamw));
  EXPECT_THAT(test::message_of<ConfigError>([] { check_gpu_kernels(OptimizerKind::muon); }),
              testing::HasSubstr("set optimizer.kind: adamw, or device.kind: cpu"));
}

}  // namespace
}  // namespace isoflop
