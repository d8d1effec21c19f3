// SPDX-License-Identifier: MIT
#include "trainer/early_device_check.hpp"

#include "core/base/error.hpp"
#include "support/error_matchers.hpp"
#include "tiny_training.hpp"

#include <fstream>
#include <map>

namespace isoflop {
namespace {

using testing::HasSubstr;

constexpr std::chrono::milliseconds kNoGrace{0};

class EarlyDeviceCheck : public testing::Test {
 protected:
  EarlyDeviceCheck() { options_.config = folder_ / "train.yaml"; }
  void write(DeviceKind kind) {
    TrainConfig config = test::tiny_config(test::tiny_llama(), "data");
    config.device.kind = kind;
    std::ofstream(options_.config) << write_train_config(config, "");
  }
  void check(const std::map<std::string, std::string>& variables) {
    check_device_before_launch(
        options_,
        [&](const char* name) -> std::optional<std::string> {
          const auto found = variables.find(name);
          return found == variables.end() ? std::nullopt : std::optional(found->second);
        },
        kNoGrace);
  }
  test::TempDir folder_;
  TrainerOptions options_;
};

TEST_F(EarlyDeviceCheck, first_rank_of_a_node_names_node_and_remedy) {
  write(DeviceKind::cuda);
  const std::string message = test::message_of<DeviceMissingError>([&] {
    check({{"SLURM_LOCALID", "0"}, {"SLURMD_NODENAME", "vgpu7"}});
  });
  EXPECT_THAT(message, testing::StartsWith("node vgpu7: device.kind is 'cuda'"));
  EXPECT_THAT(message, HasSubstr("set device.kind: cpu"));
}

TEST_F(EarlyDeviceCheck, other_ranks_of_a_node_fail_alike_in_silence) {
  write(DeviceKind::cuda);
  try {
    check({{"SLURM_LOCALID", "3"}, {"SLURMD_NODENAME", "vgpu7"}});
    FAIL() << "must throw";
  } catch (const ReportedElsewhereError& error) {
    EXPECT_EQ(error.exit_code(), ExitCode::kDeviceMissing);
  }
}

TEST_F(EarlyDeviceCheck, process_without_launcher_reports) {
  write(DeviceKind::cuda);
  EXPECT_THROW(check({}), DeviceMissingError);
}

TEST_F(EarlyDeviceCheck, override_of_the_device_counts) {
  write(DeviceKind::cpu);
  EXPECT_NO_THROW(check({}));
  options_.overrides = {{"device.kind", "cuda"}};
  EXPECT_THROW(check({}), DeviceMissingError);
}

TEST_F(EarlyDeviceCheck, automatic_choice_is_left_to_all_ranks_together) {
  write(DeviceKind::automatic);
  EXPECT_NO_THROW(check({}));
}

TEST_F(EarlyDeviceCheck, unreadable_configuration_and_bench_are_left_to_others) {
  EXPECT_NO_THROW(check({}));  // no such file
  write(DeviceKind::cuda);
  options_.overrides = {{"device.kimd", "cuda"}};
  EXPECT_NO_THROW(check({}));
  options_.overrides = {};
  options_.action = TrainerAction::bench;
  EXPECT_NO_THROW(check({}));
}

}  // namespace
}  // namespace isoflop
