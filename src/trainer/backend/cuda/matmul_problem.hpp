// SPDX-License-Identifier: MIT
#pragma once

#include "trainer/backend/cuda/matmul.hpp"

#include <cublasLt.h>

#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

namespace isoflop {

template <auto Destroy>
struct LtDestroyer {
  template <typename T>
  void operator()(T* handle) const noexcept {
    Destroy(handle);
  }
};
template <typename Handle, auto Destroy>
using LtOwned = std::unique_ptr<std::remove_pointer_t<Handle>, LtDestroyer<Destroy>>;

/// cublasLtDestroy waits for the GPU: when an exception is on its way, perhaps for ever (as in
/// CudaDevice).
struct DestroyLtHandle {
  void operator()(cublasLtHandle_t handle) const noexcept {
    if (std::uncaught_exceptions() == 0) cublasLtDestroy(handle);
  }
};
using LtHandle = std::unique_ptr<std::remove_pointer_t<cublasLtHandle_t>, DestroyLtHandle>;
using LtMatmulDesc = LtOwned<cublasLtMatmulDesc_t, cublasLtMatmulDescDestroy>;
using LtMatrixLayout = LtOwned<cublasLtMatrixLayout_t, cublasLtMatrixLayoutDestroy>;

/// A MatmulShape in cuBLASLt's terms.
struct MatmulProblem {
  LtMatmulDesc desc;
  LtMatrixLayout a, b, c;  ///< as we name them
};
MatmulProblem describe(const MatmulShape& shape);

/// A way to compute a product, and what it takes of workspace.
struct MatmulAlgorithm {
  cublasLtMatmulAlgo_t algo{};
  int64_t workspace_bytes = 0;
};

/// At most n, the one first that cuBLASLt expects to be fastest. Each gives the same bits for the
/// same operands every time: products that are split along K keep their parts in f32 and add them
/// in a step of their own, in a fixed order, and cuBLAS promises as much of all its routines that
/// have a workspace of their own (docs.nvidia.com/cuda/cublas, "Results Reproducibility"; no
/// attribute tells of kernels for which it does not hold). Two of them may differ in the order of
/// sums.
std::vector<MatmulAlgorithm> find_algorithms(cublasLtHandle_t handle, const MatmulShape& shape,
                                             const MatmulProblem& problem, int n);
/// One that was found before, perhaps by another process; nothing when this GPU and library refuse
/// it.
std::optional<MatmulAlgorithm> check_algorithm(cublasLtHandle_t handle,
                                               const MatmulProblem& problem,
                                               const cublasLtMatmulAlgo_t& algo);

/// Where the matrices of a product are.
struct MatmulOperands {
  void* c = nullptr;
  const void *a = nullptr, *b = nullptr, *bias = nullptr;
  void* aux = nullptr;
};
/// Enqueues a product; workspace has algorithm.workspace_bytes. An algorithm that was found or
/// checked may still fail here (cublasLt.h, cublasLtMatmulAlgoCheck: success "doesn't fully
/// guarantee algo will run").
[[nodiscard]] cublasStatus_t enqueue_product(cublasLtHandle_t handle, const MatmulProblem& problem,
                                             const MatmulAlgorithm& algorithm,
                                             const MatmulOperands& operands,
                                             const MatmulBlend& blend, void* workspace,
                                             cudaStream_t stream);

/// An operand as stored: its matrices of one batch (rows, cols), in elements.
struct MatmulOperand {
  DType dtype;
  int64_t rows, cols, stride, step;
};
MatmulOperand a_of(const MatmulShape& shape);
MatmulOperand b_of(const MatmulShape& shape);
MatmulOperand c_of(const MatmulShape& shape);

/// Alignment in bytes of every row of an operand, and so of a slice that starts at any row.
int64_t row_alignment(const MatmulShape& shape, const MatmulOperand& operand);
/// Of a bias and of aux, and so of its rows.
inline constexpr int64_t kPromisedAlignment = 16;

/// "product of (8192, 4096) and (4096, 4096) transposed from bf16 to f32".
std::string to_string(const MatmulShape& shape);

}  // namespace isoflop
