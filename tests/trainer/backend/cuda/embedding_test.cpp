// SPDX-License-Identifier: MIT
#include "on_emulated_gpu.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

namespace isoflop {
namespace {

using Values = std::vector<double>;

struct Case {
  std::string name;
  int64_t B, T, C, V;
  int64_t (*token)(int64_t position);
};

void PrintTo(const Case& parameter, std::ostream* out) { *out << parameter.name; }

/// Integers that bf16 holds exactly, whose sums f32 holds exactly.
double gradient(int64_t position, int64_t column) {
  return static_cast<double>((position * 5 + column * 3) % 17 - 8);
}

std::vector<Case> cases() {
  return {{"one_token", 1, 1, 8, 1, [](int64_t) { return int64_t{0}; }},
          {"no_two_equal", 1, 300, 3, 300, [](int64_t i) { return 299 - i; }},
          {"all_equal_in_whole_chunks", 3, 128, 8, 5, [](int64_t) { return int64_t{4}; }},
          {"all_equal_and_one_more", 5, 77, 3, 5, [](int64_t) { return int64_t{2}; }},
          {"runs_end_where_chunks_end", 2, 256, 8, 4, [](int64_t i) { return i / 128; }},
          {"runs_start_before_chunks", 2, 300, 300, 4, [](int64_t i) { return (i + 50) / 250; }},
          {"long_runs_from_everywhere", 2, 500, 8, 3, [](int64_t i) { return i * 7 % 3; }},
          {"as_many_threads_as_there_are", 3, 701, 3, 40, [](int64_t i) { return i * i % 37; }},
          {"tokens_of_five_digits", 1, 200, 3, 70000, [](int64_t i) { return i * 4561 % 70000; }}};
}

class CudaEmbedding : public testing::TestWithParam<Case> {
 protected:
  const Case& shape() const { return GetParam(); }
  int64_t n() const { return shape().B * shape().T; }

  Values tokens() const {
    Values values;
    for (int64_t i = 0; i < n(); ++i) values.push_back(static_cast<double>(shape().token(i)));
    return values;
  }
  Values d_out() const {
    Values values;
    for (int64_t i = 0; i < n(); ++i)
      for (int64_t c = 0; c < shape().C; ++c) values.push_back(gradient(i, c));
    return values;
  }
  /// 1 + sum over the batch of d_out at row(position).
  Values expected(int64_t rows, const std::function<int64_t(int64_t)>& row) const {
    Values values(static_cast<std::size_t>(rows * shape().C), 1.0);
    for (int64_t i = 0; i < n(); ++i)
      for (int64_t c = 0; c < shape().C; ++c)
        values[static_cast<std::size_t>(row(i) * shape().C + c)] += gradient(i, c);
    return values;
  }

  void check_backward(OpRig& rig) const {
    const auto& [name, B, T, C, V, token] = shape();
    const TensorView d_wte = rig.filled(DType::f32, {V, C}, 1);
    const TensorView d_wpe = rig.filled(DType::f32, {T, C}, 1);
    rig.ops().embedding_backward(rig.exec(), d_wte, d_wpe, rig.tensor(DType::i32, {B, T}, tokens()),
                                 rig.tensor({B, T, C}, d_out()));
    EXPECT_EQ(rig.read(d_wte), expected(V, token));
    EXPECT_EQ(rig.read(d_wpe), expected(T, [&](int64_t i) { return i % T; }));
  }
};

TEST_P(CudaEmbedding, adds_every_row_of_the_gradient_once_in_f32) {
  on_emulated_gpu(Precision::fp32, [this](OpRig& rig) { check_backward(rig); });
}

TEST_P(CudaEmbedding, adds_every_row_of_the_gradient_once_in_bf16) {
  on_emulated_gpu(Precision::bf16, [this](OpRig& rig) { check_backward(rig); });
}

INSTANTIATE_TEST_SUITE_P(Cases, CudaEmbedding, testing::ValuesIn(cases()),
                         [](const auto& parameter) { return parameter.param.name; });

/// 2^24 + 1 is not an f32: 1 added 300 times to 2^24 stays 2^24, so that any other order of the
/// same addends, small ones first, gives another sum.
TEST(CudaEmbeddingOrder, equal_tokens_are_added_in_order_of_position) {
  constexpr int64_t T = 100;
  Values d_out(T, 1.0);
  d_out[0] = 0x1p24;
  on_emulated_gpu(Precision::fp32, [&](OpRig& rig) {
    const TensorView d_wte = rig.filled({2, 1}, 0);
    rig.ops().embedding_backward(rig.exec(), d_wte, {}, rig.filled(DType::i32, {1, T}, 1),
                                 rig.tensor({1, T, 1}, d_out));
    EXPECT_EQ(rig.read(d_wte), (Values{0, 0x1p24}));
  });
}

}  // namespace
}  // namespace isoflop
