// SPDX-License-Identifier: MIT
#include "trainer/health/run_status.hpp"

#include "core/base/error.hpp"
#include "core/base/text_file.hpp"
#include "support/temp_dir.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace isoflop {
namespace {

using testing::HasSubstr;

RunStatus stalled_run() {
  RunStatus status;
  status.run = "demo";
  status.state = StatusState::stalled;
  status.exit_code = 9;
  status.cause = "rank 2 on node\"07\" gave no sign";
  status.suspects = {{2, "node07"}, {std::nullopt, "node08"}};
  status.phase = "backward";
  status.step = 120;
  status.last_step = 920;
  status.step_time = 1763835000.25;
  status.resumed_from_step = 100;
  status.checkpoint = SavedState{100, "runs/demo.checkpoints/step-00000100"};
  status.segment = RunSegment{"runs/demo.s003.h5", 3};
  status.skipped_steps = 1;
  status.spikes = 2;
  status.job = "4711";
  status.restarts = 1;
  status.rank = 1;
  status.host = "node06";
  status.pid = 12345;
  status.started = 1763834000.5;
  status.written = 1763835600.75;
  return status;
}

class RunStatusTest : public testing::Test {
 protected:
  RunStatus round_trip(const RunStatus& status) {
    write_text_file(path_, to_json(status));
    return read_run_status(path_);
  }
  test::TempDir folder_;
  std::filesystem::path path_ = status_path(folder_.path(), "demo");
};

TEST_F(RunStatusTest, is_read_back_as_it_was) {
  const RunStatus written = stalled_run();
  EXPECT_EQ(to_json(round_trip(written)), to_json(written));
  EXPECT_EQ(round_trip(written).started, written.started);
  EXPECT_EQ(round_trip(written).suspects, written.suspects);
}

TEST_F(RunStatusTest, what_is_not_known_is_null) {
  const RunStatus fresh{.run = "demo", .host = "a"};
  const std::string json = to_json(fresh);
  for (const char* key : {"exit_code", "cause", "last_step", "step_time", "checkpoint", "segment",
                          "run_file", "job", "restarts"})
    EXPECT_THAT(json, HasSubstr(std::string("\"") + key + "\": null")) << key;
  EXPECT_THAT(json, HasSubstr("\"state\": \"running\""));
  EXPECT_EQ(to_json(round_trip(fresh)), json);
}

TEST_F(RunStatusTest, another_file_is_refused) {
  write_text_file(path_, "{\"format\": \"isoflop-plan\"}");
  EXPECT_THROW(read_run_status(path_), ConfigError);
  write_text_file(path_, "{\"format\": \"isoflop-status\"");
  EXPECT_THROW(read_run_status(path_), ConfigError);
  EXPECT_THROW(read_run_status(folder_ / "missing.status.json"), FileError);
}

TEST(StateOf, follows_from_the_exit_code) {
  EXPECT_EQ(state_of(0, true), StatusState::done);
  EXPECT_EQ(state_of(85, true), StatusState::checkpointed);
  EXPECT_EQ(state_of(85, false), StatusState::stopped);
  EXPECT_EQ(state_of(7, true), StatusState::nan);
  EXPECT_EQ(state_of(8, true), StatusState::out_of_memory);
  EXPECT_EQ(state_of(9, true), StatusState::stalled);
  for (const int code : {1, 2, 3, 4, 5}) EXPECT_EQ(state_of(code, true), StatusState::failed);
}

}  // namespace
}  // namespace isoflop
