// SPDX-License-Identifier: MIT
#include "trainer/backend/cuda/cudnn_graph.hpp"

namespace isoflop {
namespace {

/// The caller's tensors are views of packed buffers: heads start on multiples of 8 bf16 elements.
constexpr int64_t kAlignment = 16;

}  // namespace

CudnnDescriptor& CudnnGraph::add(cudnnBackendDescriptorType_t type) {
  return parts_.emplace_back(type);
}

CudnnGraph::Tensor CudnnGraph::add_tensor(int64_t id, cudnnDataType_t type, const Dims& dims,
                                          const Dims& strides, bool is_virtual, bool is_by_value) {
  CudnnDescriptor& tensor = add(CUDNN_BACKEND_TENSOR_DESCRIPTOR);
  tensor.set(CUDNN_ATTR_TENSOR_UNIQUE_ID, id);
  tensor.set(CUDNN_ATTR_TENSOR_DATA_TYPE, type);
  tensor.set(CUDNN_ATTR_TENSOR_DIMENSIONS, std::span<const int64_t>(dims));
  tensor.set(CUDNN_ATTR_TENSOR_STRIDES, std::span<const int64_t>(strides));
  tensor.set(CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, kAlignment);
  tensor.set(CUDNN_ATTR_TENSOR_IS_VIRTUAL, is_virtual);
  tensor.set(CUDNN_ATTR_TENSOR_IS_BY_VALUE, is_by_value);
  tensor.finalize();
  return &tensor;
}

CudnnGraph::Tensor CudnnGraph::tensor(int64_t id, cudnnDataType_t type, const Dims& dims,
                                      const Dims& strides) {
  return add_tensor(id, type, dims, strides, false, false);
}

CudnnGraph::Tensor CudnnGraph::scalar(int64_t id) {
  return add_tensor(id, CUDNN_DATA_FLOAT, {1, 1, 1, 1}, {1, 1, 1, 1}, false, true);
}

CudnnGraph::Tensor CudnnGraph::intermediate(cudnnDataType_t type, const Dims& dims,
                                            const Dims& strides) {
  return add_tensor(next_intermediate_++, type, dims, strides, true, false);
}

void CudnnGraph::end_operation(CudnnDescriptor& operation) {
  operation.finalize();
  operations_.push_back(operation.raw());
}

void CudnnGraph::matmul(Tensor c, Tensor a, Tensor b) {
  CudnnDescriptor& arithmetic = add(CUDNN_BACKEND_MATMUL_DESCRIPTOR);
  arithmetic.set(CUDNN_ATTR_MATMUL_COMP_TYPE, CUDNN_DATA_FLOAT);
  arithmetic.finalize();
  CudnnDescriptor& operation = add(CUDNN_BACKEND_OPERATION_MATMUL_DESCRIPTOR);
  operation.set(CUDNN_ATTR_OPERATION_MATMUL_ADESC, *a);
  operation.set(CUDNN_ATTR_OPERATION_MATMUL_BDESC, *b);
  operation.set(CUDNN_ATTR_OPERATION_MATMUL_CDESC, *c);
  operation.set(CUDNN_ATTR_OPERATION_MATMUL_DESC, arithmetic);
  end_operation(operation);
}

void CudnnGraph::pointwise(cudnnPointwiseMode_t mode, Tensor y, Tensor x, Tensor b) {
  add_pointwise(arithmetic(mode, CUDNN_DATA_FLOAT), y, x, b);
}

void CudnnGraph::greater_equal(Tensor y, Tensor x, Tensor b) {
  add_pointwise(arithmetic(CUDNN_POINTWISE_CMP_GE, CUDNN_DATA_BOOLEAN), y, x, b);
}

void CudnnGraph::select(Tensor y, Tensor condition, Tensor x, Tensor otherwise) {
  add_pointwise(arithmetic(CUDNN_POINTWISE_BINARY_SELECT, CUDNN_DATA_FLOAT), y, x, otherwise,
                condition);
}

void CudnnGraph::index(Tensor y, Tensor x, int64_t axis) {
  CudnnDescriptor& arithmetic = add(CUDNN_BACKEND_POINTWISE_DESCRIPTOR);
  arithmetic.set(CUDNN_ATTR_POINTWISE_MODE, CUDNN_POINTWISE_GEN_INDEX);
  arithmetic.set(CUDNN_ATTR_POINTWISE_MATH_PREC, CUDNN_DATA_INT32);
  arithmetic.set(CUDNN_ATTR_POINTWISE_AXIS, axis);
  arithmetic.finalize();
  add_pointwise(arithmetic, y, x);
}

const CudnnDescriptor& CudnnGraph::arithmetic(cudnnPointwiseMode_t mode, cudnnDataType_t compute) {
  CudnnDescriptor& arithmetic = add(CUDNN_BACKEND_POINTWISE_DESCRIPTOR);
  arithmetic.set(CUDNN_ATTR_POINTWISE_MODE, mode);
  arithmetic.set(CUDNN_ATTR_POINTWISE_MATH_PREC, compute);
  arithmetic.finalize();
  return arithmetic;
}

void CudnnGraph::add_pointwise(const CudnnDescriptor& arithmetic, Tensor y, Tensor x, Tensor b,
                               Tensor condition) {
  CudnnDescriptor& operation = add(CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR);
  operation.set(CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR, arithmetic);
  operation.set(CUDNN_ATTR_OPERATION_POINTWISE_XDESC, *x);
  if (b != nullptr) operation.set(CUDNN_ATTR_OPERATION_POINTWISE_BDESC, *b);
  if (condition != nullptr) operation.set(CUDNN_ATTR_OPERATION_POINTWISE_TDESC, *condition);
  operation.set(CUDNN_ATTR_OPERATION_POINTWISE_YDESC, *y);
  end_operation(operation);
}

void CudnnGraph::reduce(cudnnReduceTensorOp_t op, Tensor y, Tensor x) {
  CudnnDescriptor& arithmetic = add(CUDNN_BACKEND_REDUCTION_DESCRIPTOR);
  arithmetic.set(CUDNN_ATTR_REDUCTION_OPERATOR, op);
  arithmetic.set(CUDNN_ATTR_REDUCTION_COMP_TYPE, CUDNN_DATA_FLOAT);
  arithmetic.finalize();
  CudnnDescriptor& operation = add(CUDNN_BACKEND_OPERATION_REDUCTION_DESCRIPTOR);
  operation.set(CUDNN_ATTR_OPERATION_REDUCTION_XDESC, *x);
  operation.set(CUDNN_ATTR_OPERATION_REDUCTION_YDESC, *y);
  operation.set(CUDNN_ATTR_OPERATION_REDUCTION_DESC, arithmetic);
  end_operation(operation);
}

void CudnnGraph::reshape(Tensor y, Tensor x) {
  CudnnDescriptor& operation = add(CUDNN_BACKEND_OPERATION_RESHAPE_DESCRIPTOR);
  operation.set(CUDNN_ATTR_OPERATION_RESHAPE_XDESC, *x);
  operation.set(CUDNN_ATTR_OPERATION_RESHAPE_YDESC, *y);
  end_operation(operation);
}

std::optional<std::string> CudnnGraph::try_finalize(cudnnHandle_t handle) {
  if (handle != nullptr) graph_.set(CUDNN_ATTR_OPERATIONGRAPH_HANDLE, handle);
  graph_.set_descriptors(CUDNN_ATTR_OPERATIONGRAPH_OPS, operations_);
  return graph_.try_finalize();
}

}  // namespace isoflop
