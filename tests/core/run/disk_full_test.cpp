// SPDX-License-Identifier: MIT
// A disk that fills up (a limit on file sizes stands for it) and one that breaks.
#include "core/base/error.hpp"
#include "core/run/space_reservation.hpp"
#include "run_samples.hpp"

#include <gmock/gmock.h>

#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <fstream>
#include <functional>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

namespace isoflop {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

class DiskFullTest : public RunFolder {
 protected:
  /// Runs in a process of its own, since limits and broken descriptors would outlive the test.
  static void in_child(const std::function<void()>& body) {
    const pid_t child = fork();
    if (child == 0) {
      body();
      std::fflush(stdout);
      _exit(::testing::Test::HasFailure() ? 1 : 0);
    }
    int status = 0;
    waitpid(child, &status, 0);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << "status " << status;
  }
};

void limit_file_size(rlim_t bytes) {
  struct rlimit limit {};
  getrlimit(RLIMIT_FSIZE, &limit);
  limit.rlim_cur = bytes;
  setrlimit(RLIMIT_FSIZE, &limit);
}

/// Records steps until the disk is full; returns the message.
std::string write_until_full(RunWriter& writer, int64_t& last_recorded) {
  for (int64_t step = 1; step < 100'000; ++step) {
    writer.append(sample_step(step));
    try {
      writer.flush();
    } catch (const FileError& error) {
      return error.what();
    }
    last_recorded = step;
  }
  return "never full";
}

TEST_F(DiskFullTest, full_disk_is_a_clear_error_and_recorded_rows_stay_readable) {
  const fs::path path = file("a.h5");
  in_child([&] {
    RunWriter writer(path, sample_header());
    limit_file_size(fs::file_size(path) + 500'000);
    int64_t recorded = 0;
    const std::string message = write_until_full(writer, recorded);
    EXPECT_THAT(message, HasSubstr("a.h5: cannot record 1 rows (File too large)"));
    EXPECT_THAT(message, HasSubstr("free space or raise the quota"));
    std::ofstream(file("recorded")) << recorded;
    _exit(::testing::Test::HasFailure() ? 1 : 0);  // as if killed: nothing is closed
  });
  int64_t recorded = 0;
  std::ifstream(file("recorded")) >> recorded;
  EXPECT_GT(recorded, 100);
  const RunFile run = read_run_or_throw(path);
  expect_sample_steps(run, recorded);
  EXPECT_EQ(run.unwritten_rows, 0);
}

TEST_F(DiskFullTest, rows_that_waited_for_room_are_recorded_when_there_is_room) {
  const fs::path path = file("a.h5");
  in_child([&] {
    RunWriter writer(path, sample_header());
    limit_file_size(fs::file_size(path) + 500'000);
    int64_t recorded = 0;
    write_until_full(writer, recorded);
    for (int64_t step = recorded + 2; step <= recorded + 500; ++step)
      writer.append(sample_step(step));
    EXPECT_THROW(writer.set_state(RunState::done), FileError);
    limit_file_size(RLIM_INFINITY);
    writer.set_state(RunState::done);
    writer.close();
    const RunFile run = read_run_or_throw(path);
    EXPECT_EQ(static_cast<int64_t>(run.steps.size()), recorded + 500);
    expect_sample_steps(run, recorded + 500);
    EXPECT_EQ(run.state, RunState::done);
  });
}

TEST_F(DiskFullTest, no_room_for_the_header_leaves_no_file) {
  in_child([&] {
    limit_file_size(10'000);
    try {
      RunWriter(file("a.h5"), sample_header());
      ADD_FAILURE() << "created";
    } catch (const FileError& error) {
      EXPECT_THAT(error.what(), HasSubstr("a.h5: cannot create the run file (File too large)"));
    }
    EXPECT_FALSE(fs::exists(file("a.h5")));
  });
}

/// Makes every descriptor of the file read-only, so that writes fail in the middle of a flush.
void break_descriptors(const fs::path& path) {
  const fs::path target = fs::canonical(path);
  for (int fd = 3; fd < 64; ++fd) {
    std::error_code error;
    if (fs::read_symlink("/proc/self/fd/" + std::to_string(fd), error) != target) continue;
    const int read_only = open(path.c_str(), O_RDONLY);
    dup2(read_only, fd);
    close(read_only);
  }
}

TEST_F(DiskFullTest, broken_disk_ends_recording_and_recorded_rows_stay_readable) {
  const fs::path path = file("a.h5");
  in_child([&] {
    RunWriter writer(path, sample_header());
    for (int64_t step = 1; step <= 300; ++step) writer.append(sample_step(step));
    writer.flush();
    break_descriptors(path);
    writer.append(sample_step(301));
    try {
      writer.flush();
      ADD_FAILURE() << "flushed";
    } catch (const FileError& error) {
      EXPECT_THAT(error.what(), HasSubstr("a.h5: cannot write the run file (Bad file descriptor)"));
      EXPECT_THAT(error.what(), HasSubstr("1 rows since the last flush are not recorded"));
    }
    EXPECT_THROW(writer.append(sample_step(302)), FileError);
    std::exit(::testing::Test::HasFailure() ? 1 : 0);  // the library must not crash on its way out
  });
  const RunFile run = read_run_or_throw(path);
  EXPECT_EQ(run.steps.size(), 300U);
  expect_sample_steps(run, 300);
}

TEST_F(DiskFullTest, reservation_leaves_the_size_alone_and_gives_blocks_back) {
  const SpaceReservation reservation(file("a"));
  EXPECT_EQ(reservation.refusal(1 << 20), std::nullopt);
  EXPECT_EQ(fs::file_size(file("a")), 0U);
  reservation.trim();
  EXPECT_EQ(fs::file_size(file("a")), 0U);
}

TEST_F(DiskFullTest, reservation_refuses_more_than_the_disk_has) {
  const SpaceReservation reservation(file("a"));
  EXPECT_NE(reservation.refusal(int64_t{1} << 60), std::nullopt);
}

}  // namespace
}  // namespace isoflop
