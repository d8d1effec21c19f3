// SPDX-License-Identifier: MIT
// Dropout of the reference and of the fast backend against an independent Philox.
#include "../op_rig.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <string>
#include <vector>

namespace isoflop {
namespace {

using Words = std::array<uint32_t, 4>;

/// Philox4x32-10 as its paper writes it (Salmon et al., SC 2011, section 3.2): N = 4 words are two
/// pairs (L, R); a round makes L' = R M mod 2^32 and R' = high(R M) ^ k ^ L and swaps the pairs.
Words philox(const Words& counter, uint32_t k0, uint32_t k1) {
  uint64_t R0 = counter[0], L0 = counter[1], R1 = counter[2], L1 = counter[3];
  for (uint64_t round = 0; round < 10; ++round) {
    const uint64_t key0 = (k0 + round * 0x9E3779B9) % (1ULL << 32);
    const uint64_t key1 = (k1 + round * 0xBB67AE85) % (1ULL << 32);
    const uint64_t p0 = R0 * 0xD2511F53, p1 = R1 * 0xCD9E8D57;
    R0 = p1 / (1ULL << 32) ^ key0 ^ L0;
    R1 = p0 / (1ULL << 32) ^ key1 ^ L1;
    L0 = p1 % (1ULL << 32);
    L1 = p0 % (1ULL << 32);
  }
  return {static_cast<uint32_t>(R0), static_cast<uint32_t>(L0), static_cast<uint32_t>(R1),
          static_cast<uint32_t>(L1)};
}

// Published with the algorithm: Random123, examples/kat_vectors.
TEST(IndependentPhilox, gives_the_published_words) {
  constexpr uint32_t kOnes = 0xffffffff;
  EXPECT_EQ(philox({0, 0, 0, 0}, 0, 0), (Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(philox({kOnes, kOnes, kOnes, kOnes}, kOnes, kOnes),
            (Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, 0xa4093822, 0x299f31d0),
            (Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

/// Where a mask is taken: everything but the tensor.
struct Place {
  double rate = 0.3;
  uint64_t seed = 0xfedcba9876543210;
  int64_t first_sample = 0;
  int64_t seq_len = 4;
  uint32_t site = 3;
};

class DropoutOp : public testing::TestWithParam<std::string> {
 protected:
  static Backend make() {
    return GetParam() == "reference" ? make_reference_backend({})
                                     : make_cpu_backend({.n_threads = 2});
  }

  /// Dropout of ones, (rows, columns): the factors.
  std::vector<double> factors(int64_t rows, int64_t columns, const Place& place) {
    const std::vector<double> sample = {static_cast<double>(place.first_sample)};
    const TensorView out = rig_.fresh({rows, columns});
    rig_.ops().dropout(
        rig_.exec(), out, rig_.filled({rows, columns}, 1),
        {place.rate, place.seed, rig_.tensor(DType::i64, {1}, sample), place.seq_len, place.site});
    return rig_.read(out);
  }

  OpRig rig_{make()};
};

TEST_P(DropoutOp, drops_where_the_words_of_token_and_column_say) {
  constexpr int64_t kRows = 5, kColumns = 1030;
  const Place place{.first_sample = int64_t{3} << 31};
  const std::vector<double> actual = factors(kRows, kColumns, place);
  for (int64_t row = 0; row < kRows; ++row) {
    const auto token = static_cast<uint64_t>(place.first_sample * place.seq_len + row);
    for (int64_t column = 0; column < kColumns; ++column) {
      const Words words = philox({static_cast<uint32_t>(column / 4), static_cast<uint32_t>(token),
                                  static_cast<uint32_t>(token >> 32), place.site << 16},
                                 0x76543210, 0xfedcba98);
      const double unit = words[static_cast<std::size_t>(column % 4)] * 0x1p-32;
      ASSERT_NEAR(actual[static_cast<std::size_t>(row * kColumns + column)],
                  unit < place.rate ? 0 : 1 / 0.7, 1e-7)
          << row << ", " << column;
    }
  }
}

// Five standard deviations of the binomial distribution.
TEST_P(DropoutOp, keeps_as_many_as_the_rate_says) {
  constexpr int64_t kRows = 64, kColumns = 1024;
  constexpr double n = kRows * kColumns;
  for (const double rate : {0.01, 0.1, 0.5, 0.9}) {
    double n_kept = 0;
    for (const double factor : factors(kRows, kColumns, {.rate = rate})) n_kept += factor != 0;
    EXPECT_NEAR(n_kept, n * (1 - rate), 5 * std::sqrt(n * rate * (1 - rate))) << rate;
  }
}

// A micro batch of two sequences is two of one: sharding and accumulation do not change a mask.
TEST_P(DropoutOp, a_token_has_one_mask_wherever_it_is_computed) {
  const std::vector<double> both = factors(8, 40, {.first_sample = 6});
  std::vector<double> parts = factors(4, 40, {.first_sample = 6});
  for (const double factor : factors(4, 40, {.first_sample = 7})) parts.push_back(factor);
  EXPECT_EQ(both, parts);
}

TEST_P(DropoutOp, seeds_sites_and_samples_have_masks_of_their_own) {
  const std::vector<double> mask = factors(4, 40, {});
  EXPECT_EQ(factors(4, 40, {}), mask);
  EXPECT_NE(factors(4, 40, {.seed = 0xfedcba9876543211}), mask);
  EXPECT_NE(factors(4, 40, {.seed = 0x0edcba9876543210}), mask);
  EXPECT_NE(factors(4, 40, {.first_sample = 1}), mask);
  EXPECT_NE(factors(4, 40, {.first_sample = int64_t{1} << 32}), mask);
  EXPECT_NE(factors(4, 40, {.site = 4}), mask);
}

TEST_P(DropoutOp, backward_drops_what_forward_dropped) {
  const std::vector<double> first_sample = {9};
  const Dropout dropout{0.4, 5, rig_.tensor(DType::i64, {1}, first_sample), 6, 2};
  const TensorView x = rig_.tensor({12, 50}, random_values(600, 1, 1, 2));
  const TensorView d_x = rig_.tensor({12, 50}, random_values(600, 2, 1, 2));
  rig_.ops().dropout(rig_.exec(), x, x, dropout);
  rig_.ops().dropout(rig_.exec(), d_x, d_x, dropout);
  const std::vector<double> out = rig_.read(x), gradient = rig_.read(d_x);
  for (std::size_t i = 0; i < out.size(); ++i) EXPECT_EQ(out[i] == 0, gradient[i] == 0) << i;
}

TEST_P(DropoutOp, rate_0_changes_nothing) {
  const TensorView in = rig_.tensor({3, 7}, random_values(21, 1)), out = rig_.fresh({3, 7});
  rig_.ops().dropout(rig_.exec(), out, in, {});
  EXPECT_EQ(rig_.read(out), rig_.read(in));
}

INSTANTIATE_TEST_SUITE_P(Backends, DropoutOp, testing::Values("reference", "cpu"),
                         [](const auto& parameter) { return parameter.param; });

}  // namespace
}  // namespace isoflop
