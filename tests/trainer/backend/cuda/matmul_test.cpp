// SPDX-License-Identifier: MIT
#include "trainer/backend/cuda/matmul.hpp"

#include "core/base/error.hpp"
#include "emulation/emulation.hpp"
#include "emulation/findings.hpp"
#include "op_rig.hpp"
#include "trainer/backend/activations/gelu_tanh.hpp"
#include "trainer/backend/cuda/cuda_device.hpp"
#include "trainer/backend/device_failure.hpp"
#include "trainer/tensor/bf16.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace isoflop {
namespace {

using Values = std::vector<double>;

constexpr int64_t M = 5, N = 7, K = 11;

/// A stored matrix of `rows` rows, `stride` elements apart, the first `cols` of which count.
struct Matrix {
  Matrix(int64_t rows_, int64_t cols_, int64_t stride_, uint64_t seed)
      : rows(rows_), cols(cols_), stride(stride_), values(random_values(rows_ * stride_, seed)) {
    for (double& value : values) value = to_float(to_bf16(static_cast<float>(value)));
  }
  double at(int64_t row, int64_t col) const {
    return values[static_cast<std::size_t>(row * stride + col)];
  }
  int64_t rows, cols, stride;
  Values values;
};

/// Element (i, j) of op(matrix).
double element(const Matrix& matrix, bool transposed, int64_t i, int64_t j) {
  return transposed ? matrix.at(j, i) : matrix.at(i, j);
}

/// The definition of MatmulShape, in f64.
Values product(const MatmulShape& s, const Matrix& a, const Matrix& b, const Values& bias,
               const Matrix& c) {
  Values result = c.values;
  for (int64_t m = 0; m < s.M; ++m)
    for (int64_t n = 0; n < s.N; ++n) {
      double sum = s.accumulate ? c.at(m, n) : 0;
      if (s.has_bias) sum += bias[static_cast<std::size_t>(n)];
      for (int64_t k = 0; k < s.K; ++k)
        sum += element(a, s.transpose_a, m, k) * element(b, s.transpose_b, k, n);
      result[static_cast<std::size_t>(m * s.c_stride + n)] = sum;
    }
  return result;
}

/// Compares a product on the emulated GPU with the definition; what lies between the rows of c must
/// stay as it was.
void expect_product(const MatmulShape& s) {
  const Matrix a(s.transpose_a ? s.K : s.M, s.transpose_a ? s.M : s.K, s.a_stride, 1);
  const Matrix b(s.transpose_b ? s.N : s.K, s.transpose_b ? s.K : s.N, s.b_stride, 2);
  const Matrix c(s.M, s.N, s.c_stride, 3);
  const Values bias = Matrix(1, s.N, s.N, 4).values;
  emulation::run_ranks({}, [&](int) {
    OpRig rig(make_cuda_backend({}));
    MatmulPlans plans(as_cuda_device(rig.device()));
    const TensorView out = rig.tensor(s.out, {s.M, s.c_stride}, c.values);
    plans.run(rig.exec(), s, out.data, rig.tensor(s.in, {a.rows, a.stride}, a.values).data,
              rig.tensor(s.in, {b.rows, b.stride}, b.values).data,
              s.has_bias ? rig.tensor(s.out, {s.N}, bias).data : nullptr);
    const Values expected = product(s, a, b, bias, c);
    const Values actual = rig.read(out);
    // f32 sums of bf16 values; a bf16 result keeps 8 bits.
    const double tolerance = s.out == DType::bf16 ? std::ldexp(1.0, -8) : 1e-6;
    for (std::size_t i = 0; i < expected.size(); ++i)
      EXPECT_NEAR(actual[i], expected[i], tolerance * std::max(1.0, std::abs(expected[i])))
          << "element " << i;
  });
}

MatmulShape packed(bool transpose_a, bool transpose_b) {
  return {.M = M,
          .N = N,
          .K = K,
          .transpose_a = transpose_a,
          .transpose_b = transpose_b,
          .a_stride = transpose_a ? M : K,
          .b_stride = transpose_b ? K : N,
          .c_stride = N};
}

TEST(MatmulPlans, multiplies_row_major_matrices_in_all_transpositions) {
  for (const bool transpose_a : {false, true})
    for (const bool transpose_b : {false, true}) {
      SCOPED_TRACE(testing::Message() << "transposed: " << transpose_a << transpose_b);
      expect_product(packed(transpose_a, transpose_b));
    }
}

TEST(MatmulPlans, adds_a_bias_to_every_row) {
  MatmulShape shape = packed(false, true);
  shape.has_bias = true;
  expect_product(shape);
  shape.in = shape.out = DType::bf16;
  expect_product(shape);
}

/// GELU in its tanh form and its slope.
double gelu(double x) { return GeluTanh::reference(x); }
double gelu_slope(double x) { return GeluTanh::reference_slope(x); }

/// A bf16 product that ends with an epilogue: rows of 8, as aux is to have.
MatmulShape with_epilogue(MatmulEpilogue epilogue) {
  MatmulShape shape = packed(false, true);
  shape.N = shape.c_stride = 8;
  shape.in = shape.out = DType::bf16;
  shape.epilogue = epilogue;
  return shape;
}

TEST(MatmulPlans, ends_with_gelu_or_its_gradient) {
  constexpr double kBf16 = 1.0 / 128;
  const MatmulShape forward = with_epilogue(MatmulEpilogue::gelu);
  const MatmulShape backward = with_epilogue(MatmulEpilogue::gelu_gradient);
  const Matrix a(M, K, K, 1), b(8, K, K, 2), c(M, 8, 8, 3);
  const Values bias = Matrix(1, 8, 8, 4).values;
  for (const bool has_bias : {false, true})
    emulation::run_ranks({}, [&](int) {
      OpRig rig(make_cuda_backend({}));
      MatmulPlans plans(as_cuda_device(rig.device()));
      MatmulShape shape = forward;
      shape.has_bias = has_bias;
      const TensorView a_view = rig.tensor(DType::bf16, {M, K}, a.values);
      const TensorView b_view = rig.tensor(DType::bf16, {8, K}, b.values);
      const TensorView out = rig.filled(DType::bf16, {M, 8}, 7);
      const TensorView in = rig.filled(DType::bf16, {M, 8}, 7);
      const TensorView d_in = rig.filled(DType::bf16, {M, 8}, 7);
      plans.run(rig.exec(), shape, out.data, a_view.data, b_view.data,
                has_bias ? rig.tensor(DType::bf16, {8}, bias).data : nullptr, in.data);
      plans.run(rig.exec(), backward, d_in.data, a_view.data, b_view.data, nullptr, in.data);
      const Values sums = product(shape, a, b, bias, c), plain = product(backward, a, b, {}, c);
      const Values saved = rig.read(in), activated = rig.read(out), gradient = rig.read(d_in);
      for (std::size_t i = 0; i < sums.size(); ++i) {
        EXPECT_NEAR(saved[i], sums[i], kBf16 * std::max(1.0, std::abs(sums[i])));
        EXPECT_NEAR(activated[i], gelu(sums[i]), kBf16 * std::max(1.0, std::abs(sums[i])));
        EXPECT_NEAR(gradient[i], plain[i] * gelu_slope(saved[i]),
                    kBf16 * std::max(1.0, std::abs(plain[i])));
      }
    });
}

TEST(MatmulPlans, tells_whether_there_is_a_product_that_ends_with_gelu) {
  for (const bool has_it : {false, true}) {
    emulation::Options options;
    options.has_gelu_products = has_it;
    emulation::run_ranks(options, [&](int) {
      OpRig rig(make_cuda_backend({}));
      MatmulPlans plans(as_cuda_device(rig.device()));
      const MatmulShape shape = with_epilogue(MatmulEpilogue::gelu);
      EXPECT_EQ(plans.has(shape), has_it);
      EXPECT_EQ(plans.has(shape), has_it) << "asked again";
      EXPECT_EQ(plans.choose("").table.find(",gelu ") != std::string::npos, has_it);
    });
  }
}

TEST(MatmulPlans, an_auxiliary_matrix_is_timed_with_its_product) {
  emulation::run_ranks({}, [&](int) {
    OpRig rig(make_cuda_backend({}));
    MatmulPlans plans(as_cuda_device(rig.device()));
    EXPECT_TRUE(plans.has(with_epilogue(MatmulEpilogue::gelu)));
    EXPECT_TRUE(plans.has(with_epilogue(MatmulEpilogue::gelu_gradient)));
    const AlgorithmChoice choice = plans.choose("");
    EXPECT_THAT(choice.news, testing::ElementsAre(testing::HasSubstr("timed for 2 shapes")));
    plans.use(choice.table);
  });
}

TEST(MatmulPlans, accumulates_into_f32_from_bf16_operands) {
  MatmulShape shape = packed(true, false);
  shape.in = DType::bf16;
  shape.accumulate = true;
  expect_product(shape);
}

TEST(MatmulPlans, reads_and_writes_parts_of_wider_rows) {
  MatmulShape shape = packed(true, true);
  shape.a_stride += 3;
  shape.b_stride += 5;
  shape.c_stride += 2;
  expect_product(shape);
}

TEST(MatmulPlans, multiplies_the_matrices_of_a_batch) {
  MatmulShape one = packed(true, false);
  one.in = one.out = DType::bf16;
  MatmulShape all = one;
  all.n_batch = 3;
  all.a_step = M * K + 9;
  all.b_step = K * N + 3;
  all.c_step = M * N + 5;
  emulation::run_ranks({}, [&](int) {
    OpRig rig(make_cuda_backend({}));
    MatmulPlans plans(as_cuda_device(rig.device()));
    const TensorView a = rig.tensor(DType::bf16, {3, all.a_step}, random_values(3 * all.a_step, 1));
    const TensorView b = rig.tensor(DType::bf16, {3, all.b_step}, random_values(3 * all.b_step, 2));
    const TensorView batch = rig.filled(DType::bf16, {3, all.c_step}, 7);
    const TensorView alone = rig.filled(DType::bf16, {3, all.c_step}, 7);
    plans.run(rig.exec(), all, batch.data, a.data, b.data);
    one.starts = 1;
    for (const int64_t i : {0, 1, 2})
      plans.run(rig.exec(), one, alone.flat_slice(i * all.c_step, {M, N}).data,
                a.flat_slice(i * all.a_step, {K, M}).data,
                b.flat_slice(i * all.b_step, {K, N}).data);
    EXPECT_EQ(rig.read(batch), rig.read(alone));
  });
}

TEST(MatmulPlans, a_planned_product_takes_the_arena_bytes_it_says) {
  emulation::run_ranks({}, [&](int) {
    OpRig rig(make_cuda_backend({}));
    CudaDevice& device = as_cuda_device(rig.device());
    MatmulPlans plans(device);
    const MatmulShape shape = packed(false, false);
    plans.prepare(shape);
    Arena arena(device, plans.workspace_bytes(), MemoryCategory::workspace);
    const TensorView c = rig.filled(DType::f32, {M, N}, 0);
    plans.run({device, device.compute_stream(), arena}, shape, c.data,
              rig.filled(DType::f32, {M, K}, 1).data, rig.filled(DType::f32, {K, N}, 1).data);
    EXPECT_EQ(rig.read(c), Values(M * N, K));
    EXPECT_EQ(arena.used(), 0);
  });
}

/// A product that is planned and run on a GPU of its own.
struct Planned {
  explicit Planned(const MatmulShape& of = packed(false, false)) : shape(of) {
    plans.prepare(shape);
  }
  /// The place of the algorithm that computes it, among those that cuBLASLt names.
  std::string algorithm() {
    const TensorView c = rig.filled(DType::f32, {shape.M, shape.N}, 0);
    const TensorView a = rig.filled(DType::f32, {shape.M, shape.K}, 1);
    const TensorView b = rig.filled(DType::f32, {shape.K, shape.N}, 1);
    emulation::take_trace(0);
    plans.run(rig.exec(), shape, c.data, a.data, b.data);
    const std::string work = emulation::take_trace(0).at(0);
    EXPECT_EQ(rig.read(c),
              Values(static_cast<std::size_t>(shape.M * shape.N), static_cast<double>(shape.K)));
    return work.substr(work.find(" by ") + 4, 1);
  }
  AlgorithmChoice choose_and_use(const std::string& known = "", const TimingLimits& limits = {}) {
    const AlgorithmChoice choice = plans.choose(known, limits);
    plans.use(choice.table);
    return choice;
  }

