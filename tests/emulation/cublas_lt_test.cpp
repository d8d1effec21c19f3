// SPDX-License-Identifier: MIT
#include "emulation/test_gpu.hpp"

#include <cublasLt.h>

#include <cmath>
#include <cstdint>

namespace isoflop::emulation {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

struct Stored {
  cudaDataType_t type = CUDA_R_32F;
  int64_t rows = 0, cols = 0, ld = 0;
  int64_t batch_offset = 0;  ///< of Product::n_batch matrices
};

/// Everything that one cublasLtMatmul takes, with its handles; a test changes what it is about.
struct Product {
  Stored a, b, d;
  cublasOperation_t transpose_a = CUBLAS_OP_N, transpose_b = CUBLAS_OP_N;
  bool has_bias = false;
  int32_t n_batch = 1;
  uint64_t max_workspace_bytes = 4096;
  uint32_t alignment = 256;

  cublasLtHandle_t handle = nullptr;
  cublasLtMatmulDesc_t desc = nullptr;
  cublasLtMatrixLayout_t a_layout = nullptr, b_layout = nullptr, d_layout = nullptr;
  cublasLtMatmulHeuristicResult_t result{};
  cublasStatus_t status = CUBLAS_STATUS_SUCCESS;  ///< of the last ask

  cublasStatus_t create() {
    cublasLtCreate(&handle);
    cublasLtMatmulDescCreate(&desc, CUBLAS_COMPUTE_32F, CUDA_R_32F);
    set(CUBLASLT_MATMUL_DESC_TRANSA, transpose_a);
    set(CUBLASLT_MATMUL_DESC_TRANSB, transpose_b);
    if (has_bias) set(CUBLASLT_MATMUL_DESC_EPILOGUE, CUBLASLT_EPILOGUE_BIAS);
    a_layout = layout(a);
    b_layout = layout(b);
    d_layout = layout(d);
    return ask();
  }

  template <typename T>
  void set(cublasLtMatmulDescAttributes_t attribute, T value) {
    EXPECT_EQ(cublasLtMatmulDescSetAttribute(desc, attribute, &value, sizeof(value)),
              CUBLAS_STATUS_SUCCESS);
  }

  cublasLtMatrixLayout_t layout(const Stored& stored) const {
    cublasLtMatrixLayout_t made = nullptr;
    EXPECT_EQ(cublasLtMatrixLayoutCreate(&made, stored.type, static_cast<uint64_t>(stored.rows),
                                         static_cast<uint64_t>(stored.cols), stored.ld),
              CUBLAS_STATUS_SUCCESS);
    if (n_batch == 1) return made;
    EXPECT_EQ(cublasLtMatrixLayoutSetAttribute(made, CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, &n_batch,
                                               sizeof(n_batch)),
              CUBLAS_STATUS_SUCCESS);
    EXPECT_EQ(cublasLtMatrixLayoutSetAttribute(made, CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET,
                                               &stored.batch_offset, sizeof(stored.batch_offset)),
              CUBLAS_STATUS_SUCCESS);
    return made;
  }

  cublasStatus_t ask() {
    const std::vector<cublasLtMatmulHeuristicResult_t> results = ask_for(1);
    if (!results.empty()) result = results.front();
    return status;
  }

  std::vector<cublasLtMatmulHeuristicResult_t> ask_for(int n_requested) {
    cublasLtMatmulPreference_t preference = nullptr;
    cublasLtMatmulPreferenceCreate(&preference);
    cublasLtMatmulPreferenceSetAttribute(preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES,
                                         &max_workspace_bytes, sizeof(max_workspace_bytes));
    for (const auto attribute :
         {CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES,
          CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES})
      cublasLtMatmulPreferenceSetAttribute(preference, attribute, &alignment, sizeof(alignment));
    int n = 0;
    std::vector<cublasLtMatmulHeuristicResult_t> results(static_cast<std::size_t>(n_requested));
    status = cublasLtMatmulAlgoGetHeuristic(handle, desc, a_layout, b_layout, d_layout, d_layout,
                                            preference, n_requested, results.data(), &n);
    EXPECT_EQ(n > 0, status == CUBLAS_STATUS_SUCCESS);
    results.resize(static_cast<std::size_t>(n));
    cublasLtMatmulPreferenceDestroy(preference);
    return results;
  }

