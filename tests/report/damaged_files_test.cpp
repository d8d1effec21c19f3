// SPDX-License-Identifier: MIT
// Run files with flipped and missing bytes: each is used or named, and nothing crashes.
#include "core/run/hdf5_attributes.hpp"
#include "core/run/run_samples.hpp"
#include "core/run/run_schema.hpp"
#include "core/run/segment_samples.hpp"
#include "report/repair.hpp"
#include "report/report.hpp"

#include <gmock/gmock.h>

#include <fstream>
#include <random>
#include <sstream>

namespace isoflop {
namespace {

namespace fs = std::filesystem;

std::string contents(const fs::path& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

class DamagedFiles : public RunFolder {
 protected:
  fs::path written_run() const {
    const fs::path path = file("good.h5");
    RunWriter writer(path, sample_header());
    for (int64_t step = 1; step <= 300; ++step) writer.append(sample_step(step));
    writer.append(sample_eval(100, 3.0));
    writer.close();
    return path;
  }

  /// The same by a program of the next format.
  fs::path future_run() const {
    const fs::path path = file("future.h5");
    fs::copy_file(written_run(), path);
    const Hdf5Handle run(H5Fopen(path.c_str(), H5F_ACC_RDWR, run_file_access().get()));
    change_attribute(run.get(), run_schema::kVersionAttribute, "2.0");
    return path;
  }

  /// Reports on the file alone; returns how many runs it gave.
  std::size_t report_on(const std::string& bytes) const {
    const fs::path path = file("damaged.h5");
    std::ofstream(path, std::ios::trunc) << bytes;
    const RunSet set = load_runs(std::span(&path, 1));
    EXPECT_EQ(set.runs.size() + set.skipped.size(), 1U);
    for (const std::string& message : set.skipped)
      EXPECT_THAT(message, ::testing::StartsWith(path.string() + ": "));
    const std::string document = make_report(set, {.format = ReportFormat::json});
    for (const TrainingRun& run : set.runs)
      EXPECT_THAT(document, ::testing::HasSubstr(run.segments.empty() ? "?" : "\"runs\""));
    make_report(set, {.table = "health"});
    return set.runs.size();
  }

  std::string reason_of(const std::string& bytes) const {
    report_on(bytes);
    const fs::path path = file("damaged.h5");
    return load_runs(std::span(&path, 1)).skipped.at(0);
  }
};

TEST_F(DamagedFiles, files_cut_anywhere_are_named) {
  const std::string good = contents(written_run());
  EXPECT_EQ(report_on(good), 1U);
  std::mt19937_64 random(1);
  for (int trial = 0; trial < 25; ++trial)
    EXPECT_EQ(report_on(good.substr(0, random() % good.size())), 0U);
}

TEST_F(DamagedFiles, flipped_bytes_are_read_or_named) {
  const std::string good = contents(written_run());
  std::mt19937_64 random(2);
  for (int trial = 0; trial < 60; ++trial) {
    std::string bytes = good;
    for (int flip = 0; flip < 1 + trial % 8; ++flip)
      bytes[random() % bytes.size()] ^= static_cast<char>(1U << (random() % 8));
    report_on(bytes);
  }
}

// The header has checksums: no flipped byte makes an old format of a new one.
TEST_F(DamagedFiles, a_file_of_the_next_format_is_named_whatever_else_is_wrong_with_it) {
  const std::string future = contents(future_run());
  EXPECT_THAT(reason_of(future), ::testing::HasSubstr("has format version 2.0 (this program "));
  std::mt19937_64 random(3);
  for (int trial = 0; trial < 30; ++trial) {
    std::string bytes = trial % 3 == 0 ? future.substr(0, random() % future.size()) : future;
    for (int flip = 0; flip < trial % 4 && !bytes.empty(); ++flip)
      bytes[random() % bytes.size()] ^= static_cast<char>(1U << (random() % 8));
    EXPECT_EQ(report_on(bytes), 0U);
  }
}

TEST_F(DamagedFiles, repair_copies_what_a_killed_writer_left) {
  RunWriter writer(file("live.h5"), sample_header());
  for (int64_t step = 1; step <= 200; ++step) writer.append(sample_step(step));
  writer.append(sample_eval(100, 3.0));
  writer.flush();
  fs::copy_file(file("live.h5"), file("killed.h5"));  // as kill -9 leaves it
  ASSERT_FALSE(read_run_or_throw(file("killed.h5")).closed_cleanly);
  const std::string before = contents(file("killed.h5"));
  EXPECT_THAT(repair_run(file("killed.h5"), file("new.h5")),
              ::testing::HasSubstr("200 steps, 1 evaluations, 0 checkpoints, 0 events, state "
                                   "running; nothing was lost"));
  EXPECT_EQ(contents(file("killed.h5")), before);
  const RunFile repaired = read_run_or_throw(file("new.h5"));
  EXPECT_TRUE(repaired.closed_cleanly);
  expect_sample_steps(repaired, 200);
  EXPECT_EQ(repaired.header.config.yaml, sample_header().config.yaml);
  ASSERT_EQ(repaired.evals.size(), 1U);
  EXPECT_EQ(repaired.evals[0].loss, 3.0);
}

TEST_F(DamagedFiles, repair_overwrites_nothing_and_names_what_it_cannot_read) {
  const fs::path good = written_run();
  EXPECT_THROW(repair_run(good, good), FileError);
  std::ofstream(file("foreign.h5")) << "not HDF5";
  EXPECT_THROW(repair_run(file("foreign.h5"), file("new.h5")), FileError);
  EXPECT_FALSE(fs::exists(file("new.h5")));
}

}  // namespace
}  // namespace isoflop
