// SPDX-License-Identifier: MIT
#include "trainer/backend/cuda/matmul.hpp"

#include "core/base/check.hpp"
#include "core/base/error.hpp"
#include "trainer/backend/cuda/cuda_device.hpp"
#include "trainer/backend/cuda/cuda_error.hpp"

#include <cublasLt.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <string_view>
#include <type_traits>
#include <utility>

namespace isoflop {
namespace {

/// What a plan may take at most: the workspace NVIDIA recommends for sm90 and sm100
/// (docs.nvidia.com/cuda/cublas, cublasSetWorkspace).
constexpr uint64_t kWorkspaceLimit = uint64_t{32} << 20;

/// The best alignment that kernels ask for: vector loads of 16 bytes.
constexpr int64_t kVectorBytes = 16;

template <auto Destroy>
struct Destroyer {
  template <typename T>
  void operator()(T* handle) const noexcept {
    Destroy(handle);
  }
};
template <typename Handle, auto Destroy>
using Owned = std::unique_ptr<std::remove_pointer_t<Handle>, Destroyer<Destroy>>;

using LtHandle = Owned<cublasLtHandle_t, cublasLtDestroy>;
using MatmulDesc = Owned<cublasLtMatmulDesc_t, cublasLtMatmulDescDestroy>;
using MatrixLayout = Owned<cublasLtMatrixLayout_t, cublasLtMatrixLayoutDestroy>;
using Preference = Owned<cublasLtMatmulPreference_t, cublasLtMatmulPreferenceDestroy>;

cudaDataType_t cuda_type(DType dtype) {
  if (dtype == DType::bf16) return CUDA_R_16BF;
  if (dtype == DType::f16) return CUDA_R_16F;
  ISOFLOP_CHECK(dtype == DType::f32);
  return CUDA_R_32F;
}

/// An operand as stored: its matrices of one batch (rows, cols), in elements.
struct Operand {
  DType dtype;
  int64_t rows, cols, stride, step;
};
Operand a_of(const MatmulShape& s) {
  return {s.in, s.transpose_a ? s.K : s.M, s.transpose_a ? s.M : s.K, s.a_stride, s.a_step};
}
Operand b_of(const MatmulShape& s) {
  return {s.in, s.transpose_b ? s.N : s.K, s.transpose_b ? s.K : s.N, s.b_stride, s.b_step};
}
Operand c_of(const MatmulShape& s) { return {s.out, s.M, s.N, s.c_stride, s.c_step}; }

/// Alignment in bytes of every row of an operand, and so of a slice that starts at any row.
int64_t row_alignment(const MatmulShape& shape, const Operand& operand) {
  const int64_t step = shape.n_batch > 1 ? operand.step : 0;
  const int64_t bytes = (operand.stride | step | shape.starts) * size_of(operand.dtype);
  return std::min(kVectorBytes, bytes & -bytes);
}

template <typename T>
void set(const MatmulDesc& desc, cublasLtMatmulDescAttributes_t attribute, const T& value) {
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
void set(const MatrixLayout& layout, cublasLtMatrixLayoutAttribute_t attribute, T value) {
  check_cublas(cublasLtMatrixLayoutSetAttribute(layout.get(), attribute, &value, sizeof value),
               "cublasLtMatrixLayoutSetAttribute");
}

/// A row-major (rows, cols) matrix is, to cuBLAS, its transpose in column-major order.
MatrixLayout row_major(const Operand& operand, int64_t n_batch) {
  cublasLtMatrixLayout_t raw = nullptr;
  check_cublas(cublasLtMatrixLayoutCreate(&raw, cuda_type(operand.dtype),
                                          static_cast<uint64_t>(operand.cols),
                                          static_cast<uint64_t>(operand.rows), operand.stride),
               "cublasLtMatrixLayoutCreate");
  MatrixLayout layout(raw);
  if (n_batch == 1) return layout;
  set(layout, CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, static_cast<int32_t>(n_batch));
  set(layout, CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET, operand.step);
  return layout;
}

/// c^T = op(b)^T op(a)^T: cuBLAS sees all matrices transposed, and its A is our b.
MatmulDesc describe(const MatmulShape& shape) {
  cublasLtMatmulDesc_t raw = nullptr;
  check_cublas(cublasLtMatmulDescCreate(&raw, CUBLAS_COMPUTE_32F, CUDA_R_32F),
               "cublasLtMatmulDescCreate");
  MatmulDesc desc(raw);
  set(desc, CUBLASLT_MATMUL_DESC_TRANSA, shape.transpose_b ? CUBLAS_OP_T : CUBLAS_OP_N);
  set(desc, CUBLASLT_MATMUL_DESC_TRANSB, shape.transpose_a ? CUBLAS_OP_T : CUBLAS_OP_N);
  if (!shape.has_bias) return desc;
  set(desc, CUBLASLT_MATMUL_DESC_EPILOGUE, CUBLASLT_EPILOGUE_BIAS);
  set(desc, CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE, static_cast<int32_t>(cuda_type(shape.out)));
  // The heuristic reads the promised alignment off this address; run() sets the real one.
  set(desc, CUBLASLT_MATMUL_DESC_BIAS_POINTER, reinterpret_cast<const void*>(kVectorBytes));
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

std::string_view transposed(bool is_transposed) { return is_transposed ? " transposed" : ""; }

[[noreturn]] void refuse(const MatmulShape& s, cublasStatus_t status) {
  throw ConfigError(fmt::format(
      "product of ({}, {}){} and ({}, {}){} from {} to {}: cuBLASLt has no algorithm ({}); change "
      "the model's sizes to multiples of 8, or layout.micro_batch_size",
      s.transpose_a ? s.K : s.M, s.transpose_a ? s.M : s.K, transposed(s.transpose_a),
      s.transpose_b ? s.N : s.K, s.transpose_b ? s.K : s.N, transposed(s.transpose_b),
      to_string(s.in), to_string(s.out), cublasLtGetStatusString(status)));
}

/// Everything that cublasLtMatmul() wants to know about a shape.
struct Plan {
  MatmulDesc desc;
  MatrixLayout a, b, c;  ///< as we name them
  cublasLtMatmulAlgo_t algo{};
  int64_t workspace_bytes = 0;
};

Plan make_plan(cublasLtHandle_t handle, const MatmulShape& s) {
  ISOFLOP_CHECK(s.n_batch >= 1 && !(s.n_batch > 1 && s.has_bias));
  Plan plan{describe(s), row_major(a_of(s), s.n_batch), row_major(b_of(s), s.n_batch),
            row_major(c_of(s), s.n_batch)};
  const Preference preference = preference_for(s);
  cublasLtMatmulHeuristicResult_t result{};
  int n_results = 0;
  const cublasStatus_t status = cublasLtMatmulAlgoGetHeuristic(
      handle, plan.desc.get(), plan.b.get(), plan.a.get(), plan.c.get(), plan.c.get(),
      preference.get(), 1, &result, &n_results);
  if (status != CUBLAS_STATUS_SUCCESS && status != CUBLAS_STATUS_NOT_SUPPORTED)
    check_cublas(status, "cublasLtMatmulAlgoGetHeuristic");
  if (n_results == 0) refuse(s, CUBLAS_STATUS_NOT_SUPPORTED);
  plan.algo = result.algo;
  plan.workspace_bytes = static_cast<int64_t>(result.workspaceSize);
  return plan;
}

[[maybe_unused]] bool is_aligned(const void* data, int64_t bytes) {
  return reinterpret_cast<uintptr_t>(data) % static_cast<uintptr_t>(bytes) == 0;
}

}  // namespace

struct MatmulPlans::Impl {
  LtHandle handle;
  std::map<MatmulShape, Plan> plans;
  int64_t workspace_bytes = 0;  ///< of the most demanding plan

  const Plan& plan(const MatmulShape& shape) {
    const auto found = plans.find(shape);
    if (found != plans.end()) return found->second;
    const Plan& made = plans.emplace(shape, make_plan(handle.get(), shape)).first->second;
    workspace_bytes = std::max(workspace_bytes, made.workspace_bytes);
    return made;
  }

  void execute(const Exec& exec, const MatmulShape& shape, void* c, const void* a, const void* b,
               const MatmulBlend& blend) {
    ISOFLOP_CHECK(is_aligned(a, row_alignment(shape, a_of(shape))));
    ISOFLOP_CHECK(is_aligned(b, row_alignment(shape, b_of(shape))));
    ISOFLOP_CHECK(is_aligned(c, row_alignment(shape, c_of(shape))));
    const Plan& made = plan(shape);
    const Arena::Scope scope(exec.arena);
    void* const workspace =
        made.workspace_bytes == 0
            ? nullptr
            : exec.arena.allocate(DType::i32, {(made.workspace_bytes + 3) / 4}).data;
    check_cublas(
        cublasLtMatmul(handle.get(), made.desc.get(), &blend.alpha, b, made.b.get(), a,
                       made.a.get(), &blend.beta, blend.addend, made.c.get(), c, made.c.get(),
                       &made.algo, workspace, static_cast<std::size_t>(made.workspace_bytes),
                       native_stream(exec)),
        "cublasLtMatmul");
  }
};

MatmulPlans::MatmulPlans(CudaDevice&) : impl_(std::make_unique<Impl>()) {
  cublasLtHandle_t handle = nullptr;
  check_cublas(cublasLtCreate(&handle), "cublasLtCreate");
  impl_->handle.reset(handle);
}

MatmulPlans::~MatmulPlans() = default;

void MatmulPlans::prepare(const MatmulShape& shape) { impl_->plan(shape); }

int64_t MatmulPlans::workspace_bytes() const { return impl_->workspace_bytes; }

void MatmulPlans::run(const Exec& exec, const MatmulShape& shape, void* c, const void* a,
                      const void* b, const void* bias) {
  ISOFLOP_CHECK(shape.has_bias == (bias != nullptr));
  ISOFLOP_CHECK(is_aligned(bias, kVectorBytes));
  const Plan& plan = impl_->plan(shape);
  if (bias != nullptr) set(plan.desc, CUBLASLT_MATMUL_DESC_BIAS_POINTER, bias);
  impl_->execute(exec, shape, c, a, b, {1.0f, shape.accumulate ? 1.0f : 0.0f, c});
}

void MatmulPlans::run_blended(const Exec& exec, const MatmulShape& shape, void* c, const void* a,
                              const void* b, const MatmulBlend& blend) {
  ISOFLOP_CHECK(!shape.has_bias && !shape.accumulate);
  impl_->execute(exec, shape, c, a, b, blend);
}

}  // namespace isoflop
