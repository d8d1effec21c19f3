// SPDX-License-Identifier: MIT
#pragma once

#include "emulation/cudnn_backend_graph.hpp"
#include "emulation/handles.hpp"

#include <cudnn.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

/// cuDNN's own name for what a cudnnHandle_t points to.
struct cudnnContext {
  cudaStream_t stream = nullptr;
};

namespace isoflop::emulation {

struct BackendDescriptor;
using BackendPointer = std::shared_ptr<BackendDescriptor>;

/// The value of an attribute.
struct BackendAttribute {
  cudnnBackendAttributeType_t type = CUDNN_TYPE_INT64;
  int64_t count = 0;
  std::vector<std::byte> bytes;
  std::vector<BackendPointer> descriptors;  ///< instead of bytes, for CUDNN_TYPE_BACKEND_DESCRIPTOR
};

/// A descriptor of cuDNN's backend API. Shared by its handle and by descriptors it was set in,
/// which cuDNN lets outlive the handle; nothing changes once it is finalised.
struct BackendDescriptor {
  cudnnBackendDescriptorType_t type = CUDNN_BACKEND_TENSOR_DESCRIPTOR;
  bool is_finalised = false;
  std::map<cudnnBackendAttributeName_t, BackendAttribute> attributes;
  Graph graph;  ///< of an operation graph that is finalised

  const BackendAttribute* find(cudnnBackendAttributeName_t name) const;
  bool has(cudnnBackendAttributeName_t name) const { return find(name) != nullptr; }
  /// Of attributes that are set.
  const BackendDescriptor& descriptor(cudnnBackendAttributeName_t name) const;
  template <typename T>
  std::vector<T> values(cudnnBackendAttributeName_t name) const {
    const BackendAttribute& attribute = *find(name);
    std::vector<T> result(static_cast<std::size_t>(attribute.count));
    std::memcpy(result.data(), attribute.bytes.data(), result.size() * sizeof(T));
    return result;
  }
  template <typename T>
  T value(cudnnBackendAttributeName_t name) const {
    T result;
    std::memcpy(&result, find(name)->bytes.data(), sizeof(T));
    return result;
  }
  template <typename T>
  T value_or(cudnnBackendAttributeName_t name, T otherwise) const {
    return has(name) ? value<T>(name) : otherwise;
  }
};

/// What a cudnnBackendDescriptor_t points to.
struct BackendHandle {
  BackendPointer descriptor;
};

Handles<cudnnContext>& cudnn_contexts();
Handles<BackendHandle>& cudnn_descriptors();

/// Notes the finding and the text of cudnnGetLastErrorString.
cudnnStatus_t fail_cudnn(cudnnStatus_t status, const std::string& call, const std::string& problem);

/// What one attribute of a descriptor type may hold.
struct AttributeRule {
  cudnnBackendAttributeName_t name;
  cudnnBackendAttributeType_t type;
  int64_t max_count = 1;
  bool is_required = true;
};
/// Empty for descriptor types that are not emulated. cuDNN 9.19 accepts these types, and no other.
std::span<const AttributeRule> attribute_rules(cudnnBackendDescriptorType_t type);
/// Null for attributes that are not emulated.
const AttributeRule* attribute_rule(cudnnBackendDescriptorType_t type,
                                    cudnnBackendAttributeName_t name);
/// Bytes of one element; 0 for types that are not emulated.
std::size_t attribute_bytes(cudnnBackendAttributeType_t type);

/// Why a descriptor whose required attributes are set cannot be used.
struct BackendProblem {
  cudnnStatus_t status = CUDNN_STATUS_BAD_PARAM;
  std::string text;
};
/// Checks the values; an operation graph gets its `graph`.
std::optional<BackendProblem> complete(BackendDescriptor& descriptor);

/// Of a tensor descriptor whose required attributes are set.
GraphTensor tensor_of(const BackendDescriptor& descriptor);
/// Of an operation whose required attributes are set, with parts of the right types. Throws
/// std::invalid_argument for other descriptors.
GraphOp op_of(const BackendDescriptor& descriptor);

/// What is read of finalised descriptors but never set: results of heuristics, a plan's workspace
/// and text. Null when the descriptor has no such attribute.
std::optional<BackendAttribute> derived_attribute(const BackendPointer& descriptor,
                                                  cudnnBackendAttributeName_t name);

/// Bytes of device memory that every plan asks for beside its tensors.
inline constexpr int64_t kCudnnWorkspaceBytes = 4096;

}  // namespace isoflop::emulation
