// SPDX-License-Identifier: MIT
#pragma once

#include "trainer/backend/cuda/cudnn_descriptor.hpp"

#include <array>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

namespace isoflop {

/// Operations on tensors of rank 4 that cuDNN is to fuse. Tensors with an id are the caller's
/// memory, given at execution; intermediates never reach memory. All arithmetic is in f32.
class CudnnGraph {
 public:
  using Dims = std::array<int64_t, 4>;
  /// Valid as long as its graph.
  using Tensor = const CudnnDescriptor*;

  static Dims row_major(const Dims& dims) {
    return {dims[1] * dims[2] * dims[3], dims[2] * dims[3], dims[3], 1};
  }

  Tensor tensor(int64_t id, cudnnDataType_t type, const Dims& dims, const Dims& strides);
  /// An f32 scalar, read from host memory when the graph is executed.
  Tensor scalar(int64_t id);
  Tensor intermediate(cudnnDataType_t type, const Dims& dims, const Dims& strides);
  Tensor intermediate(cudnnDataType_t type, const Dims& dims) {
    return intermediate(type, dims, row_major(dims));
  }

  /// c = a b over the last two dimensions; a head of b may serve several of a.
  void matmul(Tensor c, Tensor a, Tensor b);
  void pointwise(cudnnPointwiseMode_t mode, Tensor y, Tensor x, Tensor b = nullptr);
  /// y = each element's index along `axis`; x gives the shape.
  void index(Tensor y, Tensor x, int64_t axis);
  /// y = x >= b as booleans.
  void greater_equal(Tensor y, Tensor x, Tensor b);
  /// y = condition ? x : otherwise.
  void select(Tensor y, Tensor condition, Tensor x, Tensor otherwise);
  /// Reduces the dimensions in which y is smaller than x.
  void reduce(cudnnReduceTensorOp_t op, Tensor y, Tensor x);
  /// y = x under y's dimensions and strides: a transpose when those say so.
  void reshape(Tensor y, Tensor x);

  /// Ends the building; `handle` may be null. Returns the reason when cuDNN refuses the graph.
  std::optional<std::string> try_finalize(cudnnHandle_t handle);
  const CudnnDescriptor& descriptor() const { return graph_; }

 private:
  Tensor add_tensor(int64_t id, cudnnDataType_t type, const Dims& dims, const Dims& strides,
                    bool is_virtual, bool is_by_value);
  CudnnDescriptor& add(cudnnBackendDescriptorType_t type);
  /// A finalized description of the arithmetic of an element-wise operation.
  const CudnnDescriptor& arithmetic(cudnnPointwiseMode_t mode, cudnnDataType_t compute);
  void add_pointwise(const CudnnDescriptor& arithmetic, Tensor y, Tensor x, Tensor b = nullptr,
                     Tensor condition = nullptr);
  void end_operation(CudnnDescriptor& operation);

  std::deque<CudnnDescriptor> parts_;  ///< a deque: tensors are known by their address
  std::vector<cudnnBackendDescriptor_t> operations_;
  CudnnDescriptor graph_{CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR};
  int64_t next_intermediate_ = 1000;  ///< ids of the caller's tensors are below
};

}  // namespace isoflop
