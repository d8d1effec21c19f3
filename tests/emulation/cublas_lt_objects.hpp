// SPDX-License-Identifier: MIT
#pragma once

#include "emulation/handles.hpp"

#include <cublasLt.h>

#include <cstdint>
#include <string>

/// cuBLASLt's own name for what a cublasLtHandle_t points to.
struct cublasLtContext {};

namespace isoflop::emulation {

struct LtMatmulDesc {
  cublasOperation_t transpose_a = CUBLAS_OP_N;
  cublasOperation_t transpose_b = CUBLAS_OP_N;
  cublasLtEpilogue_t epilogue = CUBLASLT_EPILOGUE_DEFAULT;
  const void* bias = nullptr;
  int32_t bias_type = -1;  ///< a cudaDataType_t; -1: D's
  void* aux = nullptr;     ///< of D's type
  int64_t aux_ld = 0;

  bool adds_bias() const {
    return epilogue == CUBLASLT_EPILOGUE_BIAS || epilogue == CUBLASLT_EPILOGUE_GELU_AUX_BIAS;
  }
  bool applies_gelu() const {
    return epilogue == CUBLASLT_EPILOGUE_GELU_AUX || epilogue == CUBLASLT_EPILOGUE_GELU_AUX_BIAS;
  }
  bool applies_gelu_gradient() const { return epilogue == CUBLASLT_EPILOGUE_DGELU; }
  bool has_aux() const { return applies_gelu() || applies_gelu_gradient(); }
};

struct LtLayout {
  cudaDataType_t type = CUDA_R_32F;
  uint64_t rows = 0, cols = 0;
  int64_t ld = 0;
  int32_t n_batch = 1;
  int64_t batch_offset = 0;  ///< elements from one matrix of a batch to the next
  bool operator==(const LtLayout&) const = default;
};

struct LtPreference {
  uint64_t max_workspace_bytes = 0;
  uint32_t alignment_a = 256, alignment_b = 256, alignment_c = 256, alignment_d = 256;
};

Handles<cublasLtContext>& lt_contexts();
Handles<LtMatmulDesc>& lt_descs();
Handles<LtLayout>& lt_layouts();
Handles<LtPreference>& lt_preferences();

/// Notes the finding and returns the status.
cublasStatus_t fail_lt(cublasStatus_t status, const std::string& call, const std::string& problem);

}  // namespace isoflop::emulation