  OpRig rig{make_cuda_backend({.precision = Precision::fp32})};
  MatmulPlans plans{as_cuda_device(rig.device())};
  MatmulShape shape;
};

using Nanoseconds = std::vector<int64_t>;

void on_gpu(const emulation::Options& options, const std::function<void()>& body) {
  emulation::run_ranks(options, [&](int) { body(); });
}

/// What a GPU chooses whose algorithms take so long.
AlgorithmChoice choice_of(const Nanoseconds& product_ns) {
  AlgorithmChoice choice;
  on_gpu({.product_ns = product_ns}, [&] { choice = Planned().choose_and_use(); });
  return choice;
}

TEST(MatmulPlans, a_product_is_computed_by_the_first_algorithm_until_one_is_chosen) {
  on_gpu({.product_ns = {900, 500, 700}}, [] {
    Planned product;
    EXPECT_EQ(product.algorithm(), "0");
    const AlgorithmChoice choice = product.plans.choose("");
    EXPECT_EQ(product.algorithm(), "0") << "choosing alone changed it";
    product.plans.use(choice.table);
    EXPECT_EQ(product.algorithm(), "1");
  });
}

TEST(MatmulPlans, the_fastest_algorithm_is_chosen_and_the_gain_told) {
  const std::vector<std::pair<Nanoseconds, std::string>> cases = {
      {{500, 900, 700}, "0"}, {{900, 500, 700}, "1"}, {{900, 700, 500}, "2"},
      {{700, 700}, "0"},      {{1000, 985}, "0"},     {{1000, 975}, "1"}};
  for (const auto& [product_ns, fastest] : cases)
    on_gpu({.product_ns = product_ns}, [&, fastest = fastest] {
      Planned product;
      const AlgorithmChoice choice = product.choose_and_use();
      EXPECT_EQ(product.algorithm(), fastest);
      EXPECT_THAT(choice.news, testing::ElementsAre(testing::HasSubstr("algorithms timed")));
    });
  EXPECT_THAT(choice_of({1000, 750, 950}).news,
              testing::ElementsAre(testing::AllOf(
                  testing::HasSubstr("3 algorithms timed for 1 shapes in "),
                  testing::HasSubstr("one product of each takes 0.001 ms, 25.0 % less than by"))));
}

TEST(MatmulPlans, a_bias_and_sums_into_c_are_timed_as_they_are_run) {
  on_gpu({}, [] {
    OpRig rig(make_cuda_backend({}));
    MatmulPlans plans(as_cuda_device(rig.device()));
    MatmulShape with_bias = packed(false, true), adds = packed(true, false);
    with_bias.has_bias = adds.accumulate = true;
    plans.prepare(with_bias);
    plans.prepare(adds);
    emulation::take_trace(0);
    plans.choose("");
    int n_with_bias = 0, n_adding = 0;
    for (const std::string& work : emulation::take_trace(0)) {
      const bool is_product = work.find("cublasLtMatmul") != std::string::npos;
      n_with_bias += is_product && work.find(" bias 0x0 ") == std::string::npos;
      n_adding += is_product && work.ends_with(" beta 1");
    }
    // Once to see whether it runs, once for the number of runs; five rounds of 16, as a GPU's clock
    // is too coarse for one.
    EXPECT_EQ(n_with_bias, 3 * (2 + 5 * 16));
    EXPECT_EQ(n_adding, 3 * (2 + 5 * 16));
  });
}

TEST(MatmulPlans, as_many_algorithms_are_timed_as_asked_for) {
  on_gpu({.product_ns = {900, 800, 500}}, [] {
    Planned product;
    product.choose_and_use("", {.n_algorithm = 2});
    EXPECT_EQ(product.algorithm(), "1");
  });
}

// The host takes longer for a launch than the GPU for any of the products.
TEST(MatmulPlans, short_products_are_timed_without_the_hosts_launches) {
  emulation::Options options{.product_ns = {2000, 1000, 1500}};
  options.enqueue_ns = 5000;
  on_gpu(options, [] {
    Planned product;
    EXPECT_THAT(product.choose_and_use().news,
                testing::ElementsAre(testing::HasSubstr("takes 0.001 ms, 50.0 % less")));
    EXPECT_EQ(product.algorithm(), "1");
    EXPECT_EQ(emulation::counters(0).graph_launches, 3 * 4);
  });
}

TEST(MatmulPlans, products_that_take_long_are_run_a_few_times_and_without_graphs) {
  on_gpu({.product_ns = {300'000, 200'000}}, [] {
    Planned product;
    emulation::take_trace(0);
    product.choose_and_use();
    const auto trace = emulation::take_trace(0);
    EXPECT_EQ(std::count_if(trace.begin(), trace.end(),
                            [](const std::string& work) {
                              return work.find("cublasLtMatmul") != std::string::npos;
                            }),
              2 * 5);
    EXPECT_EQ(emulation::counters(0).graph_launches, 0);
    EXPECT_EQ(product.algorithm(), "1");
  });
}

TEST(MatmulPlans, are_timed_launch_by_launch_where_graphs_are_refused) {
  emulation::set_faults({.refuse_capture = 0});
  testing::internal::CaptureStderr();
  emulation::Options options{.product_ns = {9000, 7000}};
  options.enqueue_ns = 5000;
  on_gpu(options, [] {
    Planned product;
    product.choose_and_use();
    EXPECT_EQ(product.algorithm(), "1");
    EXPECT_EQ(emulation::counters(0).graph_launches, 0);
  });
  EXPECT_THAT(testing::internal::GetCapturedStderr(), testing::HasSubstr("without CUDA graphs"));
}

/// A GPU where cuBLASLt names three algorithms and fails to run some.
emulation::Options failing(const std::vector<int>& places) {
  emulation::Options options{.product_ns = {500, 900, 700}};
  options.failing_products = places;
  return options;
}

/// What an action says as it fails.
template <typename Failure>
std::string failure_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Failure& error) {
    return error.what();
  }
  return "";
}

