// SPDX-License-Identifier: MIT
#include "planner/jobs/submission.hpp"

#include "core/base/error.hpp"
#include "core/base/text_file.hpp"
#include "support/error_matchers.hpp"
#include "support/temp_dir.hpp"

#include <cstdlib>

namespace isoflop {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

/// A folder whose programs stand for Slurm's: sbatch notes its words.
class Submissions : public testing::Test {
 protected:
  Submissions() : files_(plan_files_in(dir_ / "plan")), path_(std::getenv("PATH")) {
    write_text_file(files_.script, "#!/bin/bash\n#SBATCH --exclude=a[1-2],b\n");
    program("sbatch", "echo \"$@\" >>" + (dir_ / "words").string() + "; echo '17;cluster'");
    program("squeue", "cat " + (dir_ / "queue").string() + " 2>/dev/null; exit 0");
    setenv("PATH", ((dir_ / "bin").string() + ":" + path_).c_str(), 1);
  }
  ~Submissions() override { setenv("PATH", path_.c_str(), 1); }

  void program(const std::string& name, const std::string& text) {
    write_text_file(dir_ / "bin" / name, "#!/bin/sh\n" + text + "\n", 0755);
  }
  std::string words() const { return read_text_file(dir_ / "words"); }

  test::TempDir dir_;
  PlanFiles files_;
  std::string path_;
};

TEST_F(Submissions, are_noted_with_their_folder) {
  write_text_file(files_.cancelled, "");
  EXPECT_EQ(submit_plan(files_).job, "17");
  EXPECT_FALSE(std::filesystem::exists(files_.cancelled));
  EXPECT_EQ(words(), "--parsable " + files_.script.string() + "\n");
  submit_plan(files_);
  const auto submissions = read_submissions(files_);
  ASSERT_EQ(submissions.size(), 2U);
  EXPECT_EQ(submissions[1].folder, std::filesystem::current_path());
}

TEST_F(Submissions, leave_out_bad_nodes_and_those_of_the_site) {
  write_text_file(files_.bad_nodes, "# found by preflight\nc3 2 GPUs of 8\nc3 again\n\nd4\n");
  EXPECT_THAT(bad_nodes(files_), ElementsAre("c3", "d4"));
  submit_plan(files_);
  EXPECT_THAT(words(), HasSubstr("--exclude=a[1-2],b,c3,d4 "));
}

TEST_F(Submissions, wait_for_those_before) {
  write_text_file(dir_ / "queue", "9|RUNNING|1:00|5:00|n1|/x|" + files_.script.string() + "\n");
  EXPECT_THAT(test::message_of<FileError>([&] { submit_plan(files_); }),
              HasSubstr("job 9 of this plan is RUNNING"));
  write_text_file(dir_ / "queue", "9|RUNNING|1:00|5:00|n1|/x|/other/train.sbatch\n");
  EXPECT_NO_THROW(submit_plan(files_));
}

TEST_F(Submissions, say_what_slurm_said) {
  program("sbatch", "echo 'sbatch: error: Invalid account' >&2; exit 1");
  EXPECT_THAT(test::message_of<FileError>([&] { submit_plan(files_); }),
              HasSubstr("was not submitted (sbatch: sbatch: error: Invalid account)"));
}

TEST_F(Submissions, of_a_controller_that_is_down_are_unknown) {
  program("squeue", "echo 'Unable to contact slurm controller' >&2; exit 1");
  EXPECT_THAT(queue_of(files_).problem, HasSubstr("Unable to contact"));
}

}  // namespace
}  // namespace isoflop
