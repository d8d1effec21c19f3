// SPDX-License-Identifier: MIT
// The tensors and operations that finalised cuDNN descriptors stand for.
#include "emulation/cudnn_descriptor.hpp"

#include <stdexcept>

namespace isoflop::emulation {

GraphTensor tensor_of(const BackendDescriptor& d) {
  return {.uid = d.value<int64_t>(CUDNN_ATTR_TENSOR_UNIQUE_ID),
          .dtype = d.value<cudnnDataType_t>(CUDNN_ATTR_TENSOR_DATA_TYPE),
          .dims = d.values<int64_t>(CUDNN_ATTR_TENSOR_DIMENSIONS),
          .strides = d.values<int64_t>(CUDNN_ATTR_TENSOR_STRIDES),
          .alignment = d.value<int64_t>(CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT),
          .is_virtual = d.value_or(CUDNN_ATTR_TENSOR_IS_VIRTUAL, false),
          .is_by_value = d.value_or(CUDNN_ATTR_TENSOR_IS_BY_VALUE, false)};
}

namespace {

GraphOp pointwise_of(const BackendDescriptor& d) {
  const BackendDescriptor& what = d.descriptor(CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR);
  GraphOp op{.kind = GraphOpKind::pointwise,
             .mode = what.value<cudnnPointwiseMode_t>(CUDNN_ATTR_POINTWISE_MODE),
             .axis = what.value_or<int64_t>(CUDNN_ATTR_POINTWISE_AXIS, -1),
             .output = tensor_of(d.descriptor(CUDNN_ATTR_OPERATION_POINTWISE_YDESC)),
             .operands = {}};
  for (const auto name :
       {CUDNN_ATTR_OPERATION_POINTWISE_XDESC, CUDNN_ATTR_OPERATION_POINTWISE_BDESC,
        CUDNN_ATTR_OPERATION_POINTWISE_TDESC})
    if (d.has(name)) op.operands.push_back(tensor_of(d.descriptor(name)));
  return op;
}

GraphOp matmul_of(const BackendDescriptor& d) {
  return {.kind = GraphOpKind::matmul,
          .output = tensor_of(d.descriptor(CUDNN_ATTR_OPERATION_MATMUL_CDESC)),
          .operands = {tensor_of(d.descriptor(CUDNN_ATTR_OPERATION_MATMUL_ADESC)),
                       tensor_of(d.descriptor(CUDNN_ATTR_OPERATION_MATMUL_BDESC))}};
}

GraphOp reduction_of(const BackendDescriptor& d) {
  return {.kind = GraphOpKind::reduction,
          .reduction = d.descriptor(CUDNN_ATTR_OPERATION_REDUCTION_DESC)
                           .value<cudnnReduceTensorOp_t>(CUDNN_ATTR_REDUCTION_OPERATOR),
          .output = tensor_of(d.descriptor(CUDNN_ATTR_OPERATION_REDUCTION_YDESC)),
          .operands = {tensor_of(d.descriptor(CUDNN_ATTR_OPERATION_REDUCTION_XDESC))}};
}

GraphOp reshape_of(const BackendDescriptor& d) {
  return {.kind = GraphOpKind::reshape,
          .output = tensor_of(d.descriptor(CUDNN_ATTR_OPERATION_RESHAPE_YDESC)),
          .operands = {tensor_of(d.descriptor(CUDNN_ATTR_OPERATION_RESHAPE_XDESC))}};
}

}  // namespace

GraphOp op_of(const BackendDescriptor& d) {
  switch (d.type) {
    case CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR:
      return pointwise_of(d);
    case CUDNN_BACKEND_OPERATION_MATMUL_DESCRIPTOR:
      return matmul_of(d);
    case CUDNN_BACKEND_OPERATION_REDUCTION_DESCRIPTOR:
      return reduction_of(d);
    case CUDNN_BACKEND_OPERATION_RESHAPE_DESCRIPTOR:
      return reshape_of(d);
    default:
      throw std::invalid_argument("operations hold a descriptor that is none");
  }
}

}  // namespace isoflop::emulation