TEST(MatmulPlans, an_algorithm_that_fails_to_run_is_passed_over_and_told) {
  struct Case {
    int failing;
    const char *chosen, *gain;
  };
  for (const Case& of : {Case{0, "2", " 22.2 % less"}, Case{1, "0", " 0.0 % less"}})
    on_gpu(failing({of.failing}), [&] {
      Planned product;
      EXPECT_THAT(product.choose_and_use().news,
                  testing::ElementsAre(testing::AllOf(testing::HasSubstr("2 algorithms timed"),
                                                      testing::HasSubstr("(1 more failed to run)"),
                                                      testing::HasSubstr(of.gain))));
      EXPECT_EQ(product.algorithm(), of.chosen);
    });
}

TEST(MatmulPlans, a_product_whose_algorithms_all_fail_to_run_is_named) {
  on_gpu(failing({0, 1, 2}), [] {
    Planned product;
    EXPECT_THAT(failure_of<ConfigError>([&] { product.plans.choose(""); }),
                testing::HasSubstr("product of (5, 11) and (11, 7) from f32 to f32: none of the 3 "
                                   "algorithms that cuBLASLt names runs: "));
  });
}

TEST(MatmulPlans, a_first_choice_that_fails_to_run_untimed_is_named_with_the_way_out) {
  on_gpu(failing({0}), [] {
    Planned product;
    const std::string message = failure_of<DeviceFailure>([&] { product.algorithm(); });
    EXPECT_THAT(message, testing::HasSubstr("product of (5, 11) and (11, 7) from f32 to f32: "
                                            "cublasLtMatmul failed: "));
    EXPECT_THAT(message, testing::HasSubstr("; device.time_products: true chooses among"));
  });
  const std::string table = choice_of({900, 500, 700}).table;
  on_gpu(failing({1}), [&] {
    Planned product;
    product.plans.use(table);
    EXPECT_THAT(failure_of<DeviceFailure>([&] { product.algorithm(); }),
                testing::Not(testing::HasSubstr("time_products")))
        << "was chosen by timing";
  });
}

