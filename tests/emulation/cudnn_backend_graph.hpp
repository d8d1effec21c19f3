// SPDX-License-Identifier: MIT
#pragma once

#include <cudnn.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace isoflop::emulation {

/// A tensor of a cuDNN graph. Strides count elements.
struct GraphTensor {
  int64_t uid = 0;
  cudnnDataType_t dtype = CUDNN_DATA_FLOAT;
  std::vector<int64_t> dims, strides;
  int64_t alignment = 1;
  bool is_virtual = false;
  bool is_by_value = false;
  bool operator==(const GraphTensor&) const = default;

  int64_t size() const;
  int64_t element_bytes() const;
  /// "tensor 3 [4, 8, 32, 64]"
  std::string name() const;
};

enum class GraphOpKind { pointwise, matmul, reduction, reshape };

struct GraphOp {
  GraphOpKind kind = GraphOpKind::pointwise;
  cudnnPointwiseMode_t mode = CUDNN_POINTWISE_IDENTITY;
  cudnnReduceTensorOp_t reduction = CUDNN_REDUCE_TENSOR_ADD;
  int64_t axis = -1;                  ///< of GEN_INDEX
  GraphTensor output;                 ///< y or c
  std::vector<GraphTensor> operands;  ///< x, b, t of pointwise; a, b; x
};

/// What cannot be right about shapes and types of an operation by itself.
std::optional<std::string> problem_of(const GraphOp& op);
/// The number of operands that a pointwise mode takes; 0 for modes that are not emulated.
int n_operands(cudnnPointwiseMode_t mode);
/// Which dimension of `in` each dimension of `out` is, when both are the same elements of memory
/// read in another order; empty when there is no such order.
std::optional<std::vector<std::size_t>> permutation(const GraphTensor& out, const GraphTensor& in);

/// Operations in an order in which each finds its operands made.
struct Graph {
  std::vector<GraphOp> ops;
  std::map<int64_t, GraphTensor> tensors;

  bool writes(int64_t uid) const;
};

/// Of all products, a multiply-add as 2: the whole square of scores, masked or not.
double product_flops(const Graph& graph);
/// What attention's plans on sm90 take beside their tensors: under grouped queries the gradients of
/// keys and values by query head, and in a fixed order of sums the scores
/// (tests/trainer/backend/cuda/deviceless asks the real library).
int64_t plan_workspace_bytes(const Graph& graph);

/// Throws std::invalid_argument naming the tensor when two uses of an id differ, an operand is
/// never made, or one is made twice.
Graph make_graph(const std::vector<GraphOp>& ops);

}  // namespace isoflop::emulation
