// SPDX-License-Identifier: MIT
#include "trainer/backend/cuda/sdpa_plan.hpp"

#include "core/base/error.hpp"
#include "core/hardware/gpu_attention_limits.hpp"
#include "core/parallel/gpu_scratch.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <fstream>
#include <ostream>
#include <sstream>
#include <string>
#include <vector>

extern "C" int cuDeviceGetCount(int* count);  // ours: libcuda_without_gpu.c

namespace isoflop {
namespace {

using testing::AllOf;
using testing::HasSubstr;

/// A GPU as cuDNN describes it, with values of NVIDIA's public specifications (data sheets; CUDA
/// programming guide, "technical specifications per compute capability").
struct Gpu {
  const char* name;
  int sm_version;
  const char* file;
};
constexpr Gpu kA100{"A100", 80, "a100.json"};
constexpr Gpu kH100{"H100", 90, "h100.json"};
constexpr Gpu kB200{"B200", 100, "b200.json"};

CudnnDescriptor properties_of(const Gpu& gpu) {
  std::ifstream file(std::string(ISOFLOP_SOURCE_DIR "/tests/trainer/backend/cuda/deviceless/") +
                     gpu.file);
  std::stringstream json;
  json << file.rdbuf();
  CudnnDescriptor properties(CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR);
  properties.set(CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION, json.str());
  properties.finalize();
  return properties;
}

SdpaPlan plan_on(const Gpu& gpu, const SdpaShape& shape, SdpaPass pass) {
  const CudnnDescriptor properties = properties_of(gpu);
  return {{.properties = &properties,
           .gpu_name = std::string("NVIDIA ") + gpu.name,
           .sm_version = gpu.sm_version},
          shape,
          pass};
}

/// The GPU kernel of a plan, out of the text that cuDNN writes plans as.
std::string kernel_of(const SdpaPlan& plan) {
  const std::string text = plan.descriptor().text(CUDNN_ATTR_EXECUTION_PLAN_JSON_REPRESENTATION);
  const std::size_t middle = text.find("_flash_");
  if (middle == std::string::npos) return "no flash kernel";
  const std::size_t begin = text.rfind('"', middle) + 1;
  return text.substr(begin, text.find('"', middle) - begin);
}

/// Counters and the like, and the rounding of T to tiles.
constexpr int64_t kSmall = int64_t{1} << 20;

/// What the planner expects a plan to take beside its tensors.
int64_t expected_bytes(const Gpu& gpu, const SdpaShape& s, SdpaPass pass) {
  if (pass == SdpaPass::forward) return 0;
  return attention_plan_bytes({s.B, s.T, s.n_head, s.n_kv_head, s.d_head},
                              {.sm_version = gpu.sm_version, .deterministic = s.deterministic});
}

void expect_flash_plan(const Gpu& gpu, const SdpaShape& shape, SdpaPass pass) {
  const SdpaPlan plan = plan_on(gpu, shape, pass);
  EXPECT_THAT(kernel_of(plan), HasSubstr("_sm" + std::to_string(gpu.sm_version) + "_flash_" +
                                         (pass == SdpaPass::forward ? "fprop" : "bprop")));
  const int64_t expected = expected_bytes(gpu, shape, pass);
  EXPECT_LE(plan.workspace_bytes(), expected + kSmall);
  EXPECT_GE(plan.workspace_bytes(), expected - kSmall);
}

struct Case {
  Gpu gpu;
  int64_t d_head;
  int64_t n_kv_head;
  SdpaPass pass;
  bool deterministic;
};

std::string name_of(const Case& c) {
  const char* const pass = c.pass == SdpaPass::forward ? "forward"
                           : c.deterministic           ? "backward_deterministic"
                                                       : "backward";
  return std::string(c.gpu.name) + "_d_head_" + std::to_string(c.d_head) +
         (c.n_kv_head == 32 ? "_mha_" : "_gqa_") + pass;
}

/// For GoogleTest's messages.
void PrintTo(const Case& c, std::ostream* out) { *out << name_of(c); }

std::vector<Case> all_cases() {
  std::vector<Case> cases;
  for (const Gpu& gpu : {kA100, kH100, kB200})
    for (const int64_t d_head : {64, 96, 128})
      for (const int64_t n_kv_head : {8, 32}) {
        cases.push_back({gpu, d_head, n_kv_head, SdpaPass::forward, false});
        cases.push_back({gpu, d_head, n_kv_head, SdpaPass::backward, false});
        cases.push_back({gpu, d_head, n_kv_head, SdpaPass::backward, true});
      }
  return cases;
}

class SdpaPlanOn : public testing::TestWithParam<Case> {};

TEST_P(SdpaPlanOn, is_a_flash_kernel_of_the_gpu_with_the_workspace_expected) {
  const Case& c = GetParam();
  expect_flash_plan(c.gpu, {4, 4096, 32, c.n_kv_head, c.d_head, c.deterministic}, c.pass);
}

INSTANTIATE_TEST_SUITE_P(GPUs, SdpaPlanOn, testing::ValuesIn(all_cases()),
                         [](const auto& test) { return name_of(test.param); });

SdpaShape large_shape(bool deterministic) {
  return {.B = 4,
          .T = 4096,
          .n_head = 32,
          .n_kv_head = 8,
          .d_head = 128,
          .deterministic = deterministic};
}

/// What flash_masks_documents() says is what cuDNN has.
TEST(SdpaPlan, keeps_attention_within_documents_where_the_limits_say_so) {
  for (const Gpu& gpu : {kA100, kH100, kB200})
    for (const bool deterministic : {false, true}) {
      SCOPED_TRACE(std::string(gpu.name) + (deterministic ? " deterministic" : ""));
      SdpaShape shape = large_shape(deterministic);
      shape.has_first_keys = true;
      expect_flash_plan(gpu, shape, SdpaPass::forward);
      if (flash_masks_documents(gpu.sm_version, deterministic))
        expect_flash_plan(gpu, shape, SdpaPass::backward);
      else
        EXPECT_THROW(plan_on(gpu, shape, SdpaPass::backward), ConfigError);
    }
}

TEST(SdpaPlan, computes_in_f16_too) {
  for (const Gpu& gpu : {kA100, kH100, kB200})
    for (const bool deterministic : {false, true}) {
      SCOPED_TRACE(std::string(gpu.name) + (deterministic ? " deterministic" : ""));
      SdpaShape shape = large_shape(deterministic);
      shape.dtype = DType::f16;
      expect_flash_plan(gpu, shape, SdpaPass::forward);
      expect_flash_plan(gpu, shape, SdpaPass::backward);
    }
}

TEST(SdpaPlan, takes_lengths_that_are_no_multiple_of_a_tile) {
  for (const Gpu& gpu : {kA100, kH100, kB200}) {
    SCOPED_TRACE(gpu.name);
    const SdpaShape shape{2, 1021, 12, 4, 64};
    expect_flash_plan(gpu, shape, SdpaPass::forward);
    expect_flash_plan(gpu, shape, SdpaPass::backward);
  }
}

TEST(SdpaPlan, backward_pass_is_there_for_heads_up_to_the_limit_of_the_gpu) {
  for (const Gpu& gpu : {kA100, kH100, kB200}) {
    SCOPED_TRACE(gpu.name);
    SdpaShape shape{1, 4096, 16, 8, flash_max_head(gpu.sm_version)};
    EXPECT_NO_THROW(plan_on(gpu, shape, SdpaPass::backward));
    shape.d_head += kFlashHeadMultiple;
    EXPECT_THROW(plan_on(gpu, shape, SdpaPass::backward), ConfigError);
  }
}

TEST(SdpaPlan, backward_pass_of_wide_heads_is_there_on_h100_only) {
  for (const int64_t d_head : {136, 192, 256}) {
    SCOPED_TRACE(d_head);
    const SdpaShape shape{1, 4096, 16, 8, d_head};
    EXPECT_NO_THROW(plan_on(kH100, shape, SdpaPass::backward));
    for (const Gpu& gpu : {kA100, kB200})
      EXPECT_THROW(plan_on(gpu, shape, SdpaPass::backward), ConfigError) << gpu.name;
  }
}

/// The message of a shape that is refused.
std::string refusal(const Gpu& gpu, const SdpaShape& shape, SdpaPass pass) {
  try {
    plan_on(gpu, shape, pass);
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "accepted";
}

TEST(SdpaPlan, refusal_names_sizes_gpu_and_what_to_change) {
  EXPECT_THAT(refusal(kA100, {1, 4096, 16, 8, 256}, SdpaPass::backward),
              AllOf(HasSubstr("attention with d_head 256, 16 query and 8 key heads, T 4096 on "
                              "NVIDIA A100 (sm80): cuDNN 9."),
                    HasSubstr("no kernel for the backward pass"),
                    HasSubstr("change n_head, n_kv_head or d_head of the model")));
}

TEST(SdpaPlan, refuses_heads_that_are_no_multiple_of_8_wide) {
  EXPECT_THAT(refusal(kH100, {4, 4096, 32, 8, 100}, SdpaPass::forward),
              HasSubstr("(d_head must be a multiple of 8)"));
}

TEST(SdpaPlan, refuses_key_heads_that_do_not_divide_the_query_heads) {
  EXPECT_THAT(refusal(kH100, {4, 4096, 32, 5, 64}, SdpaPass::forward),
              HasSubstr("(n_head must be a multiple of n_kv_head)"));
}

TEST(SdpaPlan, this_test_sees_a_driver_without_gpus) {
  int count = -1;
  EXPECT_EQ(cuDeviceGetCount(&count), 0);
  EXPECT_EQ(count, 0);
}

}  // namespace
}  // namespace isoflop
