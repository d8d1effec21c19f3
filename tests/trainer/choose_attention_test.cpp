// SPDX-License-Identifier: MIT
#include "trainer/choose_attention.hpp"

#include "core/base/error.hpp"
#include "core/base/log.hpp"
#include "support/error_matchers.hpp"

#include <algorithm>

namespace isoflop {
namespace {

using testing::HasSubstr;
using enum AttentionBackend;

TrainConfig on(DeviceKind device, Precision precision, AttentionBackend asked = automatic) {
  TrainConfig config;
  config.device.kind = device;
  config.precision = precision;
  config.model.name = "m";
  config.model.d_head = 64;
  config.model.attention_backend = asked;
  return config;
}

struct Choice {
  AttentionBackend backend;
  std::string printed;
};

Choice choose(const TrainConfig& config) {
  log::configure(0, 1, log::Level::info);
  testing::internal::CaptureStderr();
  const AttentionBackend backend = choose_attention(config);
  return {backend, testing::internal::GetCapturedStderr()};
}

void expect_silent(const TrainConfig& config, AttentionBackend expected) {
  const Choice choice = choose(config);
  EXPECT_EQ(choice.backend, expected);
  EXPECT_EQ(choice.printed, "");
}

void expect_line(const TrainConfig& config, AttentionBackend expected, const std::string& line) {
  const Choice choice = choose(config);
  EXPECT_EQ(choice.backend, expected);
  EXPECT_THAT(choice.printed, HasSubstr(line));
  EXPECT_EQ(std::count(choice.printed.begin(), choice.printed.end(), '\n'), 1);
}

TEST(ChooseAttention, automatic_takes_the_best_of_the_device_without_a_line) {
  expect_silent(on(DeviceKind::cpu, Precision::fp32), sdpa);
  expect_silent(on(DeviceKind::cpu, Precision::bf16), sdpa);
  expect_silent(on(DeviceKind::cuda, Precision::bf16), flash_attn_2);
  expect_silent(on(DeviceKind::cuda, Precision::fp32), sdpa);
}

TEST(ChooseAttention, what_is_asked_for_and_runs_is_taken_without_a_line) {
  for (const bool strict : {false, true}) {
    for (TrainConfig config :
         {on(DeviceKind::cpu, Precision::fp16, sdpa), on(DeviceKind::cpu, Precision::fp32, manual),
          on(DeviceKind::cuda, Precision::bf16, flash_attn_2),
          on(DeviceKind::cuda, Precision::bf16, sdpa),
          on(DeviceKind::cuda, Precision::fp32, manual)}) {
      config.model.attention_strict = strict;
      expect_silent(config, config.model.attention_backend);
    }
  }
}

TEST(ChooseAttention, what_the_device_lacks_falls_back_to_the_next_in_one_line) {
  expect_line(on(DeviceKind::cpu, Precision::bf16, flash_attn_2), sdpa,
              "model.attention_backend: flash_attn_2 is not available here (it runs on GPUs only); "
              "using sdpa\n");
  expect_line(on(DeviceKind::cuda, Precision::fp32, flash_attn_2), sdpa,
              "flash_attn_2 is not available here (cuDNN has no kernel in fp32); using sdpa\n");
}

TEST(ChooseAttention, heads_too_wide_for_tiles_take_all_scores) {
  TrainConfig config = on(DeviceKind::cpu, Precision::fp32);
  config.model.d_head = 512;
  expect_silent(config, sdpa);
  config.model.d_head = 513;
  expect_silent(config, manual);
  config.model.attention_backend = sdpa;
  expect_line(config, manual,
              "sdpa is not available here (it takes heads of up to 512 here, model.d_head is "
              "513); using manual\n");
  config = on(DeviceKind::cuda, Precision::fp32);
  config.model.d_head = 320;
  expect_silent(config, manual);
}

TEST(ChooseAttention, a_gpu_that_is_left_its_slower_kernels_says_why) {
  TrainConfig config = on(DeviceKind::cuda, Precision::bf16);
  config.model.d_head = 100;
  expect_line(config, sdpa,
              "flash_attn_2 is not available here (its heads are multiples of 8, model.d_head is "
              "100); using sdpa\n");
  config.model.d_head = 320;
  expect_line(config, manual,
              "flash_attn_2 is not available here (it takes heads of up to 256 here, model.d_head "
              "is 320); using manual\n");
  config = on(DeviceKind::cuda, Precision::bf16);
  config.model.dropout = 0.1;
  expect_line(config, sdpa, "would not draw again, and model.dropout is not 0); using sdpa\n");
}

TEST(ChooseAttention, other_ranks_say_nothing) {
  log::configure(1, 2, log::Level::info);
  testing::internal::CaptureStderr();
  choose_attention(on(DeviceKind::cpu, Precision::fp32, flash_attn_2));
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

TEST(ChooseAttention, strict_refuses_with_what_is_missing_and_what_to_do) {
  TrainConfig config = on(DeviceKind::cpu, Precision::fp32, flash_attn_2);
  config.model.attention_strict = true;
  EXPECT_EQ(test::message_of<ConfigError>([&] { choose_attention(config); }),
            "model.attention_backend is 'flash_attn_2' (it runs on GPUs only) and "
            "model.attention_strict is true; set model.attention_backend: sdpa or auto, or "
            "model.attention_strict: false");
}

// cuDNN's backward pass of wider heads is there on H100 only.
TEST(ChooseAttention, a_gpu_that_is_known_has_limits_of_its_own) {
  TrainConfig config = on(DeviceKind::cuda, Precision::bf16);
  for (const int sm_version : {80, 100}) {
    config.model.d_head = 128;
    EXPECT_EQ(choose_attention(config, GpuKernels{.sm_version = sm_version}), flash_attn_2);
    config.model.d_head = 136;
    EXPECT_EQ(choose_attention(config), flash_attn_2);
    EXPECT_EQ(choose_attention(config, GpuKernels{.sm_version = sm_version}), sdpa);
  }
  config.model.d_head = 256;
  EXPECT_EQ(choose_attention(config, GpuKernels{.sm_version = 90}), flash_attn_2);
}

TEST(ChooseAttention, a_document_mask_needs_a_gpu_whose_backward_pass_has_one) {
  TrainConfig config = on(DeviceKind::cuda, Precision::bf16);
  config.data.document_mask = true;
  const auto choose_on = [&](int sm_version) {
    return choose_attention(config, GpuKernels{.sm_version = sm_version});
  };
  EXPECT_EQ(choose_on(90), flash_attn_2);
  EXPECT_EQ(choose_on(100), flash_attn_2);
  EXPECT_EQ(choose_on(80), sdpa);
  config.model.attention_backend = flash_attn_2;
  config.model.attention_strict = true;
  EXPECT_THAT(test::message_of<ConfigError>([&] { choose_on(80); }),
              HasSubstr("cuDNN has no backward pass with data.document_mask for sm80"));
  config.model.attention_backend = automatic;
  config.model.attention_strict = false;
  config.device.deterministic = true;
  EXPECT_EQ(choose_on(90), flash_attn_2);
  EXPECT_EQ(choose_on(100), sdpa);
  config.device.kind = DeviceKind::cpu;
  EXPECT_EQ(choose_attention(config), sdpa);
}

}  // namespace
}  // namespace isoflop