TEST(MatmulPlans, another_start_computes_by_the_same_algorithm_whatever_its_clock_shows) {
  const std::string table = choice_of({900, 500, 700}).table;
  on_gpu({.product_ns = {900, 800, 100}}, [&] {
    Planned product;
    const AlgorithmChoice choice = product.choose_and_use(table);
    EXPECT_EQ(product.algorithm(), "1");
    EXPECT_EQ(choice.table, table);
    EXPECT_THAT(choice.news,
                testing::ElementsAre(testing::HasSubstr(
                    "1 of 1 shapes go on with the algorithm that the checkpoint has")));
  });
}

TEST(MatmulPlans, a_table_of_another_gpu_or_library_is_not_used) {
  const std::string table = choice_of({900, 500, 700}).table;
  std::string other_library = table;
  other_library.replace(table.find("cuBLASLt ") + 9, 1, "9");
  emulation::Options other_gpu{.sm_version = 80};
  other_gpu.product_ns = {900, 800, 100};
  on_gpu(other_gpu, [&] {
    Planned product;
    EXPECT_THAT(product.choose_and_use(table).news.front(), testing::HasSubstr("0 of 1 shapes"));
    EXPECT_EQ(product.algorithm(), "2");
  });
  on_gpu({.product_ns = {900, 800, 100}}, [&] {
    Planned product;
    product.choose_and_use(other_library);
    EXPECT_EQ(product.algorithm(), "2");
  });
}

