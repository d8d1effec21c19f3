# SPDX-License-Identifier: MIT
# The GPU side of the trainer: compiled by nvcc for the trainer and by the host compiler for tests/emulation.
set(ISOFLOP_CUDA_SOURCES
  trainer/backend/cuda/activation.cu
  trainer/backend/cuda/adamw.cu
  trainer/backend/cuda/algorithm_table.cpp
  trainer/backend/cuda/apply_updates.cu
  trainer/backend/cuda/architectures.cpp
  trainer/backend/cuda/attention.cpp
  trainer/backend/cuda/attention_rows.cu
  trainer/backend/cuda/cast.cu
  trainer/backend/cuda/column_sum.cu
  trainer/backend/cuda/cross_entropy.cu
  trainer/backend/cuda/cuda_backend.cpp
  trainer/backend/cuda/cuda_device.cpp
  trainer/backend/cuda/cuda_error.cpp
  trainer/backend/cuda/cuda_probe.cpp
  trainer/backend/cuda/cudnn_descriptor.cpp
  trainer/backend/cuda/cudnn_graph.cpp
  trainer/backend/cuda/dropout.cu
  trainer/backend/cuda/embedding.cu
  trainer/backend/cuda/flash_attention.cpp
  trainer/backend/cuda/head_loss.cpp
  trainer/backend/cuda/launch_graphs.cpp
  trainer/backend/cuda/linear.cpp
  trainer/backend/cuda/loss_scale.cu
  trainer/backend/cuda/manual_attention.cpp
  trainer/backend/cuda/matmul.cpp
  trainer/backend/cuda/matmul_problem.cpp
  trainer/backend/cuda/matmul_timer.cpp
  trainer/backend/cuda/memory_pool.cpp
  trainer/backend/cuda/muon.cpp
  trainer/backend/cuda/muon_kernels.cu
  trainer/backend/cuda/newton_schulz.cpp
  trainer/backend/cuda/norm.cu
  trainer/backend/cuda/prepare.cpp
  trainer/backend/cuda/qk_norm.cu
  trainer/backend/cuda/read_gpu_facts.cpp
  trainer/backend/cuda/rope.cu
  trainer/backend/cuda/sdpa_graph.cpp
  trainer/backend/cuda/sdpa_plan.cpp
  trainer/backend/cuda/segment_update.cu
  trainer/backend/cuda/statistics.cu
  trainer/backend/cuda/tiled_attention.cpp
  trainer/backend/cuda/tiled_attention_backward.cu
  trainer/backend/cuda/tiled_attention_forward.cu
  trainer/backend/cuda/token_sort.cu
  trainer/comm/nccl_collectives.cpp
  trainer/comm/nccl_communicator.cpp
  trainer/comm/nccl_registration.cpp
)
list(TRANSFORM ISOFLOP_CUDA_SOURCES PREPEND ${PROJECT_SOURCE_DIR}/src/)
# What the kernels are compiled for, for the probe of a GPU to tell; in a build without nvcc, what they are by default.
string(REPLACE ";" "," architectures "${ISOFLOP_CUDA_ARCHITECTURES}")
set_source_files_properties(${PROJECT_SOURCE_DIR}/src/trainer/backend/cuda/cuda_probe.cpp PROPERTIES
  COMPILE_DEFINITIONS "ISOFLOP_CUDA_ARCHITECTURES=\"${architectures}\"")
