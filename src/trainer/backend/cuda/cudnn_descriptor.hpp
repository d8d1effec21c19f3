// SPDX-License-Identifier: MIT
#pragma once

#include <cudnn.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace isoflop {

/// cuDNN's words for what went wrong in the last call of this thread, on one line.
std::string cudnn_last_error(cudnnStatus_t status);

/// A descriptor of cuDNN's graph API: attributes are set, then it is finalized and used by others.
/// Misuse throws DeviceFailure, naming descriptor and attribute by their numbers in cudnn_graph.h.
class CudnnDescriptor {
 public:
  explicit CudnnDescriptor(cudnnBackendDescriptorType_t type);

  cudnnBackendDescriptor_t raw() const { return handle_.get(); }

  void set(cudnnBackendAttributeName_t name, cudnnHandle_t value);
  void set(cudnnBackendAttributeName_t name, bool value);
  void set(cudnnBackendAttributeName_t name, int64_t value);
  void set(cudnnBackendAttributeName_t name, std::span<const int64_t> values);
  void set(cudnnBackendAttributeName_t name, cudnnDataType_t value);
  void set(cudnnBackendAttributeName_t name, cudnnPointwiseMode_t value);
  void set(cudnnBackendAttributeName_t name, cudnnReduceTensorOp_t value);
  void set(cudnnBackendAttributeName_t name, cudnnBackendHeurMode_t value);
  void set(cudnnBackendAttributeName_t name, cudnnBackendKnobType_t value);
  void set(cudnnBackendAttributeName_t name, std::string_view text);
  void set(cudnnBackendAttributeName_t name, const CudnnDescriptor& value);
  /// Raw handles: cuDNN's type for them is void*, as is that of data.
  void set_descriptors(cudnnBackendAttributeName_t name,
                       std::span<const cudnnBackendDescriptor_t> values);
  void set_pointers(cudnnBackendAttributeName_t name, std::span<void* const> values);

  int64_t integer(cudnnBackendAttributeName_t name) const;
  std::string text(cudnnBackendAttributeName_t name) const;
  /// The descriptors of this type that the attribute holds, `limit` at most.
  std::vector<CudnnDescriptor> descriptors(cudnnBackendAttributeName_t name,
                                           cudnnBackendDescriptorType_t type, int64_t limit) const;

  void finalize();
  /// The reason when cuDNN does not support what the descriptor asks for.
  std::optional<std::string> try_finalize();

 private:
  struct Destroy {
    void operator()(void* descriptor) const noexcept;
  };

  void set_raw(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type, int64_t count,
               const void* values);

  cudnnBackendDescriptorType_t type_;
  std::unique_ptr<void, Destroy> handle_;
};

}  // namespace isoflop
