// SPDX-License-Identifier: MIT
#include "emulation/cudnn_backend_graph.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <functional>
#include <numeric>
#include <set>
#include <stdexcept>

namespace isoflop::emulation {
namespace {

std::optional<std::string> problem_of_pointwise(const GraphOp& op) {
  if (static_cast<int>(op.operands.size()) != n_operands(op.mode))
    return fmt::format("pointwise mode {} takes {} operands, not {}", static_cast<int>(op.mode),
                       n_operands(op.mode), op.operands.size());
  const auto rank = static_cast<int64_t>(op.output.dims.size());
  if (op.mode == CUDNN_POINTWISE_GEN_INDEX && (op.axis < 0 || op.axis >= rank))
    return fmt::format("GEN_INDEX along axis {} of {}", op.axis, rank);
  for (const GraphTensor& operand : op.operands) {
    if (operand.dims.size() != op.output.dims.size()) return "ranks differ";
    for (std::size_t i = 0; i < operand.dims.size(); ++i)
      if (operand.dims[i] != op.output.dims[i] && operand.dims[i] != 1)
        return fmt::format("{} does not spread over {}", operand.name(), op.output.name());
  }
  return std::nullopt;
}

/// (batches, M, K) (batches, K, N): a batch of b may serve several neighbours of a.
std::optional<std::string> problem_of_matmul(const GraphOp& op) {
  const GraphTensor& a = op.operands[0];
  const GraphTensor& b = op.operands[1];
  const std::string text =
      fmt::format("{} times {} is not {}", a.name(), b.name(), op.output.name());
  const std::size_t rank = op.output.dims.size();
  if (rank < 3 || a.dims.size() != rank || b.dims.size() != rank) return text;
  const std::size_t m = rank - 2, n = rank - 1;
  if (a.dims[n] != b.dims[m] || op.output.dims[m] != a.dims[m] || op.output.dims[n] != b.dims[n])
    return text;
  for (std::size_t i = 0; i < m; ++i)
    if (op.output.dims[i] != a.dims[i] || a.dims[i] % b.dims[i] != 0) return text;
  return std::nullopt;
}

std::optional<std::string> problem_of_reduction(const GraphOp& op) {
  const GraphTensor& x = op.operands[0];
  const std::string text = fmt::format("{} does not reduce to {}", x.name(), op.output.name());
  if (x.dims.size() != op.output.dims.size()) return text;
  for (std::size_t i = 0; i < x.dims.size(); ++i)
    if (x.dims[i] % op.output.dims[i] != 0) return text;
  return std::nullopt;
}

std::optional<std::string> problem_of_reshape(const GraphOp& op) {
  if (permutation(op.output, op.operands[0])) return std::nullopt;
  return fmt::format("{} is not {} with dimensions in another order", op.output.name(),
                     op.operands[0].name());
}

void add_tensor(std::map<int64_t, GraphTensor>& tensors, const GraphTensor& tensor) {
  const auto [entry, is_new] = tensors.emplace(tensor.uid, tensor);
  if (!is_new && !(entry->second == tensor))
    throw std::invalid_argument(fmt::format("two different tensors have id {}", tensor.uid));
}

/// Tensors that no operation makes are given; they must have memory.
std::set<int64_t> given_tensors(const Graph& graph) {
  std::set<int64_t> given;
  for (const auto& [uid, tensor] : graph.tensors) {
    if (graph.writes(uid)) continue;
    if (tensor.is_virtual)
      throw std::invalid_argument(tensor.name() + " is virtual and no operation makes it");
    given.insert(uid);
  }
  return given;
}

/// A backward pass that leaves no f32 sums of the queries' gradients behind.
bool sums_in_fixed_order(const Graph& graph) {
  const auto is_product = [](const GraphOp& op) { return op.kind == GraphOpKind::matmul; };
  const auto leaves_sums = [&](const GraphOp& op) {
    return is_product(op) && !op.output.is_virtual && op.output.dtype == CUDNN_DATA_FLOAT;
  };
  return std::count_if(graph.ops.begin(), graph.ops.end(), is_product) > 2 &&
         std::none_of(graph.ops.begin(), graph.ops.end(), leaves_sums);
}

/// Two bytes for each, the sequence in tiles of 128.
int64_t score_bytes(const GraphTensor& scores) {
  const int64_t T = (scores.dims[2] + 127) / 128 * 128;
  return 2 * scores.dims[0] * scores.dims[1] * T * T;
}

}  // namespace

int64_t GraphTensor::size() const {
  return std::accumulate(dims.begin(), dims.end(), int64_t{1}, std::multiplies<>());
}

int64_t GraphTensor::element_bytes() const {
  switch (dtype) {
    case CUDNN_DATA_BFLOAT16:
    case CUDNN_DATA_HALF:
      return 2;
    case CUDNN_DATA_BOOLEAN:
      return 1;
    default:
      return 4;
  }
}

std::string GraphTensor::name() const {
  return fmt::format("tensor {} [{}]", uid, fmt::join(dims, ", "));
}

int n_operands(cudnnPointwiseMode_t mode) {
  switch (mode) {
    case CUDNN_POINTWISE_IDENTITY:
    case CUDNN_POINTWISE_EXP:
    case CUDNN_POINTWISE_LOG:
    case CUDNN_POINTWISE_GEN_INDEX:
      return 1;
    case CUDNN_POINTWISE_ADD:
    case CUDNN_POINTWISE_SUB:
    case CUDNN_POINTWISE_MUL:
    case CUDNN_POINTWISE_DIV:
    case CUDNN_POINTWISE_MAX:
    case CUDNN_POINTWISE_CMP_GE:
      return 2;
    case CUDNN_POINTWISE_BINARY_SELECT:
      return 3;
    default:
      return 0;
  }
}

std::optional<std::string> problem_of(const GraphOp& op) {
  switch (op.kind) {
    case GraphOpKind::pointwise:
      return problem_of_pointwise(op);
    case GraphOpKind::matmul:
      return problem_of_matmul(op);
    case GraphOpKind::reduction:
      return problem_of_reduction(op);
    case GraphOpKind::reshape:
      return problem_of_reshape(op);
  }
  return std::nullopt;
}

std::optional<std::vector<std::size_t>> permutation(const GraphTensor& out, const GraphTensor& in) {
  if (out.dims.size() != in.dims.size()) return std::nullopt;
  std::vector<std::size_t> order;
  std::vector<bool> is_used(in.dims.size());
  for (std::size_t i = 0; i < out.dims.size(); ++i) {
    std::size_t j = 0;
    // The stride of a dimension of 1 says nothing.
    while (j < in.dims.size() && (is_used[j] || in.dims[j] != out.dims[i] ||
                                  (out.dims[i] != 1 && in.strides[j] != out.strides[i])))
      ++j;
    if (j == in.dims.size()) return std::nullopt;
    is_used[j] = true;
    order.push_back(j);
  }
  return order;
}

bool Graph::writes(int64_t uid) const {
  return std::any_of(ops.begin(), ops.end(),
                     [&](const GraphOp& op) { return op.output.uid == uid; });
}

Graph make_graph(const std::vector<GraphOp>& ops) {
  Graph graph{ops, {}};
  for (const GraphOp& op : ops) {
    add_tensor(graph.tensors, op.output);
    for (const GraphTensor& operand : op.operands) add_tensor(graph.tensors, operand);
  }
  std::set<int64_t> made = given_tensors(graph);
  const auto is_ready = [&](const GraphOp& op) {
    return std::all_of(op.operands.begin(), op.operands.end(),
                       [&](const GraphTensor& operand) { return made.count(operand.uid) > 0; });
  };
  for (auto next = graph.ops.begin(); next != graph.ops.end(); ++next) {
    const auto ready = std::find_if(next, graph.ops.end(), is_ready);
    if (ready == graph.ops.end())
      throw std::invalid_argument(next->output.name() + " needs itself");
    std::rotate(next, ready, ready + 1);
    if (!made.insert(next->output.uid).second)
      throw std::invalid_argument(next->output.name() + " is made twice");
  }
  return graph;
}

double product_flops(const Graph& graph) {
  double flops = 0;
  for (const GraphOp& op : graph.ops)
    if (op.kind == GraphOpKind::matmul)
      flops += 2.0 * static_cast<double>(op.output.size()) *
               static_cast<double>(op.operands.front().dims.back());
  return flops;
}

int64_t plan_workspace_bytes(const Graph& graph) {
  int64_t bytes = 0;
  if (sums_in_fixed_order(graph)) {
    const auto scores = std::find_if(graph.ops.begin(), graph.ops.end(), [](const GraphOp& op) {
      return op.kind == GraphOpKind::matmul;
    });
    bytes += score_bytes(scores->output);
  }
  for (const GraphOp& op : graph.ops)
    if (op.kind == GraphOpKind::reduction && op.operands.front().dtype == CUDNN_DATA_BFLOAT16)
      bytes += op.operands.front().size() * op.operands.front().element_bytes();
  return bytes;
}

}  // namespace isoflop::emulation