TEST(MatmulPlans, an_algorithm_that_the_library_refuses_is_chosen_anew_and_told) {
  const std::string table = choice_of({900, 500, 700}).table;
  emulation::Options options{.product_ns = {900, 500, 700}};
  options.refused_product = 1;
  on_gpu(options, [&] {
    Planned product;
    const AlgorithmChoice choice = product.choose_and_use(table);
    EXPECT_EQ(product.algorithm(), "2");
    EXPECT_NE(choice.table, table);
    EXPECT_THAT(choice.news, testing::ElementsAre(testing::HasSubstr("0 of 1 shapes go on"),
                                                  testing::HasSubstr("2 algorithms timed")));
  });
}

TEST(MatmulPlans, a_shape_that_a_table_lacks_is_timed_beside_those_it_has) {
  const std::string table = choice_of({900, 500, 700}).table;
  on_gpu({.product_ns = {900, 800, 100}}, [&] {
    Planned product;
    MatmulShape other = product.shape;
    other.M = 2 * M;
    product.plans.prepare(other);
    const AlgorithmChoice choice = product.choose_and_use(table);
    EXPECT_EQ(product.algorithm(), "1");
    product.shape = other;
    EXPECT_EQ(product.algorithm(), "2");
    EXPECT_THAT(choice.news, testing::ElementsAre(testing::HasSubstr("1 of 2 shapes go on"),
                                                  testing::HasSubstr("timed for 1 shapes")));
  });
}

