// SPDX-License-Identifier: MIT
// cuBLASLt's handles, descriptors and their attributes.
#include "emulation/cublas_lt_objects.hpp"

#include "emulation/cuda_handles.hpp"

#include <bit>
#include <cstring>

namespace isoflop::emulation {
namespace {

/// Copies an attribute whose size must be that of T.
template <typename T>
cublasStatus_t take(T& out, const void* value, size_t bytes, const char* call, int attribute) {
  if (value == nullptr || bytes != sizeof(T))
    return fail_lt(CUBLAS_STATUS_INVALID_VALUE, call,
                   fmt::format("attribute {} takes {} bytes, not {}", attribute, sizeof(T), bytes));
  std::memcpy(&out, value, sizeof(T));
  return CUBLAS_STATUS_SUCCESS;
}

/// An attribute of which only some values are emulated.
template <typename T, typename... Allowed>
cublasStatus_t take_one_of(T& out, const void* value, size_t bytes, const char* call, int attribute,
                           Allowed... allowed) {
  T taken{};
  if (const cublasStatus_t status = take(taken, value, bytes, call, attribute);
      status != CUBLAS_STATUS_SUCCESS)
    return status;
  if (!((taken == allowed) || ...))
    return fail_lt(CUBLAS_STATUS_INVALID_VALUE, call,
                   fmt::format("attribute {} has a value that is not emulated: {}", attribute,
                               static_cast<int64_t>(taken)));
  out = taken;
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t take_alignment(uint32_t& out, const void* value, size_t bytes, const char* call,
                              int attribute) {
  uint32_t taken = 0;
  if (const cublasStatus_t status = take(taken, value, bytes, call, attribute);
      status != CUBLAS_STATUS_SUCCESS)
    return status;
  if (!std::has_single_bit(taken))
    return fail_lt(CUBLAS_STATUS_INVALID_VALUE, call,
                   fmt::format("alignment {} is not a power of 2", taken));
  out = taken;
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t unknown_attribute(const char* call, int attribute) {
  return fail_lt(CUBLAS_STATUS_INVALID_VALUE, call,
                 fmt::format("attribute {} is not emulated", attribute));
}

template <typename T>
cublasStatus_t destroy(Handles<T>& handles, const void* handle, const char* call) {
  return handles.destroy(handle, call) ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_INVALID_VALUE;
}

}  // namespace

Handles<cublasLtContext>& lt_contexts() {
  static Handles<cublasLtContext> handles("cuBLASLt handle");
  return handles;
}
Handles<LtMatmulDesc>& lt_descs() {
  static Handles<LtMatmulDesc> handles("matmul descriptor");
  return handles;
}
Handles<LtLayout>& lt_layouts() {
  static Handles<LtLayout> handles("matrix layout");
  return handles;
}
Handles<LtPreference>& lt_preferences() {
  static Handles<LtPreference> handles("matmul preference");
  return handles;
}

cublasStatus_t fail_lt(cublasStatus_t status, const std::string& call, const std::string& problem) {
  report_misuse(call, problem);
  return status;
}

}  // namespace isoflop::emulation

using namespace isoflop::emulation;

size_t cublasLtGetVersion() { return CUBLAS_VERSION; }

const char* cublasLtGetStatusString(cublasStatus_t status) {
  switch (status) {
    case CUBLAS_STATUS_SUCCESS:
      return "the operation completed successfully";
    case CUBLAS_STATUS_INVALID_VALUE:
      return "an unsupported value or parameter was passed to the function";
    case CUBLAS_STATUS_NOT_SUPPORTED:
      return "the functionality requested is not supported";
    default:
      return "unknown status";
  }
}

cublasStatus_t cublasLtCreate(cublasLtHandle_t* handle) {
  *handle = lt_contexts().create();
  return CUBLAS_STATUS_SUCCESS;
}

/// Waits for the device (docs.nvidia.com/cuda/cublas, "cublasLtDestroy").
cublasStatus_t cublasLtDestroy(cublasLtHandle_t handle) {
  wait_for_gpu("cublasLtDestroy");
  return destroy(lt_contexts(), handle, "cublasLtDestroy");
}

cublasStatus_t cublasLtMatmulDescCreate(cublasLtMatmulDesc_t* desc, cublasComputeType_t compute,
                                        cudaDataType_t scale) {
  if (compute != CUBLAS_COMPUTE_32F || scale != CUDA_R_32F)
    return fail_lt(CUBLAS_STATUS_NOT_SUPPORTED, "cublasLtMatmulDescCreate",
                   "only CUBLAS_COMPUTE_32F with scale type CUDA_R_32F is emulated");
  *desc = reinterpret_cast<cublasLtMatmulDesc_t>(lt_descs().create());
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulDescDestroy(cublasLtMatmulDesc_t desc) {
  return destroy(lt_descs(), desc, "cublasLtMatmulDescDestroy");
}

cublasStatus_t cublasLtMatmulDescSetAttribute(cublasLtMatmulDesc_t handle,
                                              cublasLtMatmulDescAttributes_t attribute,
                                              const void* value, size_t bytes) {
  const char* const call = "cublasLtMatmulDescSetAttribute";
  LtMatmulDesc* const desc = lt_descs().find(handle, call);
  if (desc == nullptr) return CUBLAS_STATUS_INVALID_VALUE;
  switch (attribute) {
    case CUBLASLT_MATMUL_DESC_TRANSA:
      return take_one_of(desc->transpose_a, value, bytes, call, attribute, CUBLAS_OP_N,
                         CUBLAS_OP_T);
    case CUBLASLT_MATMUL_DESC_TRANSB:
      return take_one_of(desc->transpose_b, value, bytes, call, attribute, CUBLAS_OP_N,
                         CUBLAS_OP_T);
    case CUBLASLT_MATMUL_DESC_EPILOGUE:
      return take_one_of(desc->epilogue, value, bytes, call, attribute, CUBLASLT_EPILOGUE_DEFAULT,
                         CUBLASLT_EPILOGUE_BIAS, CUBLASLT_EPILOGUE_GELU_AUX,
                         CUBLASLT_EPILOGUE_GELU_AUX_BIAS, CUBLASLT_EPILOGUE_DGELU);
    case CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_POINTER:
      return take(desc->aux, value, bytes, call, attribute);
    case CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_LD:
      return take(desc->aux_ld, value, bytes, call, attribute);
    case CUBLASLT_MATMUL_DESC_BIAS_POINTER:
      return take(desc->bias, value, bytes, call, attribute);
    case CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE:
      return take_one_of(desc->bias_type, value, bytes, call, attribute, -1,
                         static_cast<int32_t>(CUDA_R_32F), static_cast<int32_t>(CUDA_R_16BF),
                         static_cast<int32_t>(CUDA_R_16F));
    case CUBLASLT_MATMUL_DESC_POINTER_MODE: {
      int32_t mode = 0;
      return take_one_of(mode, value, bytes, call, attribute,
                         static_cast<int32_t>(CUBLASLT_POINTER_MODE_HOST));
    }
    default:
      return unknown_attribute(call, attribute);
  }
}

cublasStatus_t cublasLtMatrixLayoutCreate(cublasLtMatrixLayout_t* layout, cudaDataType type,
                                          uint64_t rows, uint64_t cols, int64_t ld) {
  const char* const call = "cublasLtMatrixLayoutCreate";
  if (type != CUDA_R_32F && type != CUDA_R_16BF && type != CUDA_R_16F)
    return fail_lt(CUBLAS_STATUS_NOT_SUPPORTED, call,
                   fmt::format("data type {} is not emulated", static_cast<int>(type)));
  if (ld < static_cast<int64_t>(rows))
    return fail_lt(CUBLAS_STATUS_INVALID_VALUE, call,
                   fmt::format("leading dimension {} of {} rows", ld, rows));
  *layout = reinterpret_cast<cublasLtMatrixLayout_t>(
      lt_layouts().create(LtLayout{.type = type, .rows = rows, .cols = cols, .ld = ld}));
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatrixLayoutDestroy(cublasLtMatrixLayout_t layout) {
  return destroy(lt_layouts(), layout, "cublasLtMatrixLayoutDestroy");
}

cublasStatus_t cublasLtMatrixLayoutSetAttribute(cublasLtMatrixLayout_t handle,
                                                cublasLtMatrixLayoutAttribute_t attribute,
                                                const void* value, size_t bytes) {
  const char* const call = "cublasLtMatrixLayoutSetAttribute";
  LtLayout* const layout = lt_layouts().find(handle, call);
  if (layout == nullptr) return CUBLAS_STATUS_INVALID_VALUE;
  switch (attribute) {
    case CUBLASLT_MATRIX_LAYOUT_ORDER: {
      int32_t order = 0;
      return take_one_of(order, value, bytes, call, attribute,
                         static_cast<int32_t>(CUBLASLT_ORDER_COL));
    }
    case CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT:
      return take(layout->n_batch, value, bytes, call, attribute);
    case CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET:
      return take(layout->batch_offset, value, bytes, call, attribute);
    default:
      return unknown_attribute(call, attribute);
  }
}

cublasStatus_t cublasLtMatmulPreferenceCreate(cublasLtMatmulPreference_t* preference) {
  *preference = reinterpret_cast<cublasLtMatmulPreference_t>(lt_preferences().create());
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulPreferenceDestroy(cublasLtMatmulPreference_t preference) {
  return destroy(lt_preferences(), preference, "cublasLtMatmulPreferenceDestroy");
}

cublasStatus_t cublasLtMatmulPreferenceSetAttribute(cublasLtMatmulPreference_t handle,
                                                    cublasLtMatmulPreferenceAttributes_t attribute,
                                                    const void* value, size_t bytes) {
  const char* const call = "cublasLtMatmulPreferenceSetAttribute";
  LtPreference* const preference = lt_preferences().find(handle, call);
  if (preference == nullptr) return CUBLAS_STATUS_INVALID_VALUE;
  switch (attribute) {
    case CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES:
      return take(preference->max_workspace_bytes, value, bytes, call, attribute);
    case CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK: {
      // Any scheme will do here: sums are f32 and rounded once.
      uint32_t mask = 0;
      return take(mask, value, bytes, call, attribute);
    }
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES:
      return take_alignment(preference->alignment_a, value, bytes, call, attribute);
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES:
      return take_alignment(preference->alignment_b, value, bytes, call, attribute);
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES:
      return take_alignment(preference->alignment_c, value, bytes, call, attribute);
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES:
      return take_alignment(preference->alignment_d, value, bytes, call, attribute);
    default:
      return unknown_attribute(call, attribute);
  }
}
