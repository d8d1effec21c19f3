// SPDX-License-Identifier: MIT
#include "trainer/backend/cuda/flash_attention.hpp"

#include "core/base/error.hpp"
#include "emulation/emulation.hpp"
#include "op_rig.hpp"
#include "trainer/backend/cuda/cuda_device.hpp"
#include "trainer/backend/cuda/sdpa_plan.hpp"
#include "trainer/tensor/bf16.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <ostream>
#include <string>
#include <tuple>
#include <vector>

namespace isoflop {
namespace {

using Values = std::vector<double>;

struct Sizes {
  const char* name;
  int64_t B, T;
  AttentionShape heads;
  int64_t document_size = 0;  ///< 0: sequences are of one document

  Extents qkv() const { return {B, T, heads.n_head + 2 * heads.n_kv_head, heads.d_head}; }
  Extents out() const { return {B, T, heads.n_head, heads.d_head}; }
  Extents rows() const { return {B, heads.n_head, T}; }
};

/// For GoogleTest's messages.
void PrintTo(const Sizes& sizes, std::ostream* out) { *out << sizes.name; }

constexpr Sizes kGrouped{"grouped", 2, 13, {6, 2, 16}};
constexpr Sizes kMultiHead{"multi_head", 2, 9, {3, 3, 8}};
constexpr Sizes kMultiQuery{"multi_query", 1, 32, {4, 1, 64}};
constexpr Sizes kOneToken{"one_token", 3, 1, {4, 2, 8}};
constexpr Sizes kDocuments{"documents", 2, 13, {6, 2, 16}, 5};

AttentionParams params_of(OpRig& rig, const Sizes& sizes) {
  AttentionParams params{sizes.heads};
  if (sizes.document_size == 0) return params;
  Values first_keys;
  for (int64_t i = 0; i < sizes.B * sizes.T; ++i) {
    const int64_t t = i % sizes.T;
    first_keys.push_back(static_cast<double>(t - t % sizes.document_size));
  }
  params.first_keys = rig.tensor(DType::i32, {sizes.B, sizes.T}, first_keys);
  return params;
}

/// Values that bf16 holds exactly.
Values bf16_values(const Extents& shape, uint64_t seed) {
  Values values = random_values(shape.product(), seed);
  for (double& value : values) value = to_float(to_bf16(static_cast<float>(value)));
  return values;
}

Values rounded_to_bf16(Values values) {
  for (double& value : values) value = to_float(to_bf16(static_cast<float>(value)));
  return values;
}

/// What a pass of attention gives.
struct Results {
  Values out, lse, d_qkv;
};

/// Both passes by the plain loops of the reference; backward starts from `out` as bf16 keeps it.
Results reference(const Sizes& sizes, const Values& qkv, const Values& d_out) {
  OpRig rig(make_reference_backend({}));
  const TensorView packed = rig.tensor(sizes.qkv(), qkv);
  const TensorView out = rig.fresh(sizes.out()), lse = rig.fresh(DType::f64, sizes.rows());
  rig.ops().attention_forward(rig.exec(), out, lse, packed, params_of(rig, sizes));
  Results results{rig.read(out), rig.read(lse), {}};
  const TensorView d_qkv = rig.fresh(sizes.qkv());
  const TensorView row_sum = rig.fresh(DType::f64, sizes.rows());
  rig.ops().attention_backward(rig.exec(), d_qkv, row_sum, rig.tensor(sizes.out(), d_out), packed,
                               rig.tensor(sizes.out(), rounded_to_bf16(results.out)), lse,
                               params_of(rig, sizes));
  results.d_qkv = rig.read(d_qkv);
  return results;
}

double relative_distance(const Values& actual, const Values& expected) {
  double distance = 0, norm = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    distance += std::pow(actual[i] - expected[i], 2);
    norm += std::pow(expected[i], 2);
  }
  return norm == 0 ? std::sqrt(distance) : std::sqrt(distance / norm);
}

/// The heads [begin, begin + count) of a packed buffer.
Values heads_of(const Sizes& sizes, const Values& packed, int64_t begin, int64_t count) {
  const int64_t D = sizes.heads.d_head;
  const int64_t stride = (sizes.heads.n_head + 2 * sizes.heads.n_kv_head) * D;
  Values result;
  for (int64_t token = 0; token < sizes.B * sizes.T; ++token) {
    const auto first = packed.begin() + token * stride + begin * D;
    result.insert(result.end(), first, first + count * D);
  }
  return result;
}

/// Queries, keys and values apart: an error in the small ones must not hide behind the large.
void expect_close_gradients(const Sizes& sizes, const Values& actual, const Values& expected) {
  const auto [n_head, n_kv_head, d_head] = sizes.heads;
  // Probabilities and gradients of scores are rounded to bf16 (8 bits, so 2^-9 each) on their way
  // into a product, and the result is again.
  const double tolerance = std::ldexp(1.0, -7);
  const auto distance = [&](int64_t begin, int64_t count) {
    return relative_distance(heads_of(sizes, actual, begin, count),
                             heads_of(sizes, expected, begin, count));
  };
  EXPECT_LT(distance(0, n_head), tolerance) << "gradient of queries";
  EXPECT_LT(distance(n_head, n_kv_head), tolerance) << "gradient of keys";
  EXPECT_LT(distance(n_head + n_kv_head, n_kv_head), tolerance) << "gradient of values";
}

class FlashAttentionOf : public testing::TestWithParam<std::tuple<Sizes, bool>> {};

TEST_P(FlashAttentionOf, both_passes_match_f64_attention) {
  const auto& [sizes, deterministic] = GetParam();
  const Values qkv = bf16_values(sizes.qkv(), 1), d_out = bf16_values(sizes.out(), 2);
  const Results expected = reference(sizes, qkv, d_out);
  emulation::run_ranks({}, [&, sizes = sizes, deterministic = deterministic](int) {
    OpRig rig(make_cuda_backend({.precision = Precision::bf16, .deterministic = deterministic}));
    FlashAttention attention(as_cuda_device(rig.device()), deterministic);
    const TensorView packed = rig.tensor(sizes.qkv(), qkv);
    const TensorView out = rig.fresh(sizes.out()), lse = rig.fresh(DType::f32, sizes.rows());
    attention.forward(rig.exec(), out, lse, packed, params_of(rig, sizes));
    EXPECT_LT(relative_distance(rig.read(out), expected.out), std::ldexp(1.0, -8));
    EXPECT_LT(relative_distance(rig.read(lse), expected.lse), 1e-6);

    const TensorView d_qkv = rig.fresh(sizes.qkv());
    const TensorView row_sum = rig.fresh(DType::f32, sizes.rows());
    attention.backward(rig.exec(), d_qkv, row_sum, rig.tensor(sizes.out(), d_out), packed,
                       rig.tensor(sizes.out(), expected.out),
                       rig.tensor(DType::f32, sizes.rows(), expected.lse), params_of(rig, sizes));
    expect_close_gradients(sizes, rig.read(d_qkv), expected.d_qkv);
  });
}

INSTANTIATE_TEST_SUITE_P(Shapes, FlashAttentionOf,
                         testing::Combine(testing::Values(kGrouped, kMultiHead, kMultiQuery,
                                                          kOneToken, kDocuments),
                                          testing::Bool()),
                         [](const auto& test) {
                           return std::string(std::get<0>(test.param).name) +
                                  (std::get<1>(test.param) ? "_deterministic" : "");
                         });

/// Both passes on an arena of the bytes that prepare() asked for.
void run_prepared(bool deterministic) {
  OpRig rig(make_cuda_backend({.precision = Precision::bf16}));
  CudaDevice& device = as_cuda_device(rig.device());
  FlashAttention attention(device, deterministic);
  const Sizes& s = kGrouped;
  Arena arena(device, attention.prepare(s.heads, {s.B, s.T}, DType::bf16),
              MemoryCategory::workspace);
  const Exec exec{device, device.compute_stream(), arena};
  const TensorView qkv = rig.filled(s.qkv(), 1), out = rig.filled(s.out(), 1);
  const TensorView lse = rig.filled(DType::f32, s.rows(), 1);
  const TensorView row_sum = rig.fresh(DType::f32, s.rows());
  const TensorView d_qkv = rig.fresh(s.qkv());
  const emulation::Counters before = emulation::counters(0);
  attention.forward(exec, out, lse, qkv, {s.heads});
  attention.backward(exec, d_qkv, row_sum, out, qkv, out, lse, {s.heads});
  const emulation::Counters after = emulation::counters(0);
  EXPECT_EQ(after.allocations, before.allocations);
  EXPECT_EQ(after.host_waits, before.host_waits);
  EXPECT_EQ(after.operations, before.operations + 2);
  EXPECT_EQ(arena.used(), 0);
  EXPECT_EQ(arena.peak(), arena.capacity());
  rig.read(d_qkv);
}

TEST(FlashAttention, prepared_passes_take_the_arena_bytes_said_and_never_wait) {
  emulation::run_ranks({}, [](int) { run_prepared(false); });
  emulation::run_ranks({}, [](int) { run_prepared(true); });
}

TEST(FlashAttention, refuses_a_shape_that_has_no_kernel_when_prepared) {
  emulation::run_ranks({}, [](int) {
    OpRig rig(make_cuda_backend({.precision = Precision::bf16}));
    FlashAttention attention(as_cuda_device(rig.device()), false);
    try {
      attention.prepare({4, 2, 12}, {2, 16}, DType::bf16);
      ADD_FAILURE() << "accepted";
    } catch (const ConfigError& error) {
      EXPECT_THAT(error.what(), testing::HasSubstr("d_head must be a multiple of 8"));
    }
  });
}

std::string problem_with_cudnn(std::size_t version, int64_t seq_len) {
  try {
    check_cudnn_version(version, seq_len);
  } catch (const FileError& error) {
    return error.what();
  }
  return "";
}

TEST(FlashAttention, refuses_a_cudnn_that_computes_its_graphs_wrongly) {
  EXPECT_THAT(problem_with_cudnn(90501, 1024),
              testing::AllOf(testing::HasSubstr("cuDNN is version '9.5.1'"),
                             testing::HasSubstr("needs 9.10.2 or newer"),
                             testing::Not(testing::HasSubstr("data.seq_len"))));
  EXPECT_THAT(problem_with_cudnn(91001, 1024), testing::HasSubstr("needs 9.10.2 or newer"));
  EXPECT_EQ(problem_with_cudnn(91002, 1024), "");
  EXPECT_THAT(problem_with_cudnn(91500, 1000),
              testing::AllOf(testing::HasSubstr("sequences of 1000 tokens needs 9.15.1 or newer"),
                             testing::HasSubstr("make data.seq_len a multiple of 128")));
  EXPECT_EQ(problem_with_cudnn(91501, 1000), "");
}

}  // namespace
}  // namespace isoflop
