// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

namespace isoflop::test {

/// What the parts of a step run at on an H100 SXM in nodes of eight. The same for all models; no
/// figure is from a run of this trainer.
struct GpuRates {
  /// Matrix products in bf16 with all multiprocessors: assumed, so that beside collectives they
  /// come to 650e12 on average in the step of Llama-3 8B. cuBLAS alone reaches 794.5e12
  /// (data/gpus.yaml, measured_tflops); whole steps of a trainer that reports 61.3 % causal MFU
  /// need about 700e12 (IST-DASLab/llmq, Qwen2.5-7B on eight H100).
  /// What an epilogue moves besides is added at memory_bytes_per_s: assumed. (llm.c has 0.7 % more
  /// tokens per second with GELU in its forward products, pull request 591; so priced, they take
  /// about half of the activation's time.)
  double product_flops = 668e12;
  /// Causal attention at d_head 128 and T = 8192: FlashAttention-3 (arXiv:2407.08608, figures 5 and
  /// 6) has more than 600 forward and 500 backward; cuDNN's kernels are assumed to be its equals.
  double attention_forward_flops = 600e12;
  double attention_backward_flops = 500e12;
  /// Loads and stores of kernels that stream: assumed, 84 % of 3.35 TB/s (data/gpus.yaml).
  double memory_bytes_per_s = 2.8e12;
  /// NCCL's bus bandwidth of large messages within a node of eight: assumed, of NVLink's 450 GB/s
  /// each way.
  double link_bytes_per_s = 350e9;
  /// Likewise between nodes, of each GPU with a network port of its own: assumed, 90 % of
  /// 400 Gbit/s.
  double network_bytes_per_s = 45e9;
  /// What a collective takes beside its bytes: assumed.
  double collective_latency_s = 20e-6;
  /// Between kernels of a stream, and what the shortest kernel takes: Gray, "Getting Started with
  /// CUDA Graphs" (NVIDIA, 2019): for each kernel of 2.9 us 3.8 us, in a graph 3.4.
  double kernel_gap_s = 0.9e-6;
  double graph_kernel_gap_s = 0.5e-6;
  double shortest_kernel_s = 2.9e-6;
  /// Of the host, to enqueue an operation or a graph, record or await an event: assumed. (A graph
  /// of one stream takes 2.5 us and about 1 ns for each node on CUDA 12.6: "Constant Time Launch
  /// for Straight-Line CUDA Graphs", NVIDIA, 2024.)
  double host_call_s = 5e-6;
  /// Between pinned memory and the GPU over PCIe 5.0 x16: assumed, of 63.
  double host_bytes_per_s = 50e9;
  /// Streaming multiprocessors (Hopper whitepaper, 2022); a collective keeps one for each CTA that
  /// its communicator may have.
  int64_t n_multiprocessor = 132;
  /// Bytes of device memory that a collective moves for each byte over its links: one is read to be
  /// sent, one written when it arrives.
  double memory_bytes_per_link_byte = 2;
};

}  // namespace isoflop::test
