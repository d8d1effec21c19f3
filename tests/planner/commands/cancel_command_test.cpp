// SPDX-License-Identifier: MIT
#include "planner/commands/cancel_command.hpp"

#include "core/base/text_file.hpp"
#include "planner/plan_folder.hpp"
#include "support/temp_dir.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

namespace isoflop {
namespace {

using testing::HasSubstr;

/// A plan's folder, and programs that stand for Slurm's: squeue prints `queue` and `steps`, scancel
/// notes its words.
class Cancel : public testing::Test {
 protected:
  Cancel() : files_(plan_files_in(dir_ / "plan")), path_(std::getenv("PATH")) {
    write_text_file(files_.plan, "{}\n");
    write_text_file(files_.script, "#!/bin/bash\n");
    const std::string here = dir_.path().string();
    program("squeue", "case \"$*\" in *--steps*) cat " + here + "/steps ;; *) cat " + here +
                          "/queue ;; esac");
    program("scancel", "echo \"$@\" >>" + here + "/words");
    setenv("PATH", ((dir_ / "bin").string() + ":" + path_).c_str(), 1);
  }
  ~Cancel() override { setenv("PATH", path_.c_str(), 1); }

  void program(const std::string& name, const std::string& text) {
    write_text_file(dir_ / "bin" / name, "#!/bin/sh\n" + text + "\n", 0755);
  }
  std::string job(const std::string& id, const std::string& state) const {
    return id + "|" + state + "|1:00|5:00|n1|/x|" + files_.script.string() + "\n";
  }
  /// The words of scancel's calls.
  std::string cancel(const std::string& queue, const std::string& steps,
                     std::vector<const char*> more = {}) {
    write_text_file(dir_ / "queue", queue);
    write_text_file(dir_ / "steps", steps);
    write_text_file(dir_ / "words", "");
    const std::string folder = (dir_ / "plan").string();
    std::vector<const char*> words = {"planner cancel", folder.c_str()};
    words.insert(words.end(), more.begin(), more.end());
    testing::internal::CaptureStdout();
    EXPECT_EQ(run_cancel_command(static_cast<int>(words.size()), words.data()), 0);
    printed_ = testing::internal::GetCapturedStdout();
    return read_text_file(dir_ / "words");
  }

  test::TempDir dir_;
  PlanFiles files_;
  std::string path_, printed_;
};

TEST_F(Cancel, a_running_job_gets_the_signal_to_save_and_end) {
  EXPECT_EQ(cancel(job("17", "RUNNING"), ""), "--signal=USR2 17\n");
  EXPECT_THAT(printed_, HasSubstr("Cancelled   job 17, RUNNING: saves its state and ends"));
  EXPECT_EQ(cancel(job("17", "RUNNING"), "", {"--now"}), "17\n");
  EXPECT_EQ(cancel(job("18", "PENDING"), ""), "18\n");
}

TEST_F(Cancel, of_an_array_the_steps_of_the_member_that_runs_get_it) {
  const std::string queue = job("17_[3-9%1]", "PENDING") + job("17_2", "RUNNING");
  EXPECT_EQ(cancel(queue, "17_2.0\n17_2.1\n17_2.batch\n17_2.extern\n"),
            "17_[3-9]\n--signal=USR2 17_2.0 17_2.1\n");
  EXPECT_EQ(cancel(queue, "17_2.batch\n"), "17_[3-9]\n--signal=USR2 17_2\n") << "between its steps";
}

}  // namespace
}  // namespace isoflop
