// SPDX-License-Identifier: MIT
#include "planner/sweep/sweep_jobs.hpp"

#include "core/base/error.hpp"
#include "core/base/text_file.hpp"
#include "core/data/dataset_index.hpp"
#include "planner/sweep/fake_slurm.hpp"
#include "planner/sweep/sweep_lock.hpp"
#include "planner/sweep/sweep_status.hpp"
#include "support/error_matchers.hpp"

#include <fmt/format.h>

namespace isoflop {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
namespace fs = std::filesystem;

class SweepJobs : public test::SweepOnFakeSlurm {};

TEST_F(SweepJobs, are_all_submitted_once_and_then_the_report_after_them) {
  const SweepSubmission submission = submit_sweep(files_, {});
  EXPECT_EQ(submission.runs.size(), 9U);
  EXPECT_EQ(submission.arrays.size(), read_manifest(files_).arrays.size());
  const std::string text = words();
  EXPECT_THAT(text, HasSubstr("--array=0-"));
  EXPECT_THAT(text, HasSubstr("--dependency=afterany:1"));
  EXPECT_THAT(text, HasSubstr("report.sbatch"));
  std::string queue;
  for (const ManifestRun& run : read_manifest(files_).runs)
    queue += queue_line(run, std::to_string(run.array + 1));
  write_text_file(dir_ / "queue", queue);
  const SweepSubmission again = submit_sweep(files_, {});
  EXPECT_THAT(again.runs, IsEmpty());
  EXPECT_FALSE(again.report.has_value());
  EXPECT_EQ(words(), "");
}

TEST_F(SweepJobs, that_are_done_by_their_own_files_stay_done_whatever_slurm_says) {
  end_all();
  write_text_file(files_.tables, "");
  EXPECT_THAT(submit_sweep(files_, {}).runs, IsEmpty());
  EXPECT_EQ(words(), "");
  program("squeue", "echo 'Unable to contact slurm controller' >&2; exit 1");
  const SweepState state = read_sweep_state(files_);
  EXPECT_EQ(state.n_done(), 9U);
  EXPECT_THAT(describe_sweep_state(state, files_),
              AllOf(HasSubstr("9 of 9 runs are done"), HasSubstr("Unable to contact")));
}

TEST_F(SweepJobs, that_failed_are_submitted_alone) {
  end_all();
  write_text_file(files_.tables, "");
  const ManifestRun failed = read_manifest(files_).runs.at(4);
  end(failed, "failed");
  const SweepSubmission submission = submit_sweep(files_, {});
  EXPECT_THAT(submission.runs, testing::ElementsAre(failed.name));
  EXPECT_DOUBLE_EQ(submission.device_hours, failed.device_hours);
  EXPECT_THAT(words(), AllOf(HasSubstr(fmt::format("--array={}%", failed.member)),
                             HasSubstr(files_.array_script(failed.array).string()),
                             HasSubstr("--dependency=afterany:1 ")));
}

TEST_F(SweepJobs, without_a_cause_to_hope_are_left_by_those_who_cannot_correct_it) {
  end_all();
  end(read_manifest(files_).runs.front(), "nan");
  EXPECT_THAT(submit_sweep(files_, {.retry_hopeless = false}).runs, IsEmpty());
  EXPECT_EQ(submit_sweep(files_, {}).runs.size(), 1U);
}

TEST_F(SweepJobs, stay_within_the_hours_given) {
  const SweepSubmission submission = submit_sweep(files_, {.most_device_hours = 0.5});
  EXPECT_LE(submission.device_hours, 0.5);
  EXPECT_FALSE(submission.runs.empty());
  EXPECT_LT(submission.runs.size(), 9U);
}

TEST_F(SweepJobs, of_a_controller_that_is_down_are_not_submitted) {
  program("squeue", "echo 'Unable to contact slurm controller' >&2; exit 1");
  EXPECT_THAT(test::message_of<FileError>([&] { submit_sweep(files_, {}); }),
              HasSubstr("nothing is submitted (squeue: Unable to contact"));
  EXPECT_EQ(words(), "");
}

TEST_F(SweepJobs, need_data) {
  fs::remove(dir_ / "data" / kDatasetIndexName);
  EXPECT_THAT(test::message_of<FileError>([&] { submit_sweep(files_, {}); }),
              HasSubstr("no dataset is there, which every run reads"));
}

TEST_F(SweepJobs, a_new_report_replaces_one_that_waits_for_fewer) {
  end_all();
  end(read_manifest(files_).runs.front(), "failed");
  write_text_file(dir_ / "queue",
                  "9|PENDING|0:00|5:00|(Dependency)|/x|" + files_.report.string() + "\n");
  submit_sweep(files_, {});
  EXPECT_EQ(read_text_file(dir_ / "cancelled"), "9\n");
}

TEST_F(SweepJobs, that_were_cancelled_must_end_first) {
  write_text_file(files_.cancelled, "");
  write_text_file(dir_ / "queue", queue_line(read_manifest(files_).runs.front(), "3"));
  EXPECT_THAT(test::message_of<FileError>([&] { submit_sweep(files_, {}); }),
              HasSubstr("are still ending"));
  fs::remove(dir_ / "queue");
  submit_sweep(files_, {});
  EXPECT_FALSE(fs::exists(files_.cancelled));
}

TEST_F(SweepJobs, are_submitted_by_one_process_at_a_time) {
  {
    const auto lock = SweepLock::take(files_);
    EXPECT_TRUE(lock.has_value());
    EXPECT_FALSE(SweepLock::take(files_).has_value());
  }
  EXPECT_TRUE(SweepLock::take(files_).has_value());
}

TEST(ArrayList, joins_neighbours) {
  EXPECT_EQ(array_list({0, 1, 2, 3, 7, 9, 10}), "0-3,7,9-10");
  EXPECT_EQ(array_list({5}), "5");
}

}  // namespace
}  // namespace isoflop
