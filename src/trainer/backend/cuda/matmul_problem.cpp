// SPDX-License-Identifier: MIT
#include "trainer/backend/cuda/matmul_problem.hpp"

#include "core/base/check.hpp"
#include "core/base/error.hpp"
#include "trainer/backend/cuda/cuda_error.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

namespace isoflop {
namespace {

/// What an algorithm may take at most: the workspace NVIDIA recommends for sm90 and sm100
/// (docs.nvidia.com/cuda/cublas, cublasSetWorkspace).
constexpr uint64_t kWorkspaceLimit = uint64_t{32} << 20;

/// The best alignment that kernels ask for: vector loads of 16 bytes.
constexpr int64_t kVectorBytes = 16;

using Preference = LtOwned<cublasLtMatmulPreference_t, cublasLtMatmulPreferenceDestroy>;

cudaDataType_t cuda_type(DType dtype) {
  if (dtype == DType::bf16) return CUDA_R_16BF;
  if (dtype == DType::f16) return CUDA_R_16F;
  ISOFLOP_CHECK(dtype == DType::f32);
  return CUDA_R_32F;
}

template <typename T>
void set(const LtMatmulDesc& desc, cublasLtMatmulDescAttributes_t attribute, const T& value) {
  check_cublas(cublasLtMatmulDescSetAttribute(desc.get(), attribute, &value, sizeof value),
               "cublasLtMatmulDescSetAttribute");
}

template <typename T>
void set(const Preference& preference, cublasLtMatmulPreferenceAttributes_t attribute, T value) {
  check_cublas(
      cublasLtMatmulPreferenceSetAttribute(preference.get(), attribute, &value, sizeof value),
      "cublasLtMatmulPreferenceSetAttribute");
}

template <typename T>
void set(const LtMatrixLayout& layout, cublasLtMatrixLayoutAttribute_t attribute, T value) {
  check_cublas(cublasLtMatrixLayoutSetAttribute(layout.get(), attribute, &value, sizeof value),
               "cublasLtMatrixLayoutSetAttribute");
}

/// A row-major (rows, cols) matrix is, to cuBLAS, its transpose in column-major order.
LtMatrixLayout row_major(const MatmulOperand& operand, int64_t n_batch) {
  cublasLtMatrixLayout_t raw = nullptr;
  check_cublas(cublasLtMatrixLayoutCreate(&raw, cuda_type(operand.dtype),
                                          static_cast<uint64_t>(operand.cols),
                                          static_cast<uint64_t>(operand.rows), operand.stride),
               "cublasLtMatrixLayoutCreate");
  LtMatrixLayout layout(raw);
  if (n_batch == 1) return layout;
  set(layout, CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, static_cast<int32_t>(n_batch));
  set(layout, CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET, operand.step);
  return layout;
}

cublasLtEpilogue_t epilogue_of(const MatmulShape& shape) {
  switch (shape.epilogue) {
    case MatmulEpilogue::none:
      return shape.has_bias ? CUBLASLT_EPILOGUE_BIAS : CUBLASLT_EPILOGUE_DEFAULT;
    case MatmulEpilogue::gelu:
      return shape.has_bias ? CUBLASLT_EPILOGUE_GELU_AUX_BIAS : CUBLASLT_EPILOGUE_GELU_AUX;
    case MatmulEpilogue::gelu_gradient:
      ISOFLOP_CHECK(!shape.has_bias);
      return CUBLASLT_EPILOGUE_DGELU;
  }
  return CUBLASLT_EPILOGUE_DEFAULT;
}

/// c^T = op(b)^T op(a)^T: cuBLAS sees all matrices transposed, and its A is our b.
LtMatmulDesc describe_operation(const MatmulShape& shape) {
  cublasLtMatmulDesc_t raw = nullptr;
  check_cublas(cublasLtMatmulDescCreate(&raw, CUBLAS_COMPUTE_32F, CUDA_R_32F),
               "cublasLtMatmulDescCreate");
  LtMatmulDesc desc(raw);
  set(desc, CUBLASLT_MATMUL_DESC_TRANSA, shape.transpose_b ? CUBLAS_OP_T : CUBLAS_OP_N);
  set(desc, CUBLASLT_MATMUL_DESC_TRANSB, shape.transpose_a ? CUBLAS_OP_T : CUBLAS_OP_N);
  set(desc, CUBLASLT_MATMUL_DESC_EPILOGUE, epilogue_of(shape));
  // The heuristic reads the promised alignment off these addresses; the product sets the real ones.
  const auto promised = reinterpret_cast<const void*>(kPromisedAlignment);
  if (shape.has_bias) {
    set(desc, CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE, static_cast<int32_t>(cuda_type(shape.out)));
    set(desc, CUBLASLT_MATMUL_DESC_BIAS_POINTER, promised);
  }
  if (shape.epilogue != MatmulEpilogue::none) {
    set(desc, CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_LD, shape.c_stride);
    set(desc, CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_POINTER, promised);
  }
  return desc;
}

/// Split sums are kept in f32 and added in a step of their own: nothing is rounded to the output's
/// type on the way.
Preference preference_for(const MatmulShape& shape) {
  cublasLtMatmulPreference_t raw = nullptr;
  check_cublas(cublasLtMatmulPreferenceCreate(&raw), "cublasLtMatmulPreferenceCreate");
  Preference preference(raw);
  set(preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, kWorkspaceLimit);
  set(preference, CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK,
      static_cast<uint32_t>(CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE));
  const auto a = static_cast<uint32_t>(row_alignment(shape, a_of(shape)));
  const auto b = static_cast<uint32_t>(row_alignment(shape, b_of(shape)));
  const auto c = static_cast<uint32_t>(row_alignment(shape, c_of(shape)));
  set(preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, b);
  set(preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, a);
  set(preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, c);
  set(preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, c);
  return preference;
}

std::string_view epilogue_text(MatmulEpilogue epilogue) {
  if (epilogue == MatmulEpilogue::none) return "";
  return epilogue == MatmulEpilogue::gelu ? " with GELU" : " with GELU's gradient";
}

std::string_view transposed(bool is_transposed) { return is_transposed ? " transposed" : ""; }

MatmulAlgorithm algorithm_of(const cublasLtMatmulAlgo_t& algo, std::size_t workspace_bytes) {
  return {algo, static_cast<int64_t>(workspace_bytes)};
}

}  // namespace

MatmulOperand a_of(const MatmulShape& s) {
  return {s.in, s.transpose_a ? s.K : s.M, s.transpose_a ? s.M : s.K, s.a_stride, s.a_step};
}

MatmulOperand b_of(const MatmulShape& s) {
  return {s.in, s.transpose_b ? s.N : s.K, s.transpose_b ? s.K : s.N, s.b_stride, s.b_step};
}

MatmulOperand c_of(const MatmulShape& s) { return {s.out, s.M, s.N, s.c_stride, s.c_step}; }

int64_t row_alignment(const MatmulShape& shape, const MatmulOperand& operand) {
  const int64_t step = shape.n_batch > 1 ? operand.step : 0;
  const int64_t bytes = (operand.stride | step | shape.starts) * size_of(operand.dtype);
  return std::min(kVectorBytes, bytes & -bytes);
}

std::string to_string(const MatmulShape& s) {
  const MatmulOperand a = a_of(s), b = b_of(s);
  return fmt::format("product of ({}, {}){} and ({}, {}){} from {} to {}{}", a.rows, a.cols,
                     transposed(s.transpose_a), b.rows, b.cols, transposed(s.transpose_b),
                     to_string(s.in), to_string(s.out), epilogue_text(s.epilogue));
}

MatmulProblem describe(const MatmulShape& s) {
  ISOFLOP_CHECK(s.n_batch >= 1);
  ISOFLOP_CHECK(s.n_batch == 1 || (!s.has_bias && s.epilogue == MatmulEpilogue::none));
  return {describe_operation(s), row_major(a_of(s), s.n_batch), row_major(b_of(s), s.n_batch),
          row_major(c_of(s), s.n_batch)};
}

std::vector<MatmulAlgorithm> find_algorithms(cublasLtHandle_t handle, const MatmulShape& shape,
                                             const MatmulProblem& problem, int n) {
  const Preference preference = preference_for(shape);
  std::vector<cublasLtMatmulHeuristicResult_t> results(static_cast<std::size_t>(n));
  int n_results = 0;
  const cublasStatus_t status = cublasLtMatmulAlgoGetHeuristic(
      handle, problem.desc.get(), problem.b.get(), problem.a.get(), problem.c.get(),
      problem.c.get(), preference.get(), n, results.data(), &n_results);
  if (status != CUBLAS_STATUS_SUCCESS && status != CUBLAS_STATUS_NOT_SUPPORTED)
    check_cublas(status, "cublasLtMatmulAlgoGetHeuristic");
  results.resize(static_cast<std::size_t>(n_results));
  std::vector<MatmulAlgorithm> found;
  for (const cublasLtMatmulHeuristicResult_t& result : results)
    if (result.state == CUBLAS_STATUS_SUCCESS)
      found.push_back(algorithm_of(result.algo, result.workspaceSize));
  return found;
}

std::optional<MatmulAlgorithm> check_algorithm(cublasLtHandle_t handle,
                                               const MatmulProblem& problem,
                                               const cublasLtMatmulAlgo_t& algo) {
  cublasLtMatmulHeuristicResult_t result{};
  const cublasStatus_t status =
      cublasLtMatmulAlgoCheck(handle, problem.desc.get(), problem.b.get(), problem.a.get(),
                              problem.c.get(), problem.c.get(), &algo, &result);
  if (status != CUBLAS_STATUS_SUCCESS || result.workspaceSize > kWorkspaceLimit)
    return std::nullopt;
  return algorithm_of(algo, result.workspaceSize);
}

cublasStatus_t enqueue_product(cublasLtHandle_t handle, const MatmulProblem& problem,
                               const MatmulAlgorithm& algorithm, const MatmulOperands& operands,
                               const MatmulBlend& blend, void* workspace, cudaStream_t stream) {
  if (operands.bias != nullptr) set(problem.desc, CUBLASLT_MATMUL_DESC_BIAS_POINTER, operands.bias);
  if (operands.aux != nullptr)
    set(problem.desc, CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_POINTER, operands.aux);
  const cublasStatus_t status = cublasLtMatmul(
      handle, problem.desc.get(), &blend.alpha, operands.b, problem.b.get(), operands.a,
      problem.a.get(), &blend.beta, blend.addend, problem.c.get(), operands.c, problem.c.get(),
      &algorithm.algo, workspace, static_cast<std::size_t>(algorithm.workspace_bytes), stream);
  if (status != CUBLAS_STATUS_SUCCESS) cudaGetLastError();  // the status tells
  return status;
}

}  // namespace isoflop