TEST(MatmulPlans, products_without_time_or_memory_keep_the_first_algorithm_and_say_so) {
  on_gpu({.product_ns = {900, 500}}, [] {
    Planned product;
    EXPECT_THAT(product.choose_and_use("", {.seconds = 0}).news,
                testing::ElementsAre(testing::HasSubstr("no time left for 1 shapes")));
    EXPECT_EQ(product.algorithm(), "0");
  });
  emulation::Options small{.memory_bytes = OpRig::kArenaBytes + (1 << 20)};
  small.product_ns = {900, 500};
  on_gpu(small, [] {
    MatmulShape large = packed(false, false);
    large.M = large.a_stride = large.K = int64_t{1} << 14;
    Planned product(large);
    EXPECT_THAT(product.choose_and_use().news,
                testing::ElementsAre(
                    testing::HasSubstr("not timed: 1.00 GiB of the GPU's memory is not free")));
  });
}

TEST(MatmulPlans, timing_takes_no_more_memory_than_the_product_and_gives_it_back) {
  constexpr int64_t kOperands = 3 * 64 * 64 * 4, kWorkspace = 4096;
  emulation::Options options{.memory_bytes = OpRig::kArenaBytes + kOperands + kWorkspace};
  const MatmulShape square{
      .M = 64, .N = 64, .K = 64, .a_stride = 64, .b_stride = 64, .c_stride = 64};
  on_gpu(options, [&] {
    Planned product(square);
    for (int i = 0; i < 2; ++i)
      EXPECT_THAT(product.choose_and_use().news,
                  testing::ElementsAre(testing::HasSubstr("algorithms timed")));
  });
}

TEST(MatmulPlans, a_table_of_something_else_is_an_error) {
  const auto message = [](Planned& product, const std::string& table) -> std::string {
    try {
      product.plans.use(table);
    } catch (const ConfigError& error) {
      return error.what();
    }
    return "";
  };
  const std::string table = choice_of({900, 500, 700}).table;
  emulation::Options options;
  options.refused_product = 1;
  on_gpu(options, [&] {
    Planned product;
    EXPECT_THAT(
        message(product, "a GPU\n"),
        testing::HasSubstr("product of (5, 11) and (11, 7) from f32 to f32: rank 0 has none"));
    EXPECT_THAT(message(product, table), testing::HasSubstr("refuses the algorithm that rank 0"));
  });
}

TEST(MatmulPlans, refuses_a_product_that_no_algorithm_computes_by_its_sizes_and_types) {
  emulation::run_ranks({}, [&](int) {
    OpRig rig(make_cuda_backend({}));
    MatmulPlans plans(as_cuda_device(rig.device()));
    MatmulShape narrowing = packed(true, false);
    narrowing.out = DType::bf16;
    try {
      plans.prepare(narrowing);
      ADD_FAILURE() << "accepted";
    } catch (const ConfigError& error) {
      EXPECT_THAT(error.what(), testing::HasSubstr("product of (11, 5) transposed and (11, 7) from "
                                                   "f32 to bf16: cuBLASLt has no algorithm"));
      EXPECT_THAT(error.what(), testing::HasSubstr("or layout.micro_batch_size"));
    }
    emulation::take_findings();  // the emulation finds fault with such a question
  });
}

}  // namespace
}  // namespace isoflop
