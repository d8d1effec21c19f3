# SPDX-License-Identifier: MIT
# ISOFLOP_HAVE_CUDA: the trainer gets its GPU backend (nvcc, cuBLASLt, cuDNN, NCCL). ISOFLOP_HAVE_CUDA_EMULATION: tests run that
# backend without a GPU; it takes the headers of all three (neither nvcc nor the libraries), so a build with ISOFLOP_CUDA=OFF
# has it too.

set(ISOFLOP_CUDA_MINIMUM 12.8) # the first that knows sm_100
set(ISOFLOP_CUDNN_MINIMUM 9.10.2) # src/trainer/backend/cuda/sdpa_plan.hpp says why
set(ISOFLOP_NCCL_MINIMUM 2.19) # the first with ncclMemAlloc and ncclCommRegister
find_package(CUDAToolkit QUIET)
find_package(CUDNN QUIET)
find_package(NCCL QUIET)

# What the GPU backend cannot be built without; empty when all is there.
set(missing "")
set(ISOFLOP_HAVE_CUDA_TOOLKIT OFF)
if(NOT CUDAToolkit_FOUND)
  list(APPEND missing "CUDA toolkit")
elseif(CUDAToolkit_VERSION VERSION_LESS ISOFLOP_CUDA_MINIMUM)
  list(APPEND missing "CUDA toolkit ${ISOFLOP_CUDA_MINIMUM} or newer instead of ${CUDAToolkit_VERSION}")
else()
  set(ISOFLOP_HAVE_CUDA_TOOLKIT ON)
endif()
foreach(package IN ITEMS CUDNN NCCL)
  if(NOT ${package}_FOUND)
    list(APPEND missing ${package})
  elseif(${package}_VERSION VERSION_LESS ISOFLOP_${package}_MINIMUM)
    list(APPEND missing "${package} ${ISOFLOP_${package}_MINIMUM} or newer instead of ${${package}_VERSION}")
  endif()
endforeach()

set(ISOFLOP_HAVE_CUDA_EMULATION OFF)
if(ISOFLOP_TESTS)
  find_package(Boost QUIET COMPONENTS context)
  if(NOT missing AND Boost_FOUND)
    set(ISOFLOP_HAVE_CUDA_EMULATION ON)
    set(ISOFLOP_CUDA_INCLUDE_DIRS ${CUDAToolkit_INCLUDE_DIRS} ${CUDNN_INCLUDE_DIR} ${NCCL_INCLUDE_DIR})
  endif()
endif()

if(CUDAToolkit_FOUND AND NOT CUDAToolkit_NVCC_EXECUTABLE)
  list(APPEND missing nvcc)
endif()
list(JOIN missing ", " ISOFLOP_CUDA_MISSING)
# Machine code for A100, H100 and B200, no PTX.
set(ISOFLOP_CUDA_ARCHITECTURES "80-real;90a-real;100a-real")
set(ISOFLOP_HAVE_CUDA OFF)
if(NOT missing AND NOT ISOFLOP_CUDA STREQUAL "OFF")
  set(ISOFLOP_HAVE_CUDA ON)
  set(CMAKE_CUDA_ARCHITECTURES "${ISOFLOP_CUDA_ARCHITECTURES}" CACHE STRING "GPU architectures of the trainer's kernels")
  set(ISOFLOP_CUDA_ARCHITECTURES "${CMAKE_CUDA_ARCHITECTURES}")
  set(CMAKE_CUDA_COMPILER ${CUDAToolkit_NVCC_EXECUTABLE} CACHE FILEPATH "nvcc")
  set(CMAKE_CUDA_HOST_COMPILER ${CMAKE_CXX_COMPILER} CACHE FILEPATH "Compiler of nvcc's host code")
  enable_language(CUDA)
elseif(ISOFLOP_CUDA STREQUAL "ON")
  message(FATAL_ERROR "ISOFLOP_CUDA=ON, but this is missing: ${ISOFLOP_CUDA_MISSING}. Load its module or set CUDAToolkit_ROOT, "
    "CUDNN_ROOT and NCCL_ROOT.")
endif()

# What the rows of the configuration's table say.
if(ISOFLOP_HAVE_CUDA)
  list(JOIN ISOFLOP_CUDA_ARCHITECTURES ", " architectures)
  set(ISOFLOP_CUDA_EFFECT "trainer on GPUs: ${architectures}")
elseif(missing)
  set(ISOFLOP_CUDA_EFFECT "trainer on GPUs (no: missing ${ISOFLOP_CUDA_MISSING})")
else()
  set(ISOFLOP_CUDA_EFFECT "trainer on GPUs (no: ISOFLOP_CUDA=OFF)")
endif()
set(ISOFLOP_CUDA_EMULATION_EFFECT "CUDA tests without a GPU")
if(NOT ISOFLOP_HAVE_CUDA_EMULATION)
  string(APPEND ISOFLOP_CUDA_EMULATION_EFFECT " (no: needs all four)")
endif()
