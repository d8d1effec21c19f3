// SPDX-License-Identifier: MIT
#include "trainer/backend/cpu/matmul.hpp"

#include "core/parallel/cpu_scratch.hpp"
#include "trainer/backend/cpu/convert.hpp"
#include "trainer/tensor/bf16.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

namespace isoflop {
namespace {

using testing::ElementsAre;

TEST(MatmulCache, transposed_operands_are_read_in_place) {
  const std::vector<float> a = {1, 2, 3, 4}, b = {1, 10, 100, 1000};  // both 2 x 2
  std::vector<float> c(4);
  MatmulCache cache;
  const auto run = [&](const MatrixLayout& a_layout, const MatrixLayout& b_layout) {
    cache.run({2, 2, 2, a_layout, b_layout, {2, 1}}, {c.data(), a.data(), b.data()});
  };
  run({2, 1}, {2, 1});
  EXPECT_THAT(c, ElementsAre(201, 2010, 403, 4030));
  run({1, 2}, {2, 1});
  EXPECT_THAT(c, ElementsAre(301, 3010, 402, 4020));
  run({2, 1}, {1, 2});
  EXPECT_THAT(c, ElementsAre(21, 2100, 43, 4300));
}

TEST(MatmulCache, a_kept_plan_takes_new_addresses) {
  const std::vector<float> a = {2}, b = {3}, bias = {100};
  std::vector<float> first = {7}, second = {9};
  MatmulCache cache;
  CpuMatmulShape shape{1, 1, 1, {1, 1}, {1, 1}, {1, 1}, DType::f32};
  cache.run(shape, {first.data(), a.data(), b.data(), bias.data()});
  cache.run(shape, {second.data(), b.data(), b.data(), a.data()});
  EXPECT_EQ(first[0], 106);
  EXPECT_EQ(second[0], 11);
  shape.bias = std::nullopt;
  shape.accumulate = Accumulate::yes;
  cache.run(shape, {first.data(), a.data(), b.data()});
  EXPECT_EQ(first[0], 112);
}

TEST(MatmulCache, a_refused_shape_is_named) {
  MatmulCache cache;
  float value = 0;
  try {
    cache.run({-3, 2, 5, {5, 1}, {2, 1}, {2, 1}}, {&value, &value, &value});
    FAIL() << "must throw";
  } catch (const std::runtime_error& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("(-3 x 5) (5 x 2)"));
  }
}

// Whether such a product takes scratch depends on the processor: forgotten ones would show on some.
TEST(MatmulCache, a_product_of_2_byte_types_has_to_be_asked_about_first) {
  const CpuMatmulShape shape{1, 1, 1, {1, 1, DType::bf16}, {1, 1, DType::bf16}, {1, 1}};
  const Bf16 two = to_bf16(2.0f);
  float result = 0;
  MatmulCache cache;
  EXPECT_THROW(cache.run(shape, {&result, &two, &two}), std::logic_error);
  std::vector<float> scratch(static_cast<std::size_t>(cache.scratch_floats(shape)));
  cache.run(shape, {.c = &result, .a = &two, .b = &two, .scratch = scratch.data()});
  EXPECT_EQ(result, 4);
}

TEST(MatmulCache, integers_are_refused) {
  MatmulCache cache;
  int32_t value = 0;
  EXPECT_THROW(cache.run({1, 1, 1, {1, 1, DType::i32}, {1, 1}, {1, 1}}, {&value, &value, &value}),
               std::logic_error);
}

/// A matrix of small integers, exact in every type, with room between its lines.
struct Matrix {
  Matrix(int64_t n_rows, int64_t n_cols, bool transposed, DType dtype, int64_t gap, uint64_t seed)
      : layout(transposed ? MatrixLayout{1, n_rows + gap, dtype}
                          : MatrixLayout{n_cols + gap, 1, dtype}),
        values(static_cast<std::size_t>((transposed ? n_cols : n_rows) *
                                        ((transposed ? n_rows : n_cols) + gap))),
        bytes(values.size() * static_cast<std::size_t>(size_of(dtype))) {
    std::mt19937_64 engine(seed);
    for (float& value : values) value = static_cast<float>(engine() % 5) - 2.0f;
    narrow(bytes.data(), dtype, values.data(), static_cast<int64_t>(values.size()));
  }
  double at(int64_t row, int64_t col) const {
    return values[static_cast<std::size_t>(row * layout.row_stride + col * layout.col_stride)];
  }
  void read() {
    widen(values.data(), bytes.data(), layout.dtype, static_cast<int64_t>(values.size()));
  }

