// SPDX-License-Identifier: MIT
#include "trainer/interchange/safetensors.hpp"

#include "core/base/error.hpp"
#include "core/base/text_file.hpp"
#include "support/error_matchers.hpp"
#include "support/temp_dir.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>

namespace isoflop {
namespace {

using test::message_of;
using testing::HasSubstr;

std::string length_bytes(uint64_t length) {
  return {reinterpret_cast<const char*>(&length), sizeof(length)};
}

class Safetensors : public testing::Test {
 protected:
  SafetensorsTable read(const std::string& bytes) const {
    write_text_file(path_, bytes);
    return read_safetensors_table(path_);
  }
  SafetensorsTable read(const std::string& header, std::size_t data_bytes) const {
    return read(length_bytes(header.size()) + header + std::string(data_bytes, '\0'));
  }
  /// What is wrong with a file of this header.
  std::string problem(const std::string& header, std::size_t data_bytes = 8) const {
    const std::string message = message_of<FileError>([&] { read(header, data_bytes); });
    EXPECT_THAT(message, HasSubstr(path_.string()));
    return message;
  }

  test::TempDir folder_;
  const std::filesystem::path path_ = folder_ / "model.safetensors";
};

constexpr const char* kGood =
    R"({"__metadata__":{"format":"pt"},"a":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]}})";

TEST_F(Safetensors, reads_what_the_format_s_library_writes) {
  const SafetensorsTable table = read(kGood, 8);
  EXPECT_EQ(table.data_begin, 8 + std::ssize(std::string(kGood)));
  ASSERT_EQ(table.tensors.size(), 1U);
  EXPECT_EQ(table.tensors[0].name, "a");
  EXPECT_EQ(table.tensors[0].dtype, "F32");
  EXPECT_EQ(table.tensors[0].shape, (std::vector<int64_t>{1, 2}));
  EXPECT_EQ(table.tensors[0].begin, 0);
}

TEST_F(Safetensors, header_is_read_back_with_tensors_one_behind_the_other) {
  const std::string header =
      safetensors_header({{"x", "F32", {2, 3}}, {"y", "BF16", {5}}, {"z", "F16", {}}});
  EXPECT_EQ(header.size() % 8, 0U);
  const SafetensorsTable table = read(header + std::string(24 + 10 + 2, '\0'));
  ASSERT_EQ(table.tensors.size(), 3U);
  EXPECT_EQ(table.tensors[1].begin, 24);
  EXPECT_EQ(table.tensors[2].begin, 34);
  EXPECT_EQ(table.tensors[2].size(), 1);
}

TEST_F(Safetensors, places_need_not_follow_the_header_s_order) {
  const SafetensorsTable table = read(R"({"b":{"dtype":"F16","shape":[2],"data_offsets":[4,8]},
      "a":{"dtype":"I32","shape":[1],"data_offsets":[0,4]}})",
                                      8);
  EXPECT_EQ(table.tensors.at(0).begin, 4);
}

TEST_F(Safetensors, files_that_end_early_are_refused) {
  EXPECT_THAT(message_of<FileError>([&] { read("abc"); }), HasSubstr("too short"));
  EXPECT_THAT(message_of<FileError>([&] { read(length_bytes(100) + kGood); }),
              HasSubstr("ends within its header of 100 bytes"));
  EXPECT_THAT(problem(kGood, 7), HasSubstr("holds 7 bytes of tensors (its header says 8)"));
}

TEST_F(Safetensors, bytes_behind_the_last_tensor_are_refused) {
  EXPECT_THAT(problem(kGood, 9), HasSubstr("holds 9 bytes of tensors (its header says 8)"));
}

TEST_F(Safetensors, a_huge_header_is_refused_before_it_is_read) {
  EXPECT_THAT(message_of<FileError>([&] { read(length_bytes(UINT64_MAX) + kGood); }),
              HasSubstr("header of 18446744073709551615 bytes (at most 100000000"));
}

TEST_F(Safetensors, what_is_not_one_json_object_is_refused) {
  EXPECT_THAT(problem("[1, 2]"), HasSubstr("does not begin with '{'"));
  EXPECT_THAT(problem(R"({"a": )"), HasSubstr("does not parse"));
  EXPECT_THAT(problem(R"({"a": 3})"), HasSubstr("must be a map"));
}

TEST_F(Safetensors, a_tensor_given_twice_is_refused) {
  EXPECT_THAT(problem(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},
                          "a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})"),
              HasSubstr("'a' is given twice"));
}

TEST_F(Safetensors, overlaps_and_gaps_are_refused) {
  EXPECT_THAT(problem(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},
                          "b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})"),
              HasSubstr("'b' begins at byte 4 of the data (the one before ends at 8)"));
  EXPECT_THAT(problem(R"({"a":{"dtype":"F16","shape":[1],"data_offsets":[0,2]},
                          "b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})"),
              HasSubstr("'b' begins at byte 4 of the data (the one before ends at 2)"));
}

TEST_F(Safetensors, places_outside_of_the_file_are_refused) {
  EXPECT_THAT(problem(R"({"a":{"dtype":"F32","shape":[3],"data_offsets":[0,12]}})"),
              HasSubstr("holds 8 bytes of tensors (its header says 12)"));
  EXPECT_THAT(problem(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[-4,4]}})"),
              HasSubstr("data_offsets -4 to 4"));
}

TEST_F(Safetensors, places_that_are_not_as_large_as_the_tensor_are_refused) {
  EXPECT_THAT(problem(R"({"a":{"dtype":"F16","shape":[2],"data_offsets":[0,8]}})"),
              HasSubstr("which its dtype and shape do not fill"));
  EXPECT_THAT(
      problem(R"({"a":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,8]}})"),
      HasSubstr("do not fill"));
  EXPECT_THAT(problem(R"({"a":{"dtype":"F32","shape":[-1,-2],"data_offsets":[0,8]}})"),
              HasSubstr("do not fill"));
  EXPECT_THAT(problem(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4,8]}})"),
              HasSubstr("no two data_offsets"));
}

TEST_F(Safetensors, a_dtype_that_the_format_lacks_is_refused) {
  EXPECT_THAT(problem(R"({"a":{"dtype":"F31","shape":[2],"data_offsets":[0,8]}})"),
              HasSubstr("dtype 'F31' (unknown)"));
}

TEST_F(Safetensors, a_tensor_without_a_shape_is_refused) {
  EXPECT_THAT(problem(R"({"a":{"dtype":"F32","data_offsets":[0,8]}})"),
              HasSubstr("'shape' is missing"));
  EXPECT_THAT(problem(R"({"a":{"dtype":"F32","shape":["x"],"data_offsets":[0,8]}})"),
              HasSubstr("must be a whole number"));
}

}  // namespace
}  // namespace isoflop
