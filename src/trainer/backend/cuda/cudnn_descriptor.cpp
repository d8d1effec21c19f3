// SPDX-License-Identifier: MIT
#include "trainer/backend/cuda/cudnn_descriptor.hpp"

#include "trainer/backend/device_failure.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace isoflop {
namespace {

void check(cudnnStatus_t status, const char* call, cudnnBackendDescriptorType_t type,
           int attribute) {
  if (status == CUDNN_STATUS_SUCCESS) return;
  throw DeviceFailure(fmt::format("{} (descriptor type {}, attribute {}) failed: {}", call,
                                  static_cast<int>(type), attribute, cudnn_last_error(status)));
}

}  // namespace

std::string cudnn_last_error(cudnnStatus_t status) {
  std::array<char, 512> words{};
  cudnnGetLastErrorString(words.data(), words.size());
  std::string text = words.data();
  std::replace(text.begin(), text.end(), '\n', ' ');
  if (text.empty()) return cudnnGetErrorString(status);
  return fmt::format("{}: {}", cudnnGetErrorString(status), text);
}

void CudnnDescriptor::Destroy::operator()(void* descriptor) const noexcept {
  cudnnBackendDestroyDescriptor(descriptor);
}

CudnnDescriptor::CudnnDescriptor(cudnnBackendDescriptorType_t type) : type_(type) {
  cudnnBackendDescriptor_t raw = nullptr;
  check(cudnnBackendCreateDescriptor(type, &raw), "cudnnBackendCreateDescriptor", type, -1);
  handle_.reset(raw);
}

void CudnnDescriptor::set_raw(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type,
                              int64_t count, const void* values) {
  check(cudnnBackendSetAttribute(raw(), name, type, count, values), "cudnnBackendSetAttribute",
        type_, name);
}

void CudnnDescriptor::set(cudnnBackendAttributeName_t name, cudnnHandle_t value) {
  set_raw(name, CUDNN_TYPE_HANDLE, 1, &value);
}

void CudnnDescriptor::set(cudnnBackendAttributeName_t name, bool value) {
  set_raw(name, CUDNN_TYPE_BOOLEAN, 1, &value);
}

void CudnnDescriptor::set(cudnnBackendAttributeName_t name, int64_t value) {
  set_raw(name, CUDNN_TYPE_INT64, 1, &value);
}

void CudnnDescriptor::set(cudnnBackendAttributeName_t name, std::span<const int64_t> values) {
  set_raw(name, CUDNN_TYPE_INT64, static_cast<int64_t>(values.size()), values.data());
}

void CudnnDescriptor::set(cudnnBackendAttributeName_t name, cudnnDataType_t value) {
  set_raw(name, CUDNN_TYPE_DATA_TYPE, 1, &value);
}

void CudnnDescriptor::set(cudnnBackendAttributeName_t name, cudnnPointwiseMode_t value) {
  set_raw(name, CUDNN_TYPE_POINTWISE_MODE, 1, &value);
}

void CudnnDescriptor::set(cudnnBackendAttributeName_t name, cudnnReduceTensorOp_t value) {
  set_raw(name, CUDNN_TYPE_REDUCTION_OPERATOR_TYPE, 1, &value);
}

void CudnnDescriptor::set(cudnnBackendAttributeName_t name, cudnnBackendHeurMode_t value) {
  set_raw(name, CUDNN_TYPE_HEUR_MODE, 1, &value);
}

void CudnnDescriptor::set(cudnnBackendAttributeName_t name, cudnnBackendKnobType_t value) {
  set_raw(name, CUDNN_TYPE_KNOB_TYPE, 1, &value);
}

void CudnnDescriptor::set(cudnnBackendAttributeName_t name, const CudnnDescriptor& value) {
  const cudnnBackendDescriptor_t handle = value.raw();
  set_descriptors(name, std::span(&handle, 1));
}

void CudnnDescriptor::set_descriptors(cudnnBackendAttributeName_t name,
                                      std::span<const cudnnBackendDescriptor_t> values) {
  set_raw(name, CUDNN_TYPE_BACKEND_DESCRIPTOR, static_cast<int64_t>(values.size()), values.data());
}

void CudnnDescriptor::set_pointers(cudnnBackendAttributeName_t name,
                                   std::span<void* const> values) {
  set_raw(name, CUDNN_TYPE_VOID_PTR, static_cast<int64_t>(values.size()), values.data());
}

void CudnnDescriptor::set(cudnnBackendAttributeName_t name, std::string_view text) {
  set_raw(name, CUDNN_TYPE_CHAR, static_cast<int64_t>(text.size()), text.data());
}

int64_t CudnnDescriptor::integer(cudnnBackendAttributeName_t name) const {
  int64_t value = 0;
  int64_t count = 0;
  check(cudnnBackendGetAttribute(raw(), name, CUDNN_TYPE_INT64, 1, &count, &value),
        "cudnnBackendGetAttribute", type_, name);
  return value;
}

std::string CudnnDescriptor::text(cudnnBackendAttributeName_t name) const {
  int64_t size = 0;
  check(cudnnBackendGetAttribute(raw(), name, CUDNN_TYPE_CHAR, 0, &size, nullptr),
        "cudnnBackendGetAttribute", type_, name);
  std::string text(static_cast<std::size_t>(size), '\0');
  check(cudnnBackendGetAttribute(raw(), name, CUDNN_TYPE_CHAR, size, &size, text.data()),
        "cudnnBackendGetAttribute", type_, name);
  return text;
}

std::vector<CudnnDescriptor> CudnnDescriptor::descriptors(cudnnBackendAttributeName_t name,
                                                          cudnnBackendDescriptorType_t type,
                                                          int64_t limit) const {
  std::vector<CudnnDescriptor> out;
  std::vector<cudnnBackendDescriptor_t> handles;
  for (int64_t i = 0; i < limit; ++i) handles.push_back(out.emplace_back(type).raw());
  int64_t count = 0;
  check(cudnnBackendGetAttribute(raw(), name, CUDNN_TYPE_BACKEND_DESCRIPTOR, limit, &count,
                                 handles.data()),
        "cudnnBackendGetAttribute", type_, name);
  out.erase(out.begin() + std::min(count, limit), out.end());
  return out;
}

void CudnnDescriptor::finalize() {
  check(cudnnBackendFinalize(raw()), "cudnnBackendFinalize", type_, -1);
}

std::optional<std::string> CudnnDescriptor::try_finalize() {
  const cudnnStatus_t status = cudnnBackendFinalize(raw());
  if (status == CUDNN_STATUS_SUCCESS) return std::nullopt;
  return cudnn_last_error(status);
}

}  // namespace isoflop
