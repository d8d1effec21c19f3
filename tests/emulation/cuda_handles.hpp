// SPDX-License-Identifier: MIT
#pragma once

#include "emulation/gpu.hpp"

#include <string>

namespace isoflop::emulation {

/// A CUDA call that fails: a finding, cudaGetLastError's answer to this rank, and the status
/// itself.
cudaError_t fail_cuda(cudaError_t status, const std::string& call, const std::string& problem);
/// A CUDA call that fails as it may in a correct program: no finding.
cudaError_t refuse_cuda(cudaError_t status);

// Null, and a finding that names the call, unless the handle is alive and this rank's.
CUstream_st* find_stream(cudaStream_t handle, const std::string& call);
CUevent_st* find_event(cudaEvent_t handle, const std::string& call);
CUmemPoolHandle_st* find_pool(cudaMemPool_t handle, const std::string& call);

/// Success, unless a stream of the rank captures: a finding then, as the call ends the capture.
cudaError_t refuse_in_capture(const std::string& call);

/// The host waits for all streams of its GPU.
cudaError_t wait_for_gpu(const std::string& call);

/// Whether the rank whose host code runs has chosen its GPU; a finding if not.
bool has_device(const std::string& call);

}  // namespace isoflop::emulation
