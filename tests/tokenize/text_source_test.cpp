// SPDX-License-Identifier: MIT
#include "tokenize/text_source.hpp"

#include "core/base/error.hpp"
#include "core/base/text_file.hpp"
#include "support/error_matchers.hpp"
#include "support/gzip_file.hpp"
#include "support/temp_dir.hpp"
#include "support/zstd_file.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace isoflop {
namespace {

using test::message_of;
using test::TempDir;
using testing::HasSubstr;

std::string read_all(const std::filesystem::path& path) {
  TextSource source(path);
  std::string all;
  for (std::string_view text = source.next(); !text.empty(); text = source.next()) all += text;
  return all;
}

/// 3 MB that do not repeat, so that packed text spans several chunks too.
std::string long_text() {
  std::string text;
  for (uint32_t i = 0; text.size() < 3'000'000; ++i) text += std::to_string(i * 2654435761u);
  return text;
}

TEST(TextSource, reads_plain_text) {
  const TempDir dir;
  write_text_file(dir / "a.txt", long_text());
  EXPECT_TRUE(read_all(dir / "a.txt") == long_text());
  EXPECT_EQ(count_text_bytes(dir / "a.txt"), static_cast<int64_t>(long_text().size()));
}

TEST(TextSource, reads_gzip_by_content_whatever_the_name) {
  const TempDir dir;
  test::write_gzip_file(dir / "a.dz", long_text());
  EXPECT_TRUE(read_all(dir / "a.dz") == long_text());
  EXPECT_EQ(count_text_bytes(dir / "a.dz"), static_cast<int64_t>(long_text().size()));
}

TEST(TextSource, reads_zstd_of_several_frames_whatever_the_name) {
  const TempDir dir;
  test::write_zstd_file(dir / "a.txt", long_text());
  test::write_zstd_file(dir / "b", "short");
  write_text_file(dir / "c", read_text_file(dir / "a.txt") + read_text_file(dir / "b"));
  EXPECT_TRUE(read_all(dir / "c") == long_text() + "short");
  EXPECT_EQ(count_text_bytes(dir / "a.txt"), static_cast<int64_t>(long_text().size()));
  test::write_zstd_file(dir / "empty", "");
  EXPECT_EQ(read_all(dir / "empty"), "");
}

TEST(TextSource, a_zstd_frame_may_end_with_a_chunk) {
  const TempDir dir;
  const std::string text = long_text().substr(0, std::size_t{1} << 20);  // one chunk of the reader
  test::write_zstd_file(dir / "a", text);
  EXPECT_TRUE(read_all(dir / "a") == text);
  write_text_file(dir / "b", read_text_file(dir / "a") + read_text_file(dir / "a"));
  EXPECT_TRUE(read_all(dir / "b") == text + text);
}

TEST(TextSource, truncated_and_damaged_zstd_are_errors) {
  const TempDir dir;
  test::write_zstd_file(dir / "a.zst", long_text());
  const std::string bytes = read_text_file(dir / "a.zst");
  write_text_file(dir / "cut.zst", bytes.substr(0, bytes.size() / 2));
  EXPECT_THAT(message_of<FileError>([&] { read_all(dir / "cut.zst"); }),
              HasSubstr("cut.zst: cannot read (the packed data ends early)"));
  std::string damaged = bytes;
  for (std::size_t i = 1; i < 9; ++i) damaged[i * bytes.size() / 10] ^= 0x55;
  write_text_file(dir / "bad.zst", damaged);
  EXPECT_THAT(message_of<FileError>([&] { read_all(dir / "bad.zst"); }),
              HasSubstr("bad.zst: cannot read (the packed data is damaged)"));
}

TEST(TextSource, empty_file_has_no_text) {
  const TempDir dir;
  write_text_file(dir / "a.txt", "");
  EXPECT_EQ(read_all(dir / "a.txt"), "");
  EXPECT_EQ(count_text_bytes(dir / "a.txt"), 0);
}

TEST(TextSource, truncated_gzip_is_an_error) {
  const TempDir dir;
  test::write_gzip_file(dir / "a.gz", long_text());
  const std::string bytes = read_text_file(dir / "a.gz");
  write_text_file(dir / "a.gz", bytes.substr(0, bytes.size() / 2));
  EXPECT_THAT(message_of<FileError>([&] { read_all(dir / "a.gz"); }),
              HasSubstr("a.gz: cannot read (the packed data ends early)"));
}

TEST(TextSource, gzip_cut_in_its_trailer_is_an_error) {
  const TempDir dir;
  test::write_gzip_file(dir / "a.gz", "short");
  const std::string bytes = read_text_file(dir / "a.gz");
  write_text_file(dir / "a.gz", bytes.substr(0, bytes.size() - 3));
  EXPECT_THAT(message_of<FileError>([&] { read_all(dir / "a.gz"); }),
              HasSubstr("a.gz: cannot read"));
}

TEST(TextSource, damaged_gzip_is_an_error) {
  const TempDir dir;
  test::write_gzip_file(dir / "a.gz", long_text());
  std::string bytes = read_text_file(dir / "a.gz");
  bytes[bytes.size() / 2] ^= 0x10;
  write_text_file(dir / "a.gz", bytes);
  EXPECT_THAT(message_of<FileError>([&] { read_all(dir / "a.gz"); }),
              HasSubstr("a.gz: cannot read (the packed data is damaged)"));
}

TEST(TextSource, other_packings_are_named) {
  const TempDir dir;
  write_text_file(dir / "a.xz",
                  "\xfd"
                  "7zXZ....");
  EXPECT_THAT(message_of<FileError>([&] { read_all(dir / "a.xz"); }), HasSubstr("packed by xz"));
}

TEST(TextSource, missing_file_and_folder_are_named) {
  const TempDir dir;
  EXPECT_THAT(message_of<FileError>([&] { TextSource source(dir / "none"); }),
              HasSubstr("none: cannot open (No such file or directory)"));
  EXPECT_THAT(message_of<FileError>([&] { TextSource source(dir.path()); }),
              HasSubstr("is a folder"));
  EXPECT_THAT(message_of<FileError>([&] { TextSource source("/dev/null"); }),
              HasSubstr("/dev/null: is not a regular file"));
}

}  // namespace
}  // namespace isoflop
