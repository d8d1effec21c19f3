// SPDX-License-Identifier: MIT
#include "trainer/fsdp/parameter_init.hpp"

#include "trainer/tensor/philox.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <string>

namespace isoflop {
namespace {

using Words = std::array<uint32_t, 4>;

// Known answers of the authors' library: Random123 1.14, tests/kat_vectors, philox4x32 10.
TEST(Philox, matches_the_known_answers_of_random123) {
  EXPECT_EQ(philox4x32({0, 0, 0, 0}, {0, 0}),
            (Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(philox4x32({0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff}),
            (Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
            (Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

// The words of the zero counter above: sqrt(-2 ln u0) cos(2 pi u1) with u = (word + 0.5) / 2^32.
TEST(StandardNormal, is_box_muller_of_philox_words) {
  const double u0 = (0x6627e8d5 + 0.5) / 4294967296.0;
  const double u1 = (0xe169c58d + 0.5) / 4294967296.0;
  const double radius = std::sqrt(-2 * std::log(u0));
  EXPECT_DOUBLE_EQ(standard_normal(0, 0, 0), radius * std::cos(2 * M_PI * u1));
  EXPECT_DOUBLE_EQ(standard_normal(0, 0, 1), radius * std::sin(2 * M_PI * u1));
}

// Bounds are five standard errors of n = 100,000 draws: mean 1/sqrt(n), variance sqrt(2/n), fourth
// moment sqrt(96/n), correlation 1/sqrt(n).
TEST(StandardNormal, has_the_moments_of_a_normal_and_rows_are_independent) {
  constexpr int n = 100'000;
  double sum = 0, square = 0, fourth = 0, seeds = 0, tensors = 0, neighbours = 0;
  for (int i = 0; i < n; ++i) {
    const double z = standard_normal(42, 3, i);
    sum += z;
    square += z * z;
    fourth += z * z * z * z;
    seeds += z * standard_normal(43, 3, i);
    tensors += z * standard_normal(42, 4, i);
    neighbours += z * standard_normal(42, 3, i + 1);
  }
  const double unit = 5 / std::sqrt(n);
  EXPECT_NEAR(sum / n, 0, unit);
  EXPECT_NEAR(square / n, 1, unit * std::sqrt(2));
  EXPECT_NEAR(fourth / n, 3, unit * std::sqrt(96));
  EXPECT_NEAR(seeds / n, 0, unit);
  EXPECT_NEAR(tensors / n, 0, unit);
  EXPECT_NEAR(neighbours / n, 0, unit);
}

ModelShape small_shape() {
  ModelShape shape;
  shape.n_layer = 8;
  shape.d_model = 32;
  shape.n_head = shape.n_kv_head = 4;
  shape.d_head = 8;
  shape.d_ff = 64;
  shape.vocab_size = 100;
  shape.max_seq_len = 8;
  shape.norm = NormKind::layernorm;
  shape.qkv_bias = true;
  return shape;
}

/// All parameters by tensor name, put together from `n_shard` shards.
std::map<std::string, std::vector<double>> initial_parameters(int64_t n_shard, uint64_t seed) {
  std::map<std::string, std::vector<double>> parameters;
  const Backend backend = make_reference_backend({});
  for (int64_t r = 0; r < n_shard; ++r) {
    const FlatShard shard(backend, make_flat_layout(small_shape(), n_shard), r);
    initialize_shard(shard, *backend.device, small_shape(), seed);
    for (const ShardPiece& piece : shard.pieces()) {
      const ParameterTensor& tensor = shard.layout()
                                          .units[static_cast<std::size_t>(piece.unit)]
                                          .segments[static_cast<std::size_t>(piece.segment)]
                                          .tensor;
      std::vector<double>& values = parameters[tensor.name];
      values.resize(static_cast<std::size_t>(tensor.size()), -1e9);
      std::copy_n(shard.params().as<double>() + shard.params_offset(piece), piece.size,
                  values.begin() + piece.tensor_offset);
    }
  }
  return parameters;
}

TEST(ParameterInit, is_the_same_under_any_sharding) {
  const auto whole = initial_parameters(1, 7);
  EXPECT_EQ(initial_parameters(4, 7), whole);
  EXPECT_EQ(initial_parameters(3, 7), whole);
  EXPECT_NE(initial_parameters(1, 8), whole);
}

double deviation(const std::vector<double>& values) {
  double square = 0;
  for (const double value : values) square += value * value;
  return std::sqrt(square / static_cast<double>(values.size()));
}

// Relative standard error of a deviation from n draws: 1/sqrt(2 n); the matrices have 1,024 draws
// or more, five errors are 11 %.
TEST(ParameterInit, follows_gpt2) {
  const auto parameters = initial_parameters(1, 7);
  for (const ParameterUnit& unit : parameter_units(small_shape()))
    for (const ParameterTensor& tensor : unit.tensors) {
      const std::vector<double>& values = parameters.at(tensor.name);
      const double first = values.front();
      switch (tensor.init) {
        case ParameterInit::normal:
          EXPECT_NEAR(deviation(values), 0.02, 0.0022) << tensor.name;
          break;
        case ParameterInit::residual_normal:
          EXPECT_NEAR(deviation(values), 0.02 / 4, 0.00055) << tensor.name;  // sqrt(2 x 8 layers)
          break;
        case ParameterInit::ones:
          EXPECT_EQ(first, 1) << tensor.name;
          EXPECT_EQ(deviation(values), 1) << tensor.name;
          break;
        case ParameterInit::zeros:
          EXPECT_EQ(deviation(values), 0) << tensor.name;
          break;
      }
    }
}

// Larger than the staging buffer: the parts continue the same row.
TEST(ParameterInit, staged_parts_join_without_a_seam) {
  ModelShape shape = small_shape();
  shape.n_layer = 1;
  shape.vocab_size = 10'000;  // 320,000 elements of embedding, staged in parts of 262,144
  const Backend backend = make_reference_backend({});
  const FlatShard shard(backend, make_flat_layout(shape, 1), 0);
  initialize_shard(shard, *backend.device, shape, 5);
  const double* const embedding = shard.params().as<double>();
  for (const int64_t i : {0, 262'143, 262'144, 319'999})
    EXPECT_EQ(embedding[i], 0.02 * standard_normal(5, 0, i));
}

}  // namespace
}  // namespace isoflop
