// SPDX-License-Identifier: MIT
#pragma once

#include "trainer/backend/cuda/launch_shape.hpp"

#include <cuda_runtime.h>

#include <cstddef>
#include <memory>
#include <string>

namespace isoflop::emulation {

/// The code of one kernel thread, and the parameters it gets.
struct KernelCode {
  std::shared_ptr<const void> parameters;
  std::size_t parameter_bytes = 0;
  void (*run_thread)(const void* parameters) = nullptr;
};

/// Enqueues a kernel, as an operation whose fingerprint is name, shape and `arguments`. A finding
/// instead when the shape exceeds what a GPU takes, or what is left of it without
/// cudaFuncSetAttribute.
void launch_kernel(cudaStream_t stream, const gpu::LaunchShape& shape, const KernelCode& code,
                   const std::string& arguments);

/// Appends an object's bytes as hexadecimal digits, and a blank.
void append_bytes(std::string& text, const void* object, std::size_t bytes);

}  // namespace isoflop::emulation
