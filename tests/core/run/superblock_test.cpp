// SPDX-License-Identifier: MIT
#include "core/run/superblock.hpp"

#include "run_samples.hpp"

#include <fstream>

namespace isoflop {
namespace {

class SuperblockTest : public RunFolder {};

TEST_F(SuperblockTest, closed_file_has_no_writer_and_its_own_size) {
  RunWriter(file("a.h5"), sample_header()).close();
  const auto superblock = read_superblock(file("a.h5"));
  ASSERT_TRUE(superblock.has_value());
  EXPECT_EQ(superblock->version, 3);
  EXPECT_FALSE(superblock->open_for_writing);
  EXPECT_EQ(superblock->end_of_file,
            static_cast<int64_t>(std::filesystem::file_size(file("a.h5"))));
}

TEST_F(SuperblockTest, live_file_lets_readers_in) {
  const RunWriter writer(file("a.h5"), sample_header());
  const auto superblock = read_superblock(file("a.h5"));
  ASSERT_TRUE(superblock.has_value());
  EXPECT_TRUE(superblock->open_for_writing);
  EXPECT_TRUE(superblock->open_for_live_reads);
}

TEST_F(SuperblockTest, other_files_have_none) {
  std::ofstream(file("text")) << std::string(100, 'x');
  EXPECT_FALSE(read_superblock(file("text")).has_value());
  EXPECT_FALSE(read_superblock(file("missing")).has_value());
}

}  // namespace
}  // namespace isoflop
