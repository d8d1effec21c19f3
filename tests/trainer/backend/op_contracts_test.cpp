// SPDX-License-Identifier: MIT
#include "trainer/backend/op_contracts.hpp"

#include <gtest/gtest.h>

#include <array>

namespace isoflop {
namespace {

/// Contract checks abort in debug builds and do nothing in release builds.
#ifdef NDEBUG
void expect_rejected(void (*call)()) { call(); }
#else
void expect_rejected(void (*call)()) { EXPECT_DEATH(call(), "contract violated"); }
#endif

std::array<double, 256> memory;

TensorView f32(Extents shape) { return {memory.data(), DType::f32, shape}; }
TensorView i32(Extents shape) { return {memory.data(), DType::i32, shape}; }

TEST(OpContracts, fitting_operands_pass) {
  check_linear(f32({2, 3}), f32({2, 4}), f32({3, 4}), f32({3}));
  check_embedding(f32({2, 3, 4}), i32({2, 3}), f32({5, 4}), f32({3, 4}));
  check_norm(f32({2, 4}), f32({2, 4}), f32({2, 1}), f32({4}), {}, {NormKind::rmsnorm, 0});
  check_attention(f32({1, 2, 2, 4}), f32({1, 2, 2}), f32({1, 2, 4, 4}), {2, 1, 4});
  check_activation(f32({2, 4}), f32({2, 8}), FfnType::gated);
}

TEST(OpContracts, shapes_that_do_not_fit_are_rejected) {
  expect_rejected([] { check_linear(f32({2, 3}), f32({2, 4}), f32({4, 3}), {}); });
  expect_rejected([] { check_linear(f32({2, 3}), f32({2, 4}), f32({3, 4}), f32({4})); });
  expect_rejected([] { check_rope(f32({1, 2, 3, 5}), {1, 1, 5}); });
  expect_rejected([] { check_activation(f32({2, 4}), f32({2, 4}), FfnType::gated); });
  expect_rejected([] { check_same_size(f32({4}), f32({5})); });
}

TEST(OpContracts, strided_operands_are_rejected) {
  expect_rejected([] {
    TensorView x = f32({2, 4});
    x.strides = {8, 1};
    check_linear(f32({2, 3}), x, f32({3, 4}), {});
  });
}

TEST(OpContracts, a_bias_belongs_to_layernorm_only) {
  expect_rejected([] {
    check_norm(f32({2, 4}), f32({2, 4}), f32({2, 2}), f32({4}), {}, {NormKind::layernorm, 0});
  });
  expect_rejected([] {
    check_norm(f32({2, 4}), f32({2, 4}), f32({2, 1}), f32({4}), f32({4}), {NormKind::rmsnorm, 0});
  });
}

TEST(OpContracts, token_ids_are_32_bit_integers) {
  expect_rejected([] { check_embedding(f32({2, 3, 4}), f32({2, 3}), f32({5, 4}), {}); });
}

}  // namespace
}  // namespace isoflop
