// SPDX-License-Identifier: MIT
#include "core/data/shard_writer.hpp"

#include "core/base/error.hpp"
#include "core/base/text_file.hpp"
#include "core/data/token_shard.hpp"
#include "support/error_matchers.hpp"
#include "support/file_size_limit.hpp"
#include "support/temp_dir.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <vector>

namespace isoflop {
namespace {

using test::FileSizeLimit;
using test::message_of;
using test::TempDir;
using testing::HasSubstr;

std::string little_endian(uint32_t value, int width) {
  std::string bytes;
  for (int i = 0; i < width; ++i) bytes.push_back(static_cast<char>(value >> (8 * i) & 0xff));
  return bytes;
}

std::string expected_file(uint32_t magic, uint32_t version, const std::vector<uint32_t>& tokens,
                          int width) {
  std::string bytes = little_endian(magic, 4) + little_endian(version, 4) +
                      little_endian(static_cast<uint32_t>(tokens.size()), 4);
  bytes.resize(1024, '\0');
  for (const uint32_t token : tokens) bytes += little_endian(token, width);
  return bytes;
}

TEST(ShardWriter, writes_the_llm_c_uint16_format_byte_by_byte) {
  const TempDir dir;
  ShardWriter writer(dir / "a.bin", TokenDtype::uint16);
  writer.append(std::vector<int32_t>{1, 256});
  writer.append(std::vector<int32_t>{65535});
  writer.commit();
  EXPECT_EQ(read_text_file(dir / "a.bin"), expected_file(20240520, 1, {1, 256, 65535}, 2));
}

TEST(ShardWriter, writes_the_llm_c_uint32_format_byte_by_byte) {
  const TempDir dir;
  ShardWriter writer(dir / "a.bin", TokenDtype::uint32);
  writer.append(std::vector<int32_t>{7, 128000});
  writer.commit();
  EXPECT_EQ(read_text_file(dir / "a.bin"), expected_file(20240801, 7, {7, 128000}, 4));
}

TEST(ShardWriter, entry_holds_name_counts_and_checksum_of_the_file) {
  const TempDir dir;
  ShardWriter writer(dir / "a.bin", TokenDtype::uint16);
  writer.append(std::vector<int32_t>{5, 6, 7});
  const ShardEntry entry = writer.commit();
  EXPECT_EQ(entry.file, "a.bin");
  EXPECT_EQ(entry.n_tokens, 3);
  EXPECT_EQ(entry.n_bytes, 1030);
  EXPECT_EQ(entry.crc32, TokenShard(dir / "a.bin").compute_crc32());
  Crc32 whole;
  whole.update(read_text_file(dir / "a.bin"));
  EXPECT_EQ(entry.crc32, whole.value());
}

TEST(ShardWriter, streams_more_than_its_buffer) {
  const TempDir dir;
  std::vector<int32_t> tokens(1'200'000);
  for (std::size_t i = 0; i < tokens.size(); ++i) tokens[i] = static_cast<int32_t>(i % 60013);
  ShardWriter writer(dir / "a.bin", TokenDtype::uint16);
  const std::span<const int32_t> all(tokens);
  writer.append(all.first(700'000));
  writer.append(all.subspan(700'000));
  writer.commit();
  std::vector<int32_t> back(tokens.size());
  TokenShard(dir / "a.bin").read(0, back);
  EXPECT_EQ(back, tokens);
}

TEST(ShardWriter, nothing_remains_of_an_uncommitted_shard) {
  const TempDir dir;
  {
    ShardWriter writer(dir / "a.bin", TokenDtype::uint16);
    writer.append(std::vector<int32_t>{1});
  }
  EXPECT_TRUE(std::filesystem::is_empty(dir.path()));
}

TEST(ShardWriter, full_disk_is_a_file_error_and_leaves_no_shard) {
  const TempDir dir;
  const std::string message = message_of<FileError>([&] {
    const FileSizeLimit limit(2048);
    ShardWriter writer(dir / "a.bin", TokenDtype::uint16);
    writer.append(std::vector<int32_t>(4000, 1));
    writer.commit();
  });
  EXPECT_THAT(message, HasSubstr("a.bin: cannot write (File too large)"));
  EXPECT_TRUE(std::filesystem::is_empty(dir.path()));
}

TEST(ShardWriter, goes_on_where_an_earlier_one_was_kept) {
  const TempDir dir;
  const auto path = dir / "a.bin";
  ShardEntry whole;
  {
    ShardWriter writer(dir / "whole.bin", TokenDtype::uint16);
    writer.append(std::vector<int32_t>{1, 2, 3, 4});
    whole = writer.commit();
  }
  OpenShard open;
  {
    ShardWriter writer(path, TokenDtype::uint16);
    writer.append(std::vector<int32_t>{1, 2});
    open = writer.keep();
    writer.append(std::vector<int32_t>{9, 9, 9});
  }
  EXPECT_FALSE(std::filesystem::exists(path));
  for (const char* after : {"a kill", "a commit"}) {
    ShardWriter writer(path, TokenDtype::uint16, open);
    writer.append(std::vector<int32_t>{3, 4});
    EXPECT_EQ(writer.commit().crc32, whole.crc32) << "after " << after;
    EXPECT_EQ(TokenShard(path).compute_crc32(), whole.crc32);
  }
  std::filesystem::resize_file(path, 1026);
  EXPECT_THAT(
      test::message_of<FileError>([&] { ShardWriter writer(path, TokenDtype::uint16, open); }),
      testing::HasSubstr("has 1026 bytes (at least 1028 were written); start over"));
}

}  // namespace
}  // namespace isoflop