  cublasStatus_t run(TestGpu& gpu, const void* a_data, const void* b_data, void* d_data,
                     float alpha, float beta) {
    void* const workspace =
        result.workspaceSize ? gpu.allocate<std::byte>(result.workspaceSize) : nullptr;
    return cublasLtMatmul(handle, desc, &alpha, a_data, a_layout, b_data, b_layout, &beta, d_data,
                          d_layout, d_data, d_layout, &result.algo, workspace, result.workspaceSize,
                          gpu.stream());
  }
};

/// Values that tell every place from every other.
std::vector<float> pattern(int64_t n, float step) {
  std::vector<float> values;
  for (int64_t i = 0; i < n; ++i) values.push_back(std::sin(step * static_cast<float>(i + 1)));
  return values;
}

float element(const std::vector<float>& values, const Stored& m, bool transposed, int64_t row,
              int64_t col) {
  return values[static_cast<std::size_t>(transposed ? col + row * m.ld : row + col * m.ld)];
}

/// alpha op(a) op(b) + beta d by the textbook.
std::vector<float> expected(const Product& p, const std::vector<float>& a,
                            const std::vector<float>& b, std::vector<float> d, float alpha,
                            float beta) {
  const int64_t inner = p.transpose_a == CUBLAS_OP_T ? p.a.rows : p.a.cols;
  for (int64_t col = 0; col < p.d.cols; ++col)
    for (int64_t row = 0; row < p.d.rows; ++row) {
      double sum = 0;
      for (int64_t k = 0; k < inner; ++k)
        sum += static_cast<double>(element(a, p.a, p.transpose_a == CUBLAS_OP_T, row, k)) *
               static_cast<double>(element(b, p.b, p.transpose_b == CUBLAS_OP_T, k, col));
      float& out = d[static_cast<std::size_t>(row + col * p.d.ld)];
      out = static_cast<float>(alpha * sum + (beta == 0 ? 0 : static_cast<double>(beta * out)));
    }
  return d;
}

/// (5 x 7) = op(a) op(b) with inner dimension 3 and gaps between columns.
Product small_product(bool transpose_a, bool transpose_b) {
  Product p;
  p.transpose_a = transpose_a ? CUBLAS_OP_T : CUBLAS_OP_N;
  p.transpose_b = transpose_b ? CUBLAS_OP_T : CUBLAS_OP_N;
  p.a = transpose_a ? Stored{CUDA_R_32F, 3, 5, 4} : Stored{CUDA_R_32F, 5, 3, 6};
  p.b = transpose_b ? Stored{CUDA_R_32F, 7, 3, 8} : Stored{CUDA_R_32F, 3, 7, 5};
  p.d = {CUDA_R_32F, 5, 7, 9};
  return p;
}

void expect_near(const std::vector<float>& got, const std::vector<float>& want, float tolerance) {
  ASSERT_EQ(got.size(), want.size());
  for (std::size_t i = 0; i < got.size(); ++i) {
    if (std::isnan(want[i]))
      EXPECT_TRUE(std::isnan(got[i])) << "at " << i;
    else
      EXPECT_NEAR(got[i], want[i], tolerance) << "at " << i;
  }
}

TEST(CublasLt, multiplies_every_transposition_and_keeps_gaps) {
  EXPECT_THAT(run_and_find(1,
                           [](TestGpu& gpu, int) {
                             for (const int which : {0, 1, 2, 3}) {
                               Product p = small_product(which & 1, which & 2);
                               ASSERT_EQ(p.create(), CUBLAS_STATUS_SUCCESS);
                               const auto a = pattern(40, 0.3f), b = pattern(40, 0.7f),
                                          d = pattern(63, 1.1f);
                               float* const out = gpu.upload(d);
                               p.run(gpu, gpu.upload(a), gpu.upload(b), out, 2.0f, 0.5f);
                               expect_near(gpu.download(out, d.size()),
                                           expected(p, a, b, d, 2.0f, 0.5f), 1e-6f);
                             }
                           }),
              IsEmpty());
}

/// Three products with gaps between the matrices of each operand.
Product small_batch() {
  Product p = small_product(false, true);
  p.n_batch = 3;
  p.alignment = 16;
  p.a.batch_offset = 20;
  p.b.batch_offset = 24;
  p.d.batch_offset = 64;
  return p;
}

TEST(CublasLt, multiplies_the_matrices_of_a_batch) {
  const auto from = [](const std::vector<float>& values, int64_t i) {
    return std::vector<float>(values.begin() + i, values.end());
  };
  EXPECT_THAT(run_and_find(1,
                           [&](TestGpu& gpu, int) {
                             Product p = small_batch();
                             ASSERT_EQ(p.create(), CUBLAS_STATUS_SUCCESS);
                             const auto a = pattern(60, 0.3f), b = pattern(72, 0.7f);
                             std::vector<float> d = pattern(192, 1.1f);
                             float* const out = gpu.upload(d);
                             p.run(gpu, gpu.upload(a), gpu.upload(b), out, 2.0f, 0.5f);
                             for (const int64_t i : {0, 1, 2}) {
                               const auto one = expected(p, from(a, 20 * i), from(b, 24 * i),
                                                         from(d, 64 * i), 2.0f, 0.5f);
                               std::copy(one.begin(), one.end(), d.begin() + 64 * i);
                             }
                             expect_near(gpu.download(out, d.size()), d, 1e-6f);
                           }),
              IsEmpty());
}

/// What cublasLtMatmulAlgoCheck says of an algorithm for a product.
cublasStatus_t check(const Product& p, const cublasLtMatmulAlgo_t& algo) {
  cublasLtMatmulHeuristicResult_t result{};
  const cublasStatus_t status = cublasLtMatmulAlgoCheck(p.handle, p.desc, p.a_layout, p.b_layout,
                                                        p.d_layout, p.d_layout, &algo, &result);
  if (status == CUBLAS_STATUS_SUCCESS) {
    EXPECT_EQ(result.workspaceSize, p.result.workspaceSize);
  }
  return status;
}

TEST(CublasLt, algorithms_add_up_in_different_orders) {
  EXPECT_THAT(run_and_find(1,
                           [](TestGpu& gpu, int) {
                             Product p = small_product(false, false);
                             ASSERT_EQ(p.create(), CUBLAS_STATUS_SUCCESS);
                             const std::vector<cublasLtMatmulHeuristicResult_t> all = p.ask_for(8);
                             ASSERT_EQ(all.size(), 3U);
                             EXPECT_EQ(p.ask_for(2).size(), 2U);
                             // 1 + 2^-24 + 2^-24 in three orders of f32
                             const float tiny = std::ldexp(1.0f, -24);
                             std::vector<float> a(40, 0.0f), b(40, 1.0f), sums;
                             for (int k = 0; k < 3; ++k) a[6 * k] = k == 0 ? 1.0f : tiny;
                             for (const auto& result : all) {
                               p.result = result;
                               float* const out = gpu.upload(std::vector<float>(63));
                               p.run(gpu, gpu.upload(a), gpu.upload(b), out, 1.0f, 0.0f);
                               sums.push_back(gpu.download(out, 63).front());
                             }
                             EXPECT_EQ(sums[0], 1.0f);
                             EXPECT_EQ(sums[1], 1.0f + 2 * tiny) << "1 and the sum of the others";
                             EXPECT_EQ(sums[2], 1.0f);
                           }),
              IsEmpty());
}

TEST(CublasLt, an_algorithm_is_checked_for_the_product_and_the_gpu) {
  EXPECT_THAT(run_and_find(1,
                           [](TestGpu&, int) {
                             Product p = small_product(false, false);
                             Product other = small_product(true, false);
                             ASSERT_EQ(p.create(), CUBLAS_STATUS_SUCCESS);
                             ASSERT_EQ(other.create(), CUBLAS_STATUS_SUCCESS);
                             EXPECT_EQ(check(p, p.result.algo), CUBLAS_STATUS_SUCCESS);
                             EXPECT_EQ(check(p, other.result.algo), CUBLAS_STATUS_INVALID_VALUE);
                             EXPECT_EQ(check(p, {}), CUBLAS_STATUS_INVALID_VALUE);
                           }),
              IsEmpty());
}

TEST(CublasLt, beta_zero_does_not_read_what_was_there) {
  EXPECT_THAT(run_and_find(1,
                           [](TestGpu& gpu, int) {
                             Product p = small_product(false, false);
                             p.d.ld = 5;
                             p.create();
                             const auto a = pattern(40, 0.3f), b = pattern(40, 0.7f);
                             float* const out = gpu.upload(std::vector<float>(35, kNan));
                             p.run(gpu, gpu.upload(a), gpu.upload(b), out, 1.0f, 0.0f);
                             expect_near(gpu.download(out, 35),
                                         expected(p, a, b, std::vector<float>(35), 1.0f, 0.0f),
                                         1e-6f);
                           }),
              IsEmpty());
}

TEST(CublasLt, bias_has_one_value_per_row) {
  EXPECT_THAT(
      run_and_find(
          1,
          [](TestGpu& gpu, int) {
            Product p;
            p.a = {CUDA_R_16BF, 2, 1, 2};
            p.b = {CUDA_R_16BF, 1, 2, 1};
            p.d = {CUDA_R_16BF, 2, 2, 2};
            p.has_bias = true;
            p.create();
            p.set(CUBLASLT_MATMUL_DESC_BIAS_POINTER,
                  static_cast<const void*>(gpu.upload(to_bf16({100, 200}))));
            __nv_bfloat16* const out = gpu.allocate<__nv_bfloat16>(4);
            p.run(gpu, gpu.upload(to_bf16({1, 2})), gpu.upload(to_bf16({3, 4})), out, 1.0f, 0.0f);
            EXPECT_THAT(to_f32(gpu.download(out, 4)), ::testing::ElementsAre(103, 206, 104, 208));
          }),
      IsEmpty());
}

/// (2 x 1) from the inner dimension 2, with an auxiliary matrix.
Product product_with_aux(cudaDataType_t type, cublasLtEpilogue_t epilogue) {
  Product p;
  p.a = {type, 2, 2, 2};
  p.b = {type, 2, 1, 2};
  p.d = {type, 2, 1, 2};
  p.alignment = 16;
  EXPECT_EQ(p.create(), CUBLAS_STATUS_SUCCESS);
  p.set(CUBLASLT_MATMUL_DESC_EPILOGUE, epilogue);
  p.set(CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_LD, int64_t{8});
  EXPECT_EQ(p.ask(), CUBLAS_STATUS_SUCCESS);
  return p;
}

TEST(CublasLt, gelu_is_of_the_sums_before_they_are_rounded) {
  EXPECT_THAT(
      run_and_find(1,
                   [](TestGpu& gpu, int) {
                     Product p = product_with_aux(CUDA_R_16BF, CUBLASLT_EPILOGUE_GELU_AUX_BIAS);
                     __nv_bfloat16* const out = gpu.allocate<__nv_bfloat16>(2);
                     __nv_bfloat16* const aux = gpu.allocate<__nv_bfloat16>(2);
                     p.set(CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_POINTER, static_cast<void*>(aux));
                     p.set(CUBLASLT_MATMUL_DESC_BIAS_POINTER,
                           static_cast<const void*>(gpu.upload(to_bf16({0, -2}))));
                     // sums 1 + 2^-9 and, with the bias, -1 + 2^-9
                     p.run(gpu, gpu.upload(to_bf16({1, 1, 1, 1})),
                           gpu.upload(to_bf16({1, std::ldexp(1.0f, -9)})), out, 1.0f, 0.0f);
                     EXPECT_THAT(to_f32(gpu.download(aux, 2)), ::testing::ElementsAre(1, -1));
                     // GELU(1) = 0.8412 is 0.83984375 in bf16, and 0.8433, of the sum, 0.84375
                     EXPECT_EQ(to_f32(gpu.download(out, 2))[0], 0.84375f);
                     EXPECT_NEAR(to_f32(gpu.download(out, 2))[1], -0.1588f, 1e-3f);
                   }),
      IsEmpty());
}

TEST(CublasLt, gelus_gradient_is_of_what_aux_holds) {
  EXPECT_THAT(
      run_and_find(
          1,
          [](TestGpu& gpu, int) {
            Product p = product_with_aux(CUDA_R_32F, CUBLASLT_EPILOGUE_DGELU);
            float* const out = gpu.allocate<float>(2);
            p.set(CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_POINTER,
                  static_cast<void*>(gpu.upload<float>({1, -1})));
            p.run(gpu, gpu.upload<float>({1, 2, 1, 1}), gpu.upload<float>({1, 1}), out, 1.0f, 0.0f);
            // the tanh form's slopes at 1 and -1
            expect_near(gpu.download(out, 2), {2 * 1.0829641f, 3 * -0.0829641f}, 1e-6f);
          }),
      IsEmpty());
}

TEST(CublasLt, a_gpu_may_lack_products_with_gelu) {
  Options options;
  options.has_gelu_products = false;
  EXPECT_THAT(run_and_find(options,
                           [](TestGpu&, int) {
                             Product p = small_product(false, false);
                             EXPECT_EQ(p.create(), CUBLAS_STATUS_SUCCESS);
                             p.set(CUBLASLT_MATMUL_DESC_EPILOGUE, CUBLASLT_EPILOGUE_DGELU);
                             p.set(CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_LD, int64_t{8});
                             EXPECT_EQ(p.ask(), CUBLAS_STATUS_NOT_SUPPORTED);
                           }),
              IsEmpty());
}

TEST(CublasLt, faults_of_the_auxiliary_matrix_are_found) {
  const std::string findings = run_and_find(1, [](TestGpu& gpu, int) {
    float* const data = gpu.upload(std::vector<float>(1024));
    Product p = product_with_aux(CUDA_R_32F, CUBLASLT_EPILOGUE_GELU_AUX);
    for (float* const aux : {static_cast<float*>(nullptr), data + 1, data + 256}) {
      p.set(CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_POINTER, static_cast<void*>(aux));
      EXPECT_NE(p.run(gpu, data, data + 128, data + 256, 1.0f, 0.0f), CUBLAS_STATUS_SUCCESS);
    }
    p.set(CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_LD, int64_t{12});
    EXPECT_EQ(p.ask(), CUBLAS_STATUS_NOT_SUPPORTED);
    p.set(CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_LD, int64_t{0});
    EXPECT_EQ(p.ask(), CUBLAS_STATUS_NOT_SUPPORTED);
  });
  EXPECT_THAT(findings, HasSubstr("aux pointer is null"));
  EXPECT_THAT(findings, HasSubstr("is not aligned to 16 bytes as the algorithm was promised"));
  EXPECT_THAT(findings, HasSubstr("D overlaps aux"));
  EXPECT_THAT(findings, HasSubstr("aux ld 12 is no multiple of 8"));
  EXPECT_THAT(findings, HasSubstr("aux ld 0 of 2 rows"));
}

TEST(CublasLt, bf16_operands_accumulate_into_f32) {
  EXPECT_THAT(run_and_find(1,
                           [](TestGpu& gpu, int) {
                             Product p;
                             p.a = {CUDA_R_16BF, 1, 3, 1};
                             p.b = {CUDA_R_16BF, 3, 1, 3};
                             p.d = {CUDA_R_32F, 1, 1, 1};
                             p.create();
                             float* const out = gpu.upload<float>({0.25f});
                             p.run(gpu, gpu.upload(to_bf16({256, 1, 1})),
                                   gpu.upload(to_bf16({1, 1, 1})), out, 1.0f, 1.0f);
                             EXPECT_EQ(gpu.download(out, 1)[0], 258.25f);
                           }),
              IsEmpty());
}

/// Findings of a product whose call is spoilt by `spoil`; it must not succeed.
std::string findings_of(
    const std::function<cublasStatus_t(TestGpu&, Product&, float* data)>& spoil) {
  return run_and_find(1, [&](TestGpu& gpu, int) {
    Product p = small_product(false, false);
    p.create();
    EXPECT_NE(spoil(gpu, p, gpu.upload(std::vector<float>(1024))), CUBLAS_STATUS_SUCCESS);
  });
}

TEST(CublasLt, algorithm_of_another_product_is_found) {
  EXPECT_THAT(findings_of([](TestGpu& gpu, Product& p, float* data) {
                p.set(CUBLASLT_MATMUL_DESC_EPILOGUE, CUBLASLT_EPILOGUE_BIAS);
                return p.run(gpu, data, data + 128, data + 256, 1.0f, 0.0f);
              }),
              HasSubstr("algo was chosen for another product"));
}

TEST(CublasLt, less_alignment_than_promised_is_found) {
  EXPECT_THAT(findings_of([](TestGpu& gpu, Product& p, float* data) {
                return p.run(gpu, data, data + 132, data + 256, 1.0f, 0.0f);
              }),
              HasSubstr("not aligned to 256 bytes as the algorithm was promised"));
}

TEST(CublasLt, output_over_an_operand_is_found) {
  EXPECT_THAT(findings_of([](TestGpu& gpu, Product& p, float* data) {
                return p.run(gpu, data, data + 128, data, 1.0f, 0.0f);
              }),
              HasSubstr("D overlaps A"));
}

TEST(CublasLt, faults_of_later_matrices_of_a_batch_are_found) {
  const std::string findings = run_and_find(1, [](TestGpu& gpu, int) {
    float* const data = gpu.upload(std::vector<float>(1024));
    Product p = small_batch();
    EXPECT_EQ(p.create(), CUBLAS_STATUS_SUCCESS);
    EXPECT_NE(p.run(gpu, data + 152, data + 256, data, 1.0f, 0.0f), CUBLAS_STATUS_SUCCESS);
    p.alignment = 256;
    EXPECT_EQ(p.ask(), CUBLAS_STATUS_SUCCESS);
    EXPECT_NE(p.run(gpu, data, data + 128, data + 256, 1.0f, 0.0f), CUBLAS_STATUS_SUCCESS);
    Product uneven = small_batch();
    uneven.a.batch_offset = 0;
    EXPECT_EQ(uneven.create(), CUBLAS_STATUS_SUCCESS);
    const int32_t two = 2;
    cublasLtMatrixLayoutSetAttribute(uneven.a_layout, CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, &two,
                                     sizeof(two));
    EXPECT_EQ(uneven.ask(), CUBLAS_STATUS_NOT_SUPPORTED);
    Product dense = small_batch();
    dense.d.batch_offset = 62;
    EXPECT_EQ(dense.create(), CUBLAS_STATUS_NOT_SUPPORTED);
    Product biased = small_batch();
    biased.has_bias = true;
    EXPECT_EQ(biased.create(), CUBLAS_STATUS_NOT_SUPPORTED);
  });
  EXPECT_THAT(findings, HasSubstr("second A at"));
  EXPECT_THAT(findings, HasSubstr("D overlaps A"));
  EXPECT_THAT(findings, HasSubstr("batches of 2 and 3 matrices"));
  EXPECT_THAT(findings, HasSubstr("matrices of D overlap: 62 elements apart"));
  EXPECT_THAT(findings, HasSubstr("the epilogue of a batch is not emulated"));
}

TEST(CublasLt, workspace_smaller_than_asked_for_is_found) {
  EXPECT_THAT(findings_of([](TestGpu& gpu, Product& p, float* data) {
                p.result.workspaceSize = 256;
                return p.run(gpu, data, data + 128, data + 256, 1.0f, 0.0f);
              }),
              HasSubstr("workspace of 256 bytes, the algorithm takes 4096"));
}

TEST(CublasLt, input_matrix_that_is_scaled_but_not_there_is_found) {
  EXPECT_THAT(findings_of([](TestGpu& gpu, Product& p, float* data) {
                const float one = 1.0f;
                return cublasLtMatmul(p.handle, p.desc, &one, data, p.a_layout, data + 128,
                                      p.b_layout, &one, nullptr, p.d_layout, data + 256, p.d_layout,
                                      &p.result.algo, gpu.allocate<float>(1024), 4096,
                                      gpu.stream());
              }),
              HasSubstr("C is null"));
}

TEST(CublasLt, output_over_a_part_of_the_input_matrix_is_found) {
  EXPECT_THAT(findings_of([](TestGpu& gpu, Product& p, float* data) {
                const float one = 1.0f;
                return cublasLtMatmul(p.handle, p.desc, &one, data, p.a_layout, data + 128,
                                      p.b_layout, &one, data + 257, p.d_layout, data + 256,
                                      p.d_layout, &p.result.algo, gpu.allocate<float>(1024), 4096,
                                      gpu.stream());
              }),
              HasSubstr("D overlaps C"));
}

TEST(CublasLt, destroyed_layout_is_found) {
  EXPECT_THAT(findings_of([](TestGpu& gpu, Product& p, float* data) {
                cublasLtMatrixLayoutDestroy(p.b_layout);
                return p.run(gpu, data, data + 128, data + 256, 1.0f, 0.0f);
              }),
              HasSubstr("cublasLtMatmul B: matrix layout was destroyed before"));
}

TEST(CublasLt, operand_beyond_its_allocation_is_found) {
  EXPECT_THAT(run_and_find(1,
                           [](TestGpu& gpu, int) {
                             Product p = small_product(false, false);
                             p.create();
                             float* const out = gpu.allocate<float>(64);
                             p.run(gpu, gpu.allocate<float>(10), gpu.upload(pattern(40, 1.0f)), out,
                                   1.0f, 0.0f);
                           }),
              HasSubstr("cublasLtMatmul"));
}

TEST(CublasLt, contents_of_the_workspace_are_lost) {
  EXPECT_THAT(run_and_find(1,
                           [](TestGpu& gpu, int) {
                             Product p = small_product(false, false);
                             p.create();
                             float* const data = gpu.upload(std::vector<float>(1024));
                             float* const workspace = gpu.upload(std::vector<float>(1024));
                             const float one = 1.0f, zero = 0.0f;
                             cublasLtMatmul(p.handle, p.desc, &one, data, p.a_layout, data + 128,
                                            p.b_layout, &zero, data + 256, p.d_layout, data + 256,
                                            p.d_layout, &p.result.algo, workspace, 4096,
                                            gpu.stream());
                             EXPECT_TRUE(std::isnan(gpu.download(workspace, 1)[0]));
                           }),
              HasSubstr("where nothing was written"));
}

TEST(CublasLt, handles_that_are_left_are_found) {
  take_findings();
  try {
    run_ranks({.n_rank = 2}, [](int rank) {
      cublasLtHandle_t handle = nullptr;
      cublasLtCreate(&handle);
      if (rank == 0) cublasLtDestroy(handle);
    });
    ADD_FAILURE() << "nothing was found";
  } catch (const std::runtime_error& error) {
    EXPECT_THAT(error.what(), HasSubstr("rank 1: 1 of kind 'cuBLASLt handle' not destroyed"));
    EXPECT_THAT(error.what(), ::testing::Not(HasSubstr("rank 0")));
  }
}

TEST(CublasLt, shapes_and_types_that_do_not_fit_are_refused) {
  const std::string findings = run_and_find(1, [](TestGpu&, int) {
    Product inner = small_product(false, false);
    inner.b.rows = 4;
    EXPECT_EQ(inner.create(), CUBLAS_STATUS_NOT_SUPPORTED);
    Product mixed = small_product(false, false);
    mixed.a.type = CUDA_R_16BF;
    EXPECT_EQ(mixed.create(), CUBLAS_STATUS_NOT_SUPPORTED);
    Product narrow = small_product(false, false);
    narrow.d.type = CUDA_R_16BF;
    EXPECT_EQ(narrow.create(), CUBLAS_STATUS_NOT_SUPPORTED);
    Product other = small_product(false, false);
    other.a.type = other.b.type = CUDA_R_16F;
    other.d.type = CUDA_R_16BF;
    EXPECT_EQ(other.create(), CUBLAS_STATUS_NOT_SUPPORTED);
  });
  EXPECT_THAT(findings, HasSubstr("inner dimensions are 3 and 4"));
  EXPECT_THAT(findings, HasSubstr("not a documented combination"));
}

TEST(CublasLt, unknown_attributes_and_sizes_are_found) {
  const std::string findings = run_and_find(1, [](TestGpu&, int) {
    Product p = small_product(false, false);
    p.create();
    const int64_t value = 1;
    EXPECT_EQ(cublasLtMatmulDescSetAttribute(p.desc, CUBLASLT_MATMUL_DESC_FAST_ACCUM, &value, 1),
              CUBLAS_STATUS_INVALID_VALUE);
    EXPECT_EQ(cublasLtMatmulDescSetAttribute(p.desc, CUBLASLT_MATMUL_DESC_TRANSA, &value, 8),
              CUBLAS_STATUS_INVALID_VALUE);
    EXPECT_EQ(cublasLtMatrixLayoutSetAttribute(p.a_layout, CUBLASLT_MATRIX_LAYOUT_PLANE_OFFSET,
                                               &value, 8),
              CUBLAS_STATUS_INVALID_VALUE);
    cublasLtMatrixLayout_t layout = nullptr;
    EXPECT_EQ(cublasLtMatrixLayoutCreate(&layout, CUDA_R_32F, 4, 4, 3),
              CUBLAS_STATUS_INVALID_VALUE);
  });
  EXPECT_THAT(findings, HasSubstr("attribute 25 is not emulated"));
  EXPECT_THAT(findings, HasSubstr("attribute 3 takes 4 bytes, not 8"));
  EXPECT_THAT(findings, HasSubstr("attribute 7 is not emulated"));
  EXPECT_THAT(findings, HasSubstr("leading dimension 3 of 4 rows"));
}

}  // namespace
}  // namespace isoflop::emulation
