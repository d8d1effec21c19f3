// SPDX-License-Identifier: MIT
// What a GPU has no kernel for is refused by --check, and at start-up, in the same line.
#include "core/base/error.hpp"
#include "emulation/emulated_launch.hpp"
#include "emulation/emulation.hpp"
#include "support/error_matchers.hpp"
#include "tiny_training.hpp"
#include "trainer/early_device_check.hpp"
#include "trainer/run_training.hpp"

#include <fstream>

namespace isoflop {
namespace {

/// Trains heads of d_head in bf16 by the GPU's own kernels, or not at all.
class CudaCheck : public testing::Test {
 protected:
  TrainerOptions options(int64_t d_head) const {
    TrainConfig config = test::tiny_config(test::tiny_llama(), data_.folder());
    config.model.d_head = d_head;
    config.model.attention_backend = AttentionBackend::flash_attn_2;
    config.model.attention_strict = true;
    config.run.out = folder_.path();
    config.device.kind = DeviceKind::cuda;
    config.precision = Precision::bf16;
    TrainerOptions options;
    options.config = folder_ / "train.yaml";
    std::ofstream(options.config) << write_train_config(config, "");
    return options;
  }
  /// body(launch) on one GPU that has room for no parameters.
  template <typename Body>
  void on_gpu(int sm_version, const Body& body) const {
    emulation::EmulatedLauncher launcher(1);
    emulation::run_ranks({.sm_version = sm_version, .memory_bytes = 4096}, [&](int rank) {
      const std::unique_ptr<Launch> launch = launcher.launch(rank);
      body(*launch);
    });
  }
  test::TempDir folder_;
  test::TinyData data_;
};

TEST_F(CudaCheck, heads_wider_than_the_gpu_takes_are_refused_before_anything_is_allocated) {
  const TrainerOptions wide = options(136);
  for (const int sm_version : {80, 100}) {
    const std::string checked = test::message_of<ConfigError>(
        [&] { on_gpu(sm_version, [&](Launch& launch) { check_training(wide, launch); }); });
    EXPECT_THAT(checked, testing::HasSubstr("model.attention_backend is 'flash_attn_2' (it takes "
                                            "heads of up to 128 here, model.d_head is 136)"));
    EXPECT_THAT(checked, testing::HasSubstr("set model.attention_backend: sdpa or auto"));
    EXPECT_EQ(test::message_of<ConfigError>([&] {
                on_gpu(sm_version, [&](Launch& launch) {
                  StatusFile status(std::nullopt);
                  run_training(wide, launch, status);
                });
              }),
              checked);
  }
}

TEST_F(CudaCheck, the_same_heads_pass_on_h100) {
  on_gpu(90, [&](Launch& launch) {
    testing::internal::CaptureStdout();
    EXPECT_EQ(check_training(options(136), launch), 0);
    EXPECT_THAT(testing::internal::GetCapturedStdout(), testing::HasSubstr("check passed"));
  });
}

TEST_F(CudaCheck, first_rank_of_a_node_without_a_gpu_names_it_and_the_others_keep_silent) {
  const TrainerOptions two_gpus = options(8);
  const auto check = [&](const char* local_rank) {
    check_device_before_launch(
        two_gpus,
        [&](const char* name) {
          return name == std::string("SLURM_LOCALID") ? std::optional<std::string>(local_rank)
                                                      : std::nullopt;
        },
        std::chrono::milliseconds(0));
  };
  emulation::run_ranks({.n_rank = 2}, [&](int) {
    EXPECT_NO_THROW(check("1"));
    EXPECT_THAT(test::message_of<DeviceMissingError>([&] { check("2"); }),
                testing::HasSubstr("2 GPUs for the 3 or more ranks of the node"));
    EXPECT_THROW(check("3"), ReportedElsewhereError);
  });
}

}  // namespace
}  // namespace isoflop
