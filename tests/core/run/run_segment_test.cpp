// SPDX-License-Identifier: MIT
#include "core/run/run_segment.hpp"

#include "core/base/error.hpp"
#include "run_samples.hpp"

#include <fstream>

namespace isoflop {
namespace {

class RunSegmentTest : public RunFolder {};

TEST_F(RunSegmentTest, numbers_count_up_from_zero_and_the_folder_is_made) {
  EXPECT_EQ(next_segment(file("runs"), "a").path, file("runs") / "a.s000.h5");
  const RunSegment second = next_segment(file("runs"), "a");
  EXPECT_EQ(second.path, file("runs") / "a.s001.h5");
  EXPECT_EQ(second.number, 1);
  EXPECT_EQ(next_segment(file("runs"), "b").number, 0);
}

TEST_F(RunSegmentTest, segment_is_taken_by_an_empty_file_that_a_writer_accepts) {
  const RunSegment segment = next_segment(file("runs"), "a");
  EXPECT_EQ(std::filesystem::file_size(segment.path), 0U);
  RunWriter(segment.path, sample_header()).close();
  EXPECT_EQ(read_run_or_throw(segment.path).header.identity.run_id, "tiny-1");
}

TEST_F(RunSegmentTest, run_id_must_be_a_file_name) {
  EXPECT_THROW(next_segment(file("runs"), ""), ConfigError);
  EXPECT_THROW(next_segment(file("runs"), "../x"), ConfigError);
  EXPECT_THROW(next_segment(file("runs"), "a b"), ConfigError);
}

TEST_F(RunSegmentTest, files_of_a_run_are_found_by_number) {
  std::filesystem::create_directories(file("runs"));
  for (const char* name : {"a.s000.h5", "a.s002.h5", "a.s1000.h5", "a.s10.h5", "a.h5", "a.s.h5",
                           "a.sx.h5", "a.s001.json", "aa.s000.h5", "b.s000.h5"})
    std::ofstream(file("runs") / name).flush();
  std::vector<std::string> names;
  for (const auto& path : segments_of(file("runs"), "a")) names.push_back(path.filename());
  EXPECT_EQ(names, (std::vector<std::string>{"a.s000.h5", "a.s002.h5", "a.s10.h5", "a.s1000.h5"}));
  EXPECT_THROW(segments_of(file("nowhere"), "a"), FileError);
}

TEST_F(RunSegmentTest, folder_that_cannot_be_made_is_a_file_error) {
  std::ofstream(file("runs")) << "a file";
  EXPECT_THROW(next_segment(file("runs"), "a"), FileError);
}

}  // namespace
}  // namespace isoflop
