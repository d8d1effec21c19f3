// SPDX-License-Identifier: MIT
#include "trainer/run_switches.hpp"

#include "core/base/text_file.hpp"
#include "support/temp_dir.hpp"

#include <gtest/gtest.h>

namespace isoflop {
namespace {

class RunSwitchesTest : public testing::Test {
 protected:
  void touch(const std::string& name) { write_text_file(folder_.path() / name, ""); }
  void look_later() {
    now_s_ += RunSwitches::kInterval;
    switches_.look();
  }

  test::TempDir folder_;
  double now_s_ = 100;
  RunSwitches switches_{folder_.path(), "a", [this] { return now_s_; }};
};

TEST_F(RunSwitchesTest, without_files_nothing_is_asked_for) {
  switches_.look();
  EXPECT_FALSE(switches_.stop());
  EXPECT_FALSE(switches_.take_save());
}

TEST_F(RunSwitchesTest, stop_holds_while_its_file_is_there) {
  touch("a.stop");
  switches_.look();
  EXPECT_TRUE(switches_.stop());
  EXPECT_TRUE(std::filesystem::exists(stop_switch(folder_.path(), "a")));
  std::filesystem::remove(folder_.path() / "a.stop");
  look_later();
  EXPECT_FALSE(switches_.stop());
}

TEST_F(RunSwitchesTest, a_file_asks_for_one_checkpoint) {
  touch("a.save");
  switches_.look();
  EXPECT_FALSE(std::filesystem::exists(folder_.path() / "a.save"));
  EXPECT_TRUE(switches_.take_save());
  EXPECT_FALSE(switches_.take_save());
}

TEST_F(RunSwitchesTest, files_of_other_runs_are_not_meant) {
  touch("b.stop");
  touch("aa.save");
  switches_.look();
  EXPECT_FALSE(switches_.stop());
  EXPECT_FALSE(switches_.take_save());
}

TEST_F(RunSwitchesTest, looks_every_few_seconds_only) {
  switches_.look();
  touch("a.stop");
  now_s_ += RunSwitches::kInterval - 0.1;
  switches_.look();
  EXPECT_FALSE(switches_.stop());
  now_s_ += 0.2;
  switches_.look();
  EXPECT_TRUE(switches_.stop());
}

}  // namespace
}  // namespace isoflop
