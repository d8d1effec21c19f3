// SPDX-License-Identifier: MIT
#include "planner/sweep/sweep_tick.hpp"

#include "core/base/error.hpp"
#include "core/base/text_file.hpp"
#include "planner/sweep/fake_slurm.hpp"
#include "planner/sweep/sweep_ledger.hpp"
#include "planner/sweep/sweep_lock.hpp"
#include "support/error_matchers.hpp"
#include "support/run_program.hpp"

#include <algorithm>

namespace isoflop {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::time_t kNow = 1'800'000'000;

class SweepTick : public test::SweepOnFakeSlurm {
 protected:
  SweepTick() {
    idle(2);
    schedule({});
  }
  void idle(int nodes) { program("sinfo", "echo " + std::to_string(nodes)); }
  void schedule(const SweepSchedule& schedule) {
    write_text_file(files_.schedule, schedule_yaml(schedule));
  }
};

TEST_F(SweepTick, submits_when_nodes_are_idle) {
  idle(0);
  EXPECT_THAT(tick(files_, kNow).why, HasSubstr("0 nodes of cpu are idle, 1 are wanted"));
  idle(1);
  const Tick result = tick(files_, kNow);
  EXPECT_THAT(result.why, IsEmpty());
  EXPECT_EQ(result.submission.runs.size(), 9U);
}

TEST_F(SweepTick, leaves_nodes_idle_for_others) {
  SweepSchedule others;
  others.keep_idle_nodes = 2;
  schedule(others);
  EXPECT_THAT(tick(files_, kNow).why, HasSubstr("2 nodes of cpu are idle, 3 are wanted"));
}

TEST_F(SweepTick, waits_for_the_quiet_hours) {
  std::tm local{};
  localtime_r(&kNow, &local);
  SweepSchedule later;
  later.from_hour = (local.tm_hour + 1) % 24;
  later.to_hour = (local.tm_hour + 2) % 24;
  schedule(later);
  EXPECT_THAT(tick(files_, kNow).why, HasSubstr("is not among the quiet ones"));
  EXPECT_THAT(tick(files_, kNow + 3600).why, IsEmpty());
}

TEST_F(SweepTick, spends_the_weekly_allowance_once) {
  schedule({.weekly_device_hours = 0.5});
  const Tick first = tick(files_, std::time(nullptr));
  EXPECT_LE(first.submission.device_hours, 0.5);
  EXPECT_FALSE(first.submission.runs.empty());
  const auto ledger = read_ledger(files_);
  ASSERT_EQ(ledger.size(), 1U);
  EXPECT_DOUBLE_EQ(ledger[0].device_hours, first.submission.device_hours);
  // The same runs are missing again: the least takes more than what is left of the week.
  note_hours(files_, {std::time(nullptr), 0.5, 0});
  EXPECT_THAT(tick(files_, std::time(nullptr)).submission.runs, IsEmpty());
  EXPECT_FALSE(tick(files_, std::time(nullptr) + 8 * 24 * 3600).submission.runs.empty());
}

TEST_F(SweepTick, ends_when_all_is_done_or_cancelled) {
  end_all();
  EXPECT_TRUE(tick(files_, kNow).ends);
  end(read_manifest(files_).runs.front(), "nan");
  EXPECT_TRUE(tick(files_, kNow).ends) << "it would diverge again";
  end(read_manifest(files_).runs.front(), "checkpointed");
  write_text_file(files_.cancelled, "");
  EXPECT_TRUE(tick(files_, kNow).ends);
  EXPECT_EQ(words(), "");
}

TEST_F(SweepTick, does_nothing_beside_another) {
  const auto lock = SweepLock::take(files_);
  const Tick result = tick(files_, kNow);
  EXPECT_THAT(result.why, HasSubstr("another process submits"));
  EXPECT_FALSE(result.ends);
  EXPECT_EQ(words(), "");
}

/// What has been submitted waits from then on, as squeue says.
TEST_F(SweepTick, two_at_once_submit_every_run_once) {
  std::string queue;
  for (const ManifestRun& run : read_manifest(files_).runs)
    queue += queue_line(run, std::to_string(run.array + 1));
  write_text_file(dir_ / "full", queue);
  const std::string folder = dir_.path().string();
  program("sbatch",
          fmt::format("sleep 0.2; echo \"$@\" >>{0}/words; cp {0}/full {0}/queue; wc -l <{0}/words",
                      folder));
  const std::string one = test::program_path("planner") + " tick " + files_.folder.string();
  const test::ProgramResult both =
      test::run_command("(" + one + " & " + one + " & " + one + " & wait)");
  EXPECT_EQ(both.exit_code, 0) << both.output;
  const std::string text = words();
  const auto arrays = static_cast<std::ptrdiff_t>(read_manifest(files_).arrays.size());
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), arrays + 1) << text;
  EXPECT_EQ(read_ledger(files_).size(), 1U);
}

TEST(SweepSchedule, reads_back_what_it_writes) {
  test::TempDir dir;
  const SweepFiles files = sweep_files_in(dir.path());
  EXPECT_THAT(test::message_of<FileError>([&] { read_schedule(files); }),
              HasSubstr("planner schedule"));
  SweepSchedule schedule{.every_minutes = 60, .keep_idle_nodes = 3, .weekly_device_hours = 12.5};
  set_quiet_hours(schedule, "20-7");
  write_text_file(files.schedule, schedule_yaml(schedule));
  const SweepSchedule read = read_schedule(files);
  EXPECT_EQ(read.every_minutes, 60);
  EXPECT_EQ(read.keep_idle_nodes, 3);
  EXPECT_EQ(read.weekly_device_hours, 12.5);
  EXPECT_TRUE(read.is_quiet(23));
  EXPECT_TRUE(read.is_quiet(6));
  EXPECT_FALSE(read.is_quiet(7));
  EXPECT_TRUE(SweepSchedule{}.is_quiet(12));
}

TEST(SweepSchedule, refuses_what_no_clock_or_crontab_has) {
  SweepSchedule schedule;
  for (const char* const text : {"20", "20-25", "-1-7", "a-b", "20-"})
    EXPECT_THROW(set_quiet_hours(schedule, text), ConfigError) << text;
  for (const int minutes : {0, 1, 7, 45, 90, 300, 2880})
    EXPECT_THROW(check_interval(minutes), ConfigError) << minutes;
  for (const int minutes : {5, 30, 60, 240, 1440}) EXPECT_NO_THROW(check_interval(minutes));
}

TEST(SweepLedger, names_a_line_that_is_none) {
  test::TempDir dir;
  const SweepFiles files = sweep_files_in(dir.path());
  write_text_file(files.ledger, "soon 3 4\n");
  EXPECT_THAT(test::message_of<FileError>([&] { read_ledger(files); }),
              HasSubstr("ledger.txt: 'soon 3 4' is no entry"));
}

}  // namespace
}  // namespace isoflop
