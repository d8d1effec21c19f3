// SPDX-License-Identifier: MIT
// cuDNN's backend API: descriptors are created, filled in, finalised and read.
#include "emulation/cudnn_descriptor.hpp"

#include <algorithm>

namespace isoflop::emulation {
namespace {

const char* const kSet = "cudnnBackendSetAttribute";
const char* const kGet = "cudnnBackendGetAttribute";
const char* const kFinalize = "cudnnBackendFinalize";

std::string& last_error() {
  static std::string text;
  return text;
}

std::string place(const BackendDescriptor& descriptor, int attribute) {
  return fmt::format("descriptor type {}, attribute {}: ", static_cast<int>(descriptor.type),
                     attribute);
}

/// Null, and a finding, when it is not alive.
BackendPointer open(cudnnBackendDescriptor_t handle, const char* call) {
  const BackendHandle* const found = cudnn_descriptors().find(handle, call);
  return found ? found->descriptor : nullptr;
}

cudnnStatus_t check_value(const BackendDescriptor& descriptor, const AttributeRule& rule,
                          cudnnBackendAttributeType_t type, int64_t count, const void* values) {
  const std::string where = place(descriptor, rule.name);
  if (type != rule.type)
    return fail_cudnn(CUDNN_STATUS_BAD_PARAM_ATTRIBUTE_TYPE, kSet,
                      where + fmt::format("has type {}, not {}", static_cast<int>(rule.type),
                                          static_cast<int>(type)));
  if (count < 1 || count > rule.max_count)
    return fail_cudnn(CUDNN_STATUS_BAD_PARAM, kSet,
                      where + fmt::format("{} elements, at most {}", count, rule.max_count));
  if (values == nullptr)
    return fail_cudnn(CUDNN_STATUS_BAD_PARAM_NULL_POINTER, kSet, where + "values are null");
  return CUDNN_STATUS_SUCCESS;
}

/// The descriptors behind an array of handles; each must be finalised.
cudnnStatus_t take_descriptors(BackendAttribute& attribute, const std::string& where,
                               const void* values) {
  for (int64_t i = 0; i < attribute.count; ++i) {
    const BackendPointer part = open(static_cast<const cudnnBackendDescriptor_t*>(values)[i], kSet);
    if (!part) return CUDNN_STATUS_BAD_PARAM;
    if (!part->is_finalised)
      return fail_cudnn(CUDNN_STATUS_BAD_PARAM_NOT_FINALIZED, kSet,
                        where + "is given a descriptor that is not finalised");
    attribute.descriptors.push_back(part);
  }
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t take_bytes(BackendAttribute& attribute, const void* values) {
  if (attribute.type == CUDNN_TYPE_HANDLE &&
      !cudnn_contexts().find(*static_cast<const cudnnHandle_t*>(values), kSet))
    return CUDNN_STATUS_BAD_PARAM;
  const auto* const begin = static_cast<const std::byte*>(values);
  attribute.bytes.assign(
      begin, begin + static_cast<std::size_t>(attribute.count) * attribute_bytes(attribute.type));
  return CUDNN_STATUS_SUCCESS;
}

/// Copies to the caller's array; descriptors go into handles that the caller has made.
cudnnStatus_t give(const BackendAttribute& attribute, int64_t n, void* values) {
  if (attribute.type != CUDNN_TYPE_BACKEND_DESCRIPTOR) {
    std::memcpy(values, attribute.bytes.data(),
                static_cast<std::size_t>(n) * attribute_bytes(attribute.type));
    return CUDNN_STATUS_SUCCESS;
  }
  for (int64_t i = 0; i < n; ++i) {
    const BackendPointer& part = attribute.descriptors[static_cast<std::size_t>(i)];
    BackendHandle* const target =
        cudnn_descriptors().find(static_cast<cudnnBackendDescriptor_t*>(values)[i], kGet);
    if (target == nullptr) return CUDNN_STATUS_BAD_PARAM;
    if (target->descriptor->type != part->type || target->descriptor->is_finalised)
      return fail_cudnn(CUDNN_STATUS_BAD_PARAM_DESCRIPTOR_TYPE, kGet,
                        "is given a descriptor of another type, or one that is finalised");
    target->descriptor = part;
  }
  return CUDNN_STATUS_SUCCESS;
}

std::optional<BackendAttribute> readable_attribute(const BackendPointer& descriptor,
                                                   cudnnBackendAttributeName_t name) {
  if (const BackendAttribute* const found = descriptor->find(name)) return *found;
  return derived_attribute(descriptor, name);
}

}  // namespace

const BackendAttribute* BackendDescriptor::find(cudnnBackendAttributeName_t name) const {
  const auto found = attributes.find(name);
  return found == attributes.end() ? nullptr : &found->second;
}

const BackendDescriptor& BackendDescriptor::descriptor(cudnnBackendAttributeName_t name) const {
  return *find(name)->descriptors.front();
}

Handles<BackendHandle>& cudnn_descriptors() {
  static Handles<BackendHandle> handles("backend descriptor");
  return handles;
}

cudnnStatus_t fail_cudnn(cudnnStatus_t status, const std::string& call,
                         const std::string& problem) {
  report_misuse(call, problem);
  last_error() = call + ": " + problem;
  return status;
}

}  // namespace isoflop::emulation

using namespace isoflop::emulation;

void cudnnGetLastErrorString(char* message, size_t max_size) {
  if (max_size == 0) return;
  const std::size_t n = std::min(max_size - 1, last_error().size());
  std::copy_n(last_error().data(), n, message);
  message[n] = '\0';
  last_error().clear();
}

cudnnStatus_t cudnnBackendCreateDescriptor(cudnnBackendDescriptorType_t type,
                                           cudnnBackendDescriptor_t* descriptor) {
  if (attribute_rules(type).empty())
    return fail_cudnn(CUDNN_STATUS_NOT_SUPPORTED, "cudnnBackendCreateDescriptor",
                      fmt::format("descriptor type {} is not emulated", static_cast<int>(type)));
  BackendHandle* const handle = cudnn_descriptors().create();
  handle->descriptor = std::make_shared<BackendDescriptor>();
  handle->descriptor->type = type;
  *descriptor = handle;
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnBackendDestroyDescriptor(cudnnBackendDescriptor_t descriptor) {
  const char* const call = "cudnnBackendDestroyDescriptor";
  BackendHandle* const handle = cudnn_descriptors().find(descriptor, call);
  if (handle == nullptr) return CUDNN_STATUS_BAD_PARAM_NULL_POINTER;
  handle->descriptor.reset();
  cudnn_descriptors().destroy(descriptor, call);
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnBackendSetAttribute(cudnnBackendDescriptor_t handle,
                                       cudnnBackendAttributeName_t name,
                                       cudnnBackendAttributeType_t type, int64_t count,
                                       const void* values) {
  const BackendPointer descriptor = open(handle, kSet);
  if (!descriptor) return CUDNN_STATUS_BAD_PARAM;
  const std::string where = place(*descriptor, name);
  if (descriptor->is_finalised)
    return fail_cudnn(CUDNN_STATUS_BAD_PARAM, kSet, where + "the descriptor is finalised");
  const AttributeRule* const rule = attribute_rule(descriptor->type, name);
  if (rule == nullptr)
    return fail_cudnn(CUDNN_STATUS_NOT_SUPPORTED, kSet, where + "is not emulated");
  if (const cudnnStatus_t status = check_value(*descriptor, *rule, type, count, values);
      status != CUDNN_STATUS_SUCCESS)
    return status;
  BackendAttribute attribute{type, count, {}, {}};
  const cudnnStatus_t status = type == CUDNN_TYPE_BACKEND_DESCRIPTOR
                                   ? take_descriptors(attribute, where, values)
                                   : take_bytes(attribute, values);
  if (status == CUDNN_STATUS_SUCCESS) descriptor->attributes[name] = std::move(attribute);
  return status;
}

cudnnStatus_t cudnnBackendFinalize(cudnnBackendDescriptor_t handle) {
  const BackendPointer descriptor = open(handle, kFinalize);
  if (!descriptor) return CUDNN_STATUS_BAD_PARAM;
  if (descriptor->is_finalised)
    return fail_cudnn(CUDNN_STATUS_BAD_PARAM, kFinalize,
                      place(*descriptor, -1) + "was finalised before");
  for (const AttributeRule& rule : attribute_rules(descriptor->type))
    if (rule.is_required && !descriptor->has(rule.name))
      return fail_cudnn(CUDNN_STATUS_BAD_PARAM, kFinalize,
                        place(*descriptor, rule.name) + "was not set");
  if (const std::optional<BackendProblem> problem = complete(*descriptor))
    return fail_cudnn(problem->status, kFinalize, place(*descriptor, -1) + problem->text);
  descriptor->is_finalised = true;
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnBackendGetAttribute(cudnnBackendDescriptor_t const handle,
                                       cudnnBackendAttributeName_t name,
                                       cudnnBackendAttributeType_t type, int64_t n_requested,
                                       int64_t* count, void* values) {
  const BackendPointer descriptor = open(handle, kGet);
  if (!descriptor) return CUDNN_STATUS_BAD_PARAM;
  const std::string where = place(*descriptor, name);
  if (!descriptor->is_finalised)
    return fail_cudnn(CUDNN_STATUS_NOT_INITIALIZED, kGet,
                      where + "the descriptor is not finalised");
  const std::optional<BackendAttribute> attribute = readable_attribute(descriptor, name);
  if (!attribute)
    return fail_cudnn(CUDNN_STATUS_NOT_SUPPORTED, kGet, where + "is not set or not emulated");
  if (type != attribute->type)
    return fail_cudnn(CUDNN_STATUS_BAD_PARAM_ATTRIBUTE_TYPE, kGet,
                      where + fmt::format("has type {}, not {}", static_cast<int>(attribute->type),
                                          static_cast<int>(type)));
  if (count != nullptr) *count = attribute->count;
  if (n_requested == 0 || values == nullptr) return CUDNN_STATUS_SUCCESS;
  return give(*attribute, std::min(n_requested, attribute->count), values);
}
