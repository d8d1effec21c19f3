// SPDX-License-Identifier: MIT
#include "core/data/token_shard.hpp"

#include "core/base/error.hpp"
#include "core/base/text_file.hpp"
#include "core/data/shard_writer.hpp"
#include "support/error_matchers.hpp"
#include "support/temp_dir.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <vector>

namespace isoflop {
namespace {

using test::message_of;
using test::TempDir;
using testing::ElementsAre;
using testing::HasSubstr;

std::filesystem::path write_shard(const TempDir& dir, TokenDtype dtype,
                                  const std::vector<int32_t>& tokens) {
  ShardWriter writer(dir / "s.bin", dtype);
  writer.append(tokens);
  writer.commit();
  return dir / "s.bin";
}

std::string error_for_bytes(const TempDir& dir, const std::string& bytes) {
  write_text_file(dir / "bad.bin", bytes);
  return message_of<FileError>([&] { TokenShard shard(dir / "bad.bin"); });
}

/// The bytes of a good shard of three tokens, for damaging.
std::string good_bytes(const TempDir& dir) {
  return read_text_file(write_shard(dir, TokenDtype::uint16, {1, 2, 3}));
}

TEST(TokenShard, reads_any_range_of_uint16_tokens) {
  const TempDir dir;
  const TokenShard shard(write_shard(dir, TokenDtype::uint16, {10, 20, 30, 65535}));
  EXPECT_EQ(shard.n_tokens(), 4);
  std::vector<int32_t> tokens(3);
  shard.read(1, tokens);
  EXPECT_THAT(tokens, ElementsAre(20, 30, 65535));
}

TEST(TokenShard, reads_uint32_tokens) {
  const TempDir dir;
  const TokenShard shard(write_shard(dir, TokenDtype::uint32, {0, 65536, 2147483647}));
  std::vector<int32_t> tokens(3);
  shard.read(0, tokens);
  EXPECT_THAT(tokens, ElementsAre(0, 65536, 2147483647));
}

TEST(TokenShard, stays_readable_after_a_move) {
  const TempDir dir;
  TokenShard first(write_shard(dir, TokenDtype::uint16, {9}));
  const TokenShard second = std::move(first);
  std::vector<int32_t> tokens(1);
  second.read(0, tokens);
  EXPECT_THAT(tokens, ElementsAre(9));
}

TEST(TokenShard, missing_file_is_named) {
  const TempDir dir;
  EXPECT_THAT(message_of<FileError>([&] { TokenShard shard(dir / "none.bin"); }),
              HasSubstr("none.bin: cannot open (No such file or directory)"));
}

TEST(TokenShard, folder_is_refused) {
  const TempDir dir;
  EXPECT_THAT(message_of<FileError>([&] { TokenShard shard(dir.path()); }),
              HasSubstr("is not a regular file"));
}

TEST(TokenShard, empty_file_is_refused) {
  const TempDir dir;
  EXPECT_THAT(error_for_bytes(dir, ""), HasSubstr("bad.bin: is not a token shard (0 bytes"));
}

TEST(TokenShard, foreign_file_is_refused) {
  const TempDir dir;
  EXPECT_THAT(error_for_bytes(dir, std::string(4096, 'x')),
              HasSubstr("bad.bin: is not a token shard (magic number 2021161080"));
}

TEST(TokenShard, other_version_is_refused) {
  const TempDir dir;
  std::string bytes = good_bytes(dir);
  bytes[4] = 2;
  EXPECT_THAT(error_for_bytes(dir, bytes), HasSubstr("bad.bin: shard version is 2"));
}

TEST(TokenShard, negative_count_is_refused) {
  const TempDir dir;
  std::string bytes = good_bytes(dir);
  bytes[11] = '\x80';
  EXPECT_THAT(error_for_bytes(dir, bytes), HasSubstr("bad.bin: token count is -2147483645"));
}

TEST(TokenShard, torn_shard_is_refused) {
  const TempDir dir;
  std::string bytes = good_bytes(dir);
  bytes.pop_back();
  EXPECT_THAT(error_for_bytes(dir, bytes),
              HasSubstr("bad.bin: has 1029 bytes (3 tokens need 1030)"));
}

TEST(TokenShard, count_beyond_the_file_is_refused) {
  const TempDir dir;
  std::string bytes = good_bytes(dir);
  bytes[11] = '\x7f';  // 0x7f000003 tokens
  EXPECT_THAT(error_for_bytes(dir, bytes), HasSubstr("bad.bin: has 1030 bytes (2130706435 tokens"));
}

TEST(TokenShardFormat, uint16_holds_vocabularies_up_to_65535) {
  EXPECT_EQ(token_dtype_for_vocab(257), TokenDtype::uint16);
  EXPECT_EQ(token_dtype_for_vocab(65535), TokenDtype::uint16);
  EXPECT_EQ(token_dtype_for_vocab(65536), TokenDtype::uint32);
}

TEST(TokenShardFormat, size_of_a_full_shard_exceeds_32_bits) {
  EXPECT_EQ(shard_file_bytes(TokenDtype::uint32, kMaxShardTokens), 1024 + 4 * 2147483647LL);
}

TEST(TokenShard, of_more_than_two_gigabytes_is_read_to_its_end) {
  const TempDir dir;
  const auto path = dir / "large.bin";
  const int64_t n_tokens = 1'200'000'000;  // 2.4 GB, most of it a hole in the file
  const ShardHeader header = make_shard_header(TokenDtype::uint16, n_tokens);
  write_text_file(path, {reinterpret_cast<const char*>(header.data()), sizeof(header)});
  const int64_t n_bytes = shard_file_bytes(TokenDtype::uint16, n_tokens);
  std::filesystem::resize_file(path, static_cast<uintmax_t>(n_bytes));
  {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(n_bytes - 4);
    file.write("\x07\x00\x08\x00", 4);
  }
  const TokenShard shard(path);
  EXPECT_EQ(shard.n_bytes(), n_bytes);
  std::vector<int32_t> tokens(3);
  shard.read(n_tokens - 3, tokens);
  EXPECT_EQ(tokens, (std::vector<int32_t>{0, 7, 8}));
  std::filesystem::resize_file(path, static_cast<uintmax_t>(n_bytes - 1));
  EXPECT_THROW(TokenShard{path}, FileError);
}

TEST(TokenShard, of_a_file_that_is_cut_while_in_use_says_so_instead_of_crashing) {
  const TempDir dir;
  const auto path = dir / "cut.bin";
  const int64_t n_tokens = 1'000'000;
  const ShardHeader header = make_shard_header(TokenDtype::uint16, n_tokens);
  write_text_file(path, {reinterpret_cast<const char*>(header.data()), sizeof(header)});
  std::filesystem::resize_file(
      path, static_cast<uintmax_t>(shard_file_bytes(TokenDtype::uint16, n_tokens)));
  const TokenShard shard(path);
  std::filesystem::resize_file(path, 8192);
  std::vector<int32_t> tokens(3);
  for (int time = 0; time < 2; ++time)
    EXPECT_THAT(test::message_of<FileError>([&] { shard.read(n_tokens - 3, tokens); }),
                testing::HasSubstr("cut.bin: cannot be read any more"));
  EXPECT_THROW(shard.compute_crc32(), FileError);
  shard.read(0, tokens);  // what is left can be read
  EXPECT_EQ(tokens, (std::vector<int32_t>{0, 0, 0}));
}

}  // namespace
}  // namespace isoflop
