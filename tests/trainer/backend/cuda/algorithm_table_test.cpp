// SPDX-License-Identifier: MIT
#include "trainer/backend/cuda/algorithm_table.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <set>

namespace isoflop {
namespace {

cublasLtMatmulAlgo_t algo(unsigned char first) {
  cublasLtMatmulAlgo_t made{};
  unsigned char bytes[sizeof made];
  for (std::size_t i = 0; i < sizeof made; ++i) bytes[i] = static_cast<unsigned char>(first + i);
  std::memcpy(&made, bytes, sizeof made);
  return made;
}

bool is_equal(const cublasLtMatmulAlgo_t& a, const cublasLtMatmulAlgo_t& b) {
  return std::memcmp(&a, &b, sizeof a) == 0;
}

AlgorithmTable example() {
  return {"NVIDIA H100 80GB HBM3, cuBLASLt 130100", {{"8x8x8", algo(1)}, {"16x8x8", algo(200)}}};
}

TEST(AlgorithmTable, is_read_as_it_was_written) {
  const AlgorithmTable table = read_algorithms(write_algorithms(example()));
  EXPECT_EQ(table.origin, example().origin);
  ASSERT_EQ(table.algorithms.size(), 2U);
  EXPECT_TRUE(is_equal(table.algorithms.at("8x8x8"), algo(1)));
  EXPECT_TRUE(is_equal(table.algorithms.at("16x8x8"), algo(200)));
}

TEST(AlgorithmTable, lines_that_are_none_are_left_out) {
  const std::string text = write_algorithms(example());
  const std::size_t hex = text.find("16x8x8 ") + 7;
  EXPECT_EQ(read_algorithms(text.substr(0, text.size() - 2)).algorithms.size(), 1U) << "cut";
  EXPECT_EQ(read_algorithms(std::string(text).replace(hex + 20, 1, "g")).algorithms.size(), 1U);
  EXPECT_EQ(read_algorithms(text + "8x8x9\n").algorithms.size(), 2U);
  EXPECT_TRUE(read_algorithms("").algorithms.empty());
}

TEST(AlgorithmTable, no_two_shapes_have_one_key) {
  const MatmulShape shape{
      .M = 64, .N = 32, .K = 16, .a_stride = 16, .b_stride = 32, .c_stride = 32};
  std::vector<MatmulShape> shapes(20, shape);
  shapes[1].M = 65;
  shapes[2].N = 33;
  shapes[3].K = 17;
  shapes[4].transpose_a = true;
  shapes[5].transpose_b = true;
  shapes[6].a_stride = 17;
  shapes[7].b_stride = 33;
  shapes[8].c_stride = 33;
  shapes[9].starts = 8;
  shapes[10].in = DType::bf16;
  shapes[11].out = DType::bf16;
  shapes[12].has_bias = true;
  shapes[13].accumulate = true;
  for (std::size_t i = 14; i < 18; ++i) shapes[i].n_batch = 2;
  shapes[15].a_step = shapes[16].b_step = shapes[17].c_step = 9;
  shapes[18].epilogue = MatmulEpilogue::gelu;
  shapes[19].epilogue = MatmulEpilogue::gelu_gradient;
  std::set<std::string> keys;
  for (const MatmulShape& each : shapes) keys.insert(key_of(each));
  EXPECT_EQ(keys.size(), shapes.size());
  for (const std::string& key : keys) EXPECT_EQ(key.find(' '), std::string::npos) << key;
}

}  // namespace
}  // namespace isoflop