  MatrixLayout layout;
  std::vector<float> values;
  std::vector<std::byte> bytes;
};

struct Case {
  std::string name;
  DType a, b, c;
  int64_t M = 33, N = 50, K = 29;
  bool transposed_a = false, transposed_b = false;
  std::optional<DType> bias = std::nullopt;
  Accumulate accumulate = Accumulate::no;
  int64_t gap = 0;
};

void PrintTo(const Case& c, std::ostream* out) { *out << c.name; }

class TypedMatmul : public testing::TestWithParam<Case> {};

/// Sums of at most 1,100 products of at most 4 are exact in f32; what is rounded to c's type may
/// be off by that rounding, 2^-9 of the value at most.
TEST_P(TypedMatmul, gives_the_sums_of_a_plain_loop) {
  const Case& p = GetParam();
  const Matrix a(p.M, p.K, p.transposed_a, p.a, p.gap, 1);
  const Matrix b(p.K, p.N, p.transposed_b, p.b, p.gap, 2);
  const Matrix bias(1, p.N, false, p.bias.value_or(DType::f32), 0, 3);
  const Matrix before(p.M, p.N, false, p.c, p.gap, 4);
  Matrix c = before;
  const CpuMatmulShape shape{p.M, p.N, p.K, a.layout, b.layout, c.layout, p.bias, p.accumulate};
  MatmulCache cache;
  std::vector<float> scratch(static_cast<std::size_t>(cache.scratch_floats(shape)));
  EXPECT_LE(cache.scratch_floats(shape), kConvertedProductFloats);
  cache.run(shape,
            {c.bytes.data(), a.bytes.data(), b.bytes.data(), bias.bytes.data(), scratch.data()});
  c.read();
  const double rounding = p.c == DType::f32 ? 0 : 0x1p-9;
  for (int64_t m = 0; m < p.M; ++m) {
    for (int64_t n = 0; n < p.N; ++n) {
      double sum = p.accumulate == Accumulate::yes ? before.at(m, n) : 0;
      if (p.bias) sum += bias.at(0, n);
      for (int64_t k = 0; k < p.K; ++k) sum += a.at(m, k) * b.at(k, n);
      ASSERT_NEAR(c.at(m, n), sum, rounding * std::abs(sum)) << m << " " << n;
    }
    for (int64_t n = p.N; n < p.N + p.gap; ++n)
      ASSERT_EQ(c.values[static_cast<std::size_t>(m * (p.N + p.gap) + n)],
                before.values[static_cast<std::size_t>(m * (p.N + p.gap) + n)])
          << "outside of c";
  }
}

/// The products of a linear layer and of the head in one compute type.
std::vector<Case> cases_of(const std::string& name, DType t) {
  constexpr DType f32 = DType::f32;
  return {
      {.name = name + "_forward", .a = t, .b = t, .c = t, .transposed_b = true, .bias = t},
      {.name = name + "_f32_bias", .a = t, .b = t, .c = t, .transposed_b = true, .bias = f32},
      {.name = name + "_backward_input", .a = t, .b = t, .c = t},
      {.name = name + "_backward_weight",
       .a = t,
       .b = t,
       .c = f32,
       .transposed_a = true,
       .accumulate = Accumulate::yes},
      {.name = name + "_logits", .a = t, .b = t, .c = f32, .transposed_b = true},
      {.name = name + "_with_gaps", .a = t, .b = t, .c = t, .transposed_b = true, .gap = 7},
      {.name = name + "_gradient_with_gaps",
       .a = t,
       .b = t,
       .c = f32,
       .transposed_a = true,
       .accumulate = Accumulate::yes,
       .gap = 33},
  };
}

std::vector<Case> all_cases() {
  constexpr DType f32 = DType::f32, bf16 = DType::bf16, f16 = DType::f16;
  std::vector<Case> cases;
  for (const auto& [name, type] : {std::pair{"f32", f32}, {"bf16", bf16}, {"f16", f16}})
    for (const Case& c : cases_of(name, type)) cases.push_back(c);
  cases.push_back({.name = "f32_by_f16", .a = f32, .b = f16, .c = f16});
  cases.push_back({.name = "f32_by_f16_into_f32",
                   .a = f32,
                   .b = f16,
                   .c = f32,
                   .transposed_a = true,
                   .accumulate = Accumulate::yes});
  cases.push_back({.name = "f16_rows_beyond_a_block", .a = f16, .b = f16, .c = f16, .M = 515});
  cases.push_back({.name = "f16_columns_beyond_a_block",
                   .a = f16,
                   .b = f16,
                   .c = f16,
                   .N = 1027,
                   .transposed_b = true,
                   .bias = f16});
  cases.push_back({.name = "f16_sums_beyond_a_block",
                   .a = f16,
                   .b = f16,
                   .c = f16,
                   .K = 1100,
                   .transposed_a = true,
                   .bias = f16});
  cases.push_back({.name = "f16_sums_beyond_a_block_accumulated",
                   .a = f16,
                   .b = f16,
                   .c = f32,
                   .K = 1100,
                   .accumulate = Accumulate::yes});
  return cases;
}

INSTANTIATE_TEST_SUITE_P(Types, TypedMatmul, testing::ValuesIn(all_cases()),
                         [](const auto& test) { return test.param.name; });

TEST(MatmulCache, the_largest_conversion_takes_what_the_memory_model_counts) {
  constexpr DType f16 = DType::f16;
  MatmulCache cache;
  const CpuMatmulShape shape{5000, 5000, 5000, {5000, 1, f16}, {5000, 1, f16}, {5000, 1, f16}, f16};
  EXPECT_EQ(cache.scratch_floats(shape), kConvertedProductFloats);
  EXPECT_EQ(cpu_scratch_bytes({}, 1, Precision::fp16), kConvertedProductFloats * 4);
  EXPECT_EQ(cpu_scratch_bytes({}, 1, Precision::fp32), 0);
}

}  // namespace
}  // namespace isoflop
