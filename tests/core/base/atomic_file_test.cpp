// SPDX-License-Identifier: MIT
#include "core/base/atomic_file.hpp"

#include "core/base/error.hpp"
#include "core/base/text_file.hpp"
#include "support/error_matchers.hpp"
#include "support/file_size_limit.hpp"
#include "support/temp_dir.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace isoflop {
namespace {

using test::message_of;
using test::TempDir;
using testing::HasSubstr;

TEST(AtomicFile, appears_at_commit_and_not_before) {
  const TempDir dir;
  AtomicFile file(dir / "sub/a.txt");
  file.append("hel");
  file.append("lo");
  EXPECT_FALSE(std::filesystem::exists(dir / "sub/a.txt"));
  file.commit();
  EXPECT_EQ(read_text_file(dir / "sub/a.txt"), "hello");
}

TEST(AtomicFile, write_at_replaces_bytes_and_keeps_the_end) {
  const TempDir dir;
  AtomicFile file(dir / "a.txt");
  file.append("0000tail");
  file.write_at(0, "head");
  file.append("!");
  file.commit();
  EXPECT_EQ(read_text_file(dir / "a.txt"), "headtail!");
}

TEST(AtomicFile, without_commit_the_old_content_stays_and_nothing_else) {
  const TempDir dir;
  write_text_file(dir / "a.txt", "old");
  { AtomicFile(dir / "a.txt").append("new"); }
  EXPECT_EQ(read_text_file(dir / "a.txt"), "old");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(dir.path()), {}), 1);
}

TEST(AtomicFile, full_disk_names_path_and_reason) {
  const TempDir dir;
  const test::FileSizeLimit limit(10);
  AtomicFile file(dir / "a.txt");
  EXPECT_THAT(message_of<FileError>([&] { file.append("more than ten bytes"); }),
              HasSubstr("a.txt: cannot write (File too large)"));
  EXPECT_THAT(message_of<FileError>([&] { file.write_at(20, "x"); }), HasSubstr("cannot write"));
}

TEST(AtomicFile, folder_in_the_way_is_an_error) {
  const TempDir dir;
  std::filesystem::create_directory(dir / "a.txt");
  AtomicFile file(dir / "a.txt");
  EXPECT_THAT(message_of<FileError>([&] { file.commit(); }),
              HasSubstr("a.txt: cannot rename into place (Is a directory)"));
}

TEST(AtomicFile, file_as_parent_folder_is_an_error) {
  const TempDir dir;
  write_text_file(dir / "f", "");
  EXPECT_THAT(message_of<FileError>([&] { AtomicFile file(dir / "f/a.txt"); }),
              HasSubstr("cannot create"));
}

}  // namespace
}  // namespace isoflop
