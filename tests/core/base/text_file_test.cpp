// SPDX-License-Identifier: MIT
#include "core/base/text_file.hpp"

#include "core/base/error.hpp"
#include "support/error_matchers.hpp"
#include "support/file_size_limit.hpp"
#include "support/temp_dir.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <string>

namespace isoflop {
namespace {

using test::message_of;
using test::TempDir;
using testing::HasSubstr;

TEST(TextFile, reads_back_every_byte) {
  const TempDir dir;
  const std::string text("line\r\n\0\xff tail", 13);
  write_text_file(dir / "new/folders/a.txt", text);
  EXPECT_EQ(read_text_file(dir / "new/folders/a.txt"), text);
}

TEST(TextFile, reads_an_empty_file) {
  const TempDir dir;
  write_text_file(dir / "a.txt", "");
  EXPECT_EQ(read_text_file(dir / "a.txt"), "");
}

TEST(TextFile, what_cannot_be_read_is_named) {
  const TempDir dir;
  EXPECT_THAT(message_of<FileError>([&] { read_text_file(dir / "none"); }),
              HasSubstr("none: cannot open (No such file or directory)"));
  EXPECT_THAT(message_of<FileError>([&] { read_text_file(dir.path()); }),
              HasSubstr("is a folder; name a file"));
  std::filesystem::create_symlink("loop", dir / "loop");
  EXPECT_THAT(message_of<FileError>([&] { read_text_file(dir / "loop"); }),
              HasSubstr("loop: cannot open (Too many levels of symbolic links)"));
}

TEST(TextFile, replaces_a_file_that_others_could_read_by_one_of_the_mode_asked_for) {
  const TempDir dir;
  using std::filesystem::perms;
  write_text_file(dir / "a.txt", "public");
  std::filesystem::permissions(dir / "a.txt", perms::others_read,
                               std::filesystem::perm_options::add);
  write_text_file(dir / "a.txt", "private", 0600);
  EXPECT_EQ(std::filesystem::status(dir / "a.txt").permissions(),
            perms::owner_read | perms::owner_write);
}

TEST(TextFile, full_disk_leaves_the_old_file_and_no_other) {
  const TempDir dir;
  write_text_file(dir / "a.txt", "old");
  const std::string message = message_of<FileError>([&] {
    const test::FileSizeLimit limit(100);
    write_text_file(dir / "a.txt", std::string(1000, 'n'));
  });
  EXPECT_THAT(message, HasSubstr("a.txt: cannot write (File too large)"));
  EXPECT_EQ(read_text_file(dir / "a.txt"), "old");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(dir.path()), {}), 1);
}

TEST(DataDir, is_the_folder_the_environment_names) {
  setenv("ISOFLOP_DATA", "/some/where", 1);
  EXPECT_EQ(data_dir(), "/some/where");
  unsetenv("ISOFLOP_DATA");
}

TEST(DataDir, is_the_source_tree_s_otherwise) {
  unsetenv("ISOFLOP_DATA");
  EXPECT_TRUE(std::filesystem::equivalent(data_dir(), ISOFLOP_SOURCE_DIR "/data"));
}

}  // namespace
}  // namespace isoflop
