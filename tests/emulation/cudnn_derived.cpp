// SPDX-License-Identifier: MIT
// What can be read of cuDNN descriptors but is never set.
#include "emulation/cudnn_descriptor.hpp"
#include "emulation/node.hpp"

#include <algorithm>
#include <string_view>

namespace isoflop::emulation {
namespace {

BackendAttribute integer(int64_t value) {
  BackendAttribute attribute{CUDNN_TYPE_INT64, 1, std::vector<std::byte>(sizeof(value)), {}};
  std::memcpy(attribute.bytes.data(), &value, sizeof(value));
  return attribute;
}

BackendAttribute text(std::string_view value) {
  BackendAttribute attribute{CUDNN_TYPE_CHAR, static_cast<int64_t>(value.size()), {}, {}};
  for (const char c : value) attribute.bytes.push_back(static_cast<std::byte>(c));
  return attribute;
}

/// The one engine configuration there is.
BackendAttribute heuristic_results(const BackendDescriptor& heuristic) {
  const auto engine = std::make_shared<BackendDescriptor>();
  engine->type = CUDNN_BACKEND_ENGINE_DESCRIPTOR;
  engine->is_finalised = true;
  engine->attributes[CUDNN_ATTR_ENGINE_OPERATION_GRAPH] =
      *heuristic.find(CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH);
  engine->attributes[CUDNN_ATTR_ENGINE_GLOBAL_INDEX] = integer(0);
  const auto config = std::make_shared<BackendDescriptor>();
  config->type = CUDNN_BACKEND_ENGINECFG_DESCRIPTOR;
  config->is_finalised = true;
  config->attributes[CUDNN_ATTR_ENGINECFG_ENGINE] = {
      CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, {}, {engine}};
  return {CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, {}, {config}};
}

}  // namespace

std::optional<BackendAttribute> derived_attribute(const BackendPointer& descriptor,
                                                  cudnnBackendAttributeName_t name) {
  if (descriptor->type == CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR &&
      name == CUDNN_ATTR_ENGINEHEUR_RESULTS)
    return heuristic_results(*descriptor);
  if (descriptor->type != CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR) return std::nullopt;
  if (name == CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE)
    return integer(executes()
                       ? kCudnnWorkspaceBytes
                       : std::max(kCudnnWorkspaceBytes, plan_workspace_bytes(descriptor->graph)));
  if (name == CUDNN_ATTR_EXECUTION_PLAN_JSON_REPRESENTATION)
    return text(fmt::format(R"({{"kernel": "emulated_flash_graph_of_{}_operations"}})",
                            descriptor->graph.ops.size()));
  return std::nullopt;
}

}  // namespace isoflop::emulation
