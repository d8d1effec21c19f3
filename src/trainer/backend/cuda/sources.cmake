# SPDX-License-Identifier: MIT
# The GPU side of the trainer, relative to src/: compiled by nvcc for the trainer and by the host compiler for tests/emulation.
set(ISOFLOP_CUDA_SOURCES
  trainer/backend/cuda/cuda_error.cpp
  trainer/backend/cuda/matmul.cpp
)
