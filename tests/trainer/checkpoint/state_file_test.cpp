// SPDX-License-Identifier: MIT
#include "trainer/checkpoint/state_file.hpp"

#include "core/base/error.hpp"
#include "core/base/input_file.hpp"
#include "support/error_matchers.hpp"
#include "support/file_size_limit.hpp"
#include "support/temp_dir.hpp"

#include <fstream>
#include <numeric>

namespace isoflop {
namespace {

using test::message_of;
using testing::HasSubstr;

class StateFile : public testing::Test {
 protected:
  StateFile() {
    std::iota(weights_.begin(), weights_.end(), 0.5F);
    std::iota(moments_.begin(), moments_.end(), 100.0F);
  }
  std::vector<StatePiece> pieces() {
    return {{StateKind::parameter, 3, 10, {weights_.data(), DType::f32, {1000}}},
            {StateKind::second_moment, 4, 0, {moments_.data(), DType::f32, {7}}}};
  }
  StateTable write() {
    return write_state_file(path_, {.step = 12, .rank = 1, .n_ranks = 4}, pieces());
  }
  void flip(int64_t place) const {
    std::fstream file(path_, std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(place);
    const auto byte = static_cast<char>(file.get() ^ 1);
    file.seekp(place);
    file.put(byte);
  }

  test::TempDir folder_;
  std::filesystem::path path_ = folder_ / "rank-00001.state";
  std::vector<float> weights_ = std::vector<float>(1000);
  std::vector<float> moments_ = std::vector<float>(7);
};

TEST_F(StateFile, has_what_was_written_where_its_table_says) {
  write();
  const StateTable table = read_state_table(path_);
  EXPECT_EQ(table.id, (StateFileId{12, 1, 4}));
  ASSERT_EQ(table.records.size(), 2U);
  EXPECT_EQ(table.records[1].kind, StateKind::second_moment);
  EXPECT_EQ(table.records[1].tensor, 4);
  EXPECT_EQ(table.records[0].offset, 10);
  std::vector<float> read(1000);
  InputFile(path_).read(table.records[0].place, std::as_writable_bytes(std::span(read)));
  EXPECT_EQ(read, weights_);
  verify_state_file(path_);
}

TEST_F(StateFile, of_a_rank_without_state_is_a_table_alone) {
  write_state_file(path_, {.step = 1, .rank = 0, .n_ranks = 1}, {});
  verify_state_file(path_);
  EXPECT_TRUE(read_state_table(path_).records.empty());
}

TEST_F(StateFile, tells_any_flipped_bit) {
  const StateTable table = write();
  for (const int64_t place :
       {int64_t{0}, int64_t{9}, int64_t{17}, int64_t{40}, int64_t{60}, table.records[0].place,
        table.records[0].place + 3999, table.records[1].place + 27}) {
    flip(place);
    EXPECT_THROW(verify_state_file(path_), FileError) << place;
    flip(place);
    verify_state_file(path_);
  }
}

TEST_F(StateFile, tells_that_it_was_cut_off) {
  write();
  for (const std::uintmax_t size : {std::filesystem::file_size(path_) - 1, std::uintmax_t{4096},
                                    std::uintmax_t{100}, std::uintmax_t{10}, std::uintmax_t{0}}) {
    std::filesystem::resize_file(path_, size);
    EXPECT_THAT(message_of<FileError>([&] { verify_state_file(path_); }), HasSubstr("is damaged"));
  }
}

TEST_F(StateFile, that_does_not_fit_on_the_disk_does_not_appear) {
  const test::FileSizeLimit limit(2000);
  EXPECT_THAT(message_of<FileError>([&] { write(); }), HasSubstr("cannot write"));
  EXPECT_FALSE(std::filesystem::exists(path_));
}

}  // namespace
}  // namespace isoflop
