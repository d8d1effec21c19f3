// SPDX-License-Identifier: MIT
#include "emulation/cudnn_interpreter.hpp"

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>
#include <utility>

namespace isoflop::emulation {
namespace {

using Dims = std::vector<int64_t>;

Dims row_major(const Dims& dims) {
  Dims strides(dims.size(), 1);
  for (std::size_t i = dims.size(); i-- > 1;) strides[i - 1] = strides[i] * dims[i];
  return strides;
}

/// Calls visit(i, offset) for every element in row-major order, with its offset by `strides`.
template <typename Visit>
void for_each(const Dims& dims, const Dims& strides, const Visit& visit) {
  const int64_t n = std::accumulate(dims.begin(), dims.end(), int64_t{1}, std::multiplies<>());
  Dims index(dims.size(), 0);
  int64_t offset = 0;
  for (int64_t i = 0; i < n; ++i) {
    visit(static_cast<std::size_t>(i), offset);
    for (std::size_t axis = dims.size(); axis-- > 0;) {
      offset += strides[axis];
      if (++index[axis] < dims[axis]) break;
      offset -= strides[axis] * dims[axis];
      index[axis] = 0;
    }
  }
}

/// Strides that repeat a dimension of 1 over all of `over`.
Dims broadcast(const Dims& dims, const Dims& over) {
  Dims strides = row_major(dims);
  for (std::size_t i = 0; i < dims.size(); ++i)
    if (dims[i] == 1 && over[i] != 1) strides[i] = 0;
  return strides;
}

float apply(cudnnPointwiseMode_t mode, float x, float b, float t) {
  switch (mode) {
    case CUDNN_POINTWISE_EXP:
      return std::exp(x);
    case CUDNN_POINTWISE_LOG:
      return std::log(x);
    case CUDNN_POINTWISE_ADD:
      return x + b;
    case CUDNN_POINTWISE_SUB:
      return x - b;
    case CUDNN_POINTWISE_MUL:
      return x * b;
    case CUDNN_POINTWISE_DIV:
      return x / b;
    case CUDNN_POINTWISE_MAX:
      return std::fmax(x, b);
    case CUDNN_POINTWISE_CMP_GE:
      return x >= b ? 1.0f : 0.0f;
    case CUDNN_POINTWISE_BINARY_SELECT:
      return t != 0.0f ? x : b;
    default:
      return x;
  }
}

/// Each operand, spread over the output.
std::vector<float> spread(const GraphTensor& operand, const std::vector<float>& values,
                          const Dims& over) {
  std::vector<float> result;
  result.reserve(values.size());
  for_each(over, broadcast(operand.dims, over), [&](std::size_t, int64_t offset) {
    result.push_back(values[static_cast<std::size_t>(offset)]);
  });
  return result;
}

std::vector<float> gen_index(const GraphOp& op) {
  Dims strides(op.output.dims.size(), 0);
  strides[static_cast<std::size_t>(op.axis)] = 1;
  std::vector<float> result(static_cast<std::size_t>(op.output.size()));
  for_each(op.output.dims, strides,
           [&](std::size_t i, int64_t index) { result[i] = static_cast<float>(index); });
  return result;
}

std::vector<float> pointwise(const GraphOp& op, const GraphValues& values) {
  if (op.mode == CUDNN_POINTWISE_GEN_INDEX) return gen_index(op);
  std::vector<std::vector<float>> in;
  for (const GraphTensor& operand : op.operands)
    in.push_back(spread(operand, values.at(operand.uid), op.output.dims));
  const std::vector<float>& x = in[0];
  const std::vector<float>& b = in.size() > 1 ? in[1] : x;
  const std::vector<float>& t = in.size() > 2 ? in[2] : x;
  std::vector<float> result(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) result[i] = apply(op.mode, x[i], b[i], t[i]);
  return result;
}

/// c (M, N) = a (M, K) b (K, N)
void multiply(float* c, const float* a, const float* b, int64_t M, int64_t N, int64_t K) {
  std::vector<double> row(static_cast<std::size_t>(N));
  for (int64_t m = 0; m < M; ++m) {
    std::fill(row.begin(), row.end(), 0.0);
    for (int64_t k = 0; k < K; ++k) {
      const double factor = static_cast<double>(a[m * K + k]);
      const float* const b_row = b + k * N;
      for (int64_t n = 0; n < N; ++n)
        row[static_cast<std::size_t>(n)] += factor * static_cast<double>(b_row[n]);
    }
    for (int64_t n = 0; n < N; ++n)
      c[m * N + n] = static_cast<float>(row[static_cast<std::size_t>(n)]);
  }
}

/// For each batch of x, in row-major order, the batch of y that it belongs to when each dimension
/// of y divides that of x: neighbours share one.
std::vector<int64_t> grouped(const Dims& x, const Dims& y) {
  const Dims strides = row_major(y);
  std::vector<int64_t> result;
  Dims index(x.size(), 0);
  for_each(x, Dims(x.size(), 0), [&](std::size_t, int64_t) {
    int64_t offset = 0;
    for (std::size_t i = 0; i < x.size(); ++i) offset += index[i] / (x[i] / y[i]) * strides[i];
    result.push_back(offset);
    for (std::size_t i = x.size(); i-- > 0;) {
      if (++index[i] < x[i]) break;
      index[i] = 0;
    }
  });
  return result;
}

std::vector<float> matmul(const GraphOp& op, const GraphValues& values) {
  const GraphTensor& a = op.operands[0];
  const GraphTensor& b = op.operands[1];
  const std::size_t rank = a.dims.size();
  const int64_t M = a.dims[rank - 2], K = a.dims[rank - 1], N = b.dims[rank - 1];
  const Dims a_batches(a.dims.begin(), a.dims.end() - 2);
  const Dims b_batches(b.dims.begin(), b.dims.end() - 2);
  std::vector<float> result(static_cast<std::size_t>(op.output.size()));
  int64_t batch = 0;
  for (const int64_t b_batch : grouped(a_batches, b_batches)) {
    multiply(result.data() + batch * M * N, values.at(a.uid).data() + batch * M * K,
             values.at(b.uid).data() + b_batch * K * N, M, N, K);
    ++batch;
  }
  return result;
}

std::vector<float> reduce(const GraphOp& op, const GraphValues& values) {
  const GraphTensor& x = op.operands[0];
  const bool is_max = op.reduction == CUDNN_REDUCE_TENSOR_MAX;
  std::vector<double> totals(static_cast<std::size_t>(op.output.size()),
                             is_max ? -std::numeric_limits<double>::infinity() : 0.0);
  const std::vector<float>& in = values.at(x.uid);
  const std::vector<int64_t> groups = grouped(x.dims, op.output.dims);
  for (std::size_t i = 0; i < in.size(); ++i) {
    double& total = totals[static_cast<std::size_t>(groups[i])];
    const auto element = static_cast<double>(in[i]);
    total = is_max ? std::fmax(total, element) : total + element;
  }
  return {totals.begin(), totals.end()};
}

std::vector<float> reshape(const GraphOp& op, const GraphValues& values) {
  const GraphTensor& in = op.operands[0];
  const Dims in_strides = row_major(in.dims);
  Dims strides;
  const std::vector<std::size_t> order = permutation(op.output, in).value();
  for (const std::size_t axis : order) strides.push_back(in_strides[axis]);
  std::vector<float> result(static_cast<std::size_t>(op.output.size()));
  for_each(op.output.dims, strides, [&](std::size_t i, int64_t offset) {
    result[i] = values.at(in.uid)[static_cast<std::size_t>(offset)];
  });
  return result;
}

std::vector<float> carry_out(const GraphOp& op, const GraphValues& values) {
  switch (op.kind) {
    case GraphOpKind::pointwise:
      return pointwise(op, values);
    case GraphOpKind::matmul:
      return matmul(op, values);
    case GraphOpKind::reduction:
      return reduce(op, values);
    case GraphOpKind::reshape:
      return reshape(op, values);
  }
  return {};
}

void round_to(cudnnDataType_t dtype, std::vector<float>& values) {
  if (dtype == CUDNN_DATA_BFLOAT16)
    for (float& value : values) value = __bfloat162float(__float2bfloat16(value));
  if (dtype == CUDNN_DATA_HALF)
    for (float& value : values) value = __half2float(__float2half(value));
}

float load_element(cudnnDataType_t dtype, const std::byte* at) {
  if (dtype == CUDNN_DATA_BFLOAT16) {
    __nv_bfloat16 element;
    std::memcpy(&element, at, sizeof(element));
    return __bfloat162float(element);
  }
  if (dtype == CUDNN_DATA_HALF) {
    __half element;
    std::memcpy(&element, at, sizeof(element));
    return __half2float(element);
  }
  if (dtype == CUDNN_DATA_INT32) {
    int32_t element = 0;
    std::memcpy(&element, at, sizeof(element));
    return static_cast<float>(element);
  }
  float element = 0;
  std::memcpy(&element, at, sizeof(element));
  return element;
}

void store_element(cudnnDataType_t dtype, float value, std::byte* at) {
  if (dtype == CUDNN_DATA_BFLOAT16) {
    const __nv_bfloat16 element = __float2bfloat16(value);
    std::memcpy(at, &element, sizeof(element));
  } else if (dtype == CUDNN_DATA_HALF) {
    const __half element = __float2half(value);
    std::memcpy(at, &element, sizeof(element));
  } else if (dtype == CUDNN_DATA_INT32) {
    const auto element = static_cast<int32_t>(value);
    std::memcpy(at, &element, sizeof(element));
  } else {
    std::memcpy(at, &value, sizeof(value));
  }
}

}  // namespace

void interpret(const Graph& graph, GraphValues& values) {
  for (const GraphOp& op : graph.ops) {
    std::vector<float> result = carry_out(op, values);
    round_to(op.output.dtype, result);
    values[op.output.uid] = std::move(result);
  }
}

std::vector<Stretch> stretches(const GraphTensor& tensor) {
  std::vector<std::pair<int64_t, int64_t>> axes;  // stride, dimension
  for (std::size_t i = 0; i < tensor.dims.size(); ++i)
    if (tensor.dims[i] != 1) axes.emplace_back(tensor.strides[i], tensor.dims[i]);
  std::sort(axes.begin(), axes.end());
  int64_t run = 1;
  while (!axes.empty() && axes.front().first == run) {
    run *= axes.front().second;
    axes.erase(axes.begin());
  }
  Dims dims, strides;
  for (const auto& [stride, dim] : axes) {
    strides.insert(strides.begin(), stride);
    dims.insert(dims.begin(), dim);
  }
  std::vector<Stretch> result;
  const int64_t bytes = tensor.element_bytes();
  for_each(dims, strides, [&](std::size_t, int64_t offset) {
    result.push_back({offset * bytes, run * bytes});
  });
  return result;
}

std::vector<float> load_tensor(const GraphTensor& tensor, const std::byte* memory) {
  std::vector<float> values(static_cast<std::size_t>(tensor.size()));
  for_each(tensor.dims, tensor.strides, [&](std::size_t i, int64_t offset) {
    values[i] = load_element(tensor.dtype, memory + offset * tensor.element_bytes());
  });
  return values;
}

void store_tensor(const GraphTensor& tensor, const std::vector<float>& values, std::byte* memory) {
  for_each(tensor.dims, tensor.strides, [&](std::size_t i, int64_t offset) {
    store_element(tensor.dtype, values[i], memory + offset * tensor.element_bytes());
  });
}

}  // namespace isoflop::emulation
