// SPDX-License-Identifier: MIT
// What a killed writer and a living one leave to a reader in another process.
#include "run_samples.hpp"

#include <array>
#include <csignal>
#include <poll.h>
#include <random>
#include <sys/wait.h>
#include <unistd.h>

namespace isoflop {
namespace {

namespace fs = std::filesystem;

class CrashTest : public RunFolder {};

/// A forked process that records steps as fast as it can and tells each recorded step by pipe.
class WriterProcess {
 public:
  explicit WriterProcess(const fs::path& path) {
    std::array<int, 2> ends{};
    if (pipe(ends.data()) != 0) throw std::runtime_error("pipe");
    pid_ = fork();
    if (pid_ == 0) write_for_ever(path, ends[1]);
    close(ends[1]);
    acknowledgements_ = ends[0];
  }
  WriterProcess(const WriterProcess&) = delete;
  WriterProcess& operator=(const WriterProcess&) = delete;
  ~WriterProcess() {
    kill_now();
    close(acknowledgements_);
  }

  /// Blocks until `step` is recorded.
  void wait_for(int64_t step) {
    while (last_ < step && read_one()) {
    }
  }
  void kill_now() {
    if (pid_ <= 0) return;
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
    pid_ = 0;
  }
  /// The last step that the process said it had recorded.
  int64_t last_acknowledged() {
    while (read_one()) {
    }
    return last_;
  }

 private:
  bool read_one() {
    return read(acknowledgements_, &last_, sizeof last_) == static_cast<ssize_t>(sizeof last_);
  }
  [[noreturn]] static void write_for_ever(const fs::path& path, int out) {
    RunWriter writer(path, sample_header());
    for (int64_t step = 1;; ++step) {
      writer.append(sample_step(step));
      writer.append(LayerNormRecord{step, {1, 2, 3}, {1, 2, 3}, {1, 2, 3}});
      writer.append(RankTimesRecord{step, {1, 2}, {0, 1}});
      writer.flush();
      if (write(out, &step, sizeof step) != static_cast<ssize_t>(sizeof step)) _exit(1);
    }
  }

  pid_t pid_ = 0;
  int acknowledgements_ = -1;
  int64_t last_ = 0;
};

TEST_F(CrashTest, every_acknowledged_row_survives_50_kills) {
  std::mt19937 random(2026);
  std::uniform_int_distribution<int> microseconds(0, 40'000);
  for (int round = 0; round < 50; ++round) {
    const fs::path path = file("kill" + std::to_string(round) + ".h5");
    WriterProcess process(path);
    process.wait_for(1);
    usleep(static_cast<useconds_t>(microseconds(random)));  // the moment of death is the test
    process.kill_now();
    const int64_t acknowledged = process.last_acknowledged();
    const RunFile run = read_run_or_throw(path);
    expect_sample_steps(run, acknowledged);
    EXPECT_GE(static_cast<int64_t>(run.rank_times.size()), acknowledged);
    EXPECT_GE(static_cast<int64_t>(run.layer_norms.size()), acknowledged);
    EXPECT_EQ(run.state, RunState::running);
    EXPECT_FALSE(run.closed_cleanly);
    fs::remove(path);
  }
}

TEST_F(CrashTest, a_cut_file_of_a_killed_writer_never_gives_wrong_rows) {
  {
    WriterProcess process(file("a.h5"));
    process.wait_for(400);
  }
  bool rows_were_missed = false;
  for (auto size = fs::file_size(file("a.h5")); size > 4096; size = size * 9 / 10) {
    fs::resize_file(file("a.h5"), size);
    const RunReadResult result = read_run(file("a.h5"));
    if (const auto* run = std::get_if<RunFile>(&result)) {
      expect_sample_steps(*run, 0);
      rows_were_missed = rows_were_missed || run->unwritten_rows > 0;
    }
  }
  EXPECT_TRUE(rows_were_missed);
}

TEST_F(CrashTest, a_growing_file_can_be_read_again_and_again) {
  WriterProcess process(file("live.h5"));
  int64_t awaited = 1;
  for (int round = 0; round < 10; ++round) {
    process.wait_for(awaited);
    const RunFile run = read_run_or_throw(file("live.h5"));
    expect_sample_steps(run, awaited);
    EXPECT_FALSE(run.closed_cleanly);
    awaited = static_cast<int64_t>(run.steps.size()) + 20;
  }
}

}  // namespace
}  // namespace isoflop
