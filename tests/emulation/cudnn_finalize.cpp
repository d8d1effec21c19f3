// SPDX-License-Identifier: MIT
// What must hold for each type of cuDNN descriptor when it is finalised.
#include "emulation/cudnn_descriptor.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <set>
#include <stdexcept>

namespace isoflop::emulation {
namespace {

using Problem = std::optional<BackendProblem>;

Problem bad(const std::string& text) { return BackendProblem{CUDNN_STATUS_BAD_PARAM, text}; }
Problem unsupported(const std::string& text) {
  return BackendProblem{CUDNN_STATUS_NOT_SUPPORTED, text};
}
Problem mismatch(const std::string& text) {
  return BackendProblem{CUDNN_STATUS_BAD_PARAM_SHAPE_MISMATCH, text};
}

/// Types that exist in memory; truth values stay inside a kernel.
bool is_stored_type(cudnnDataType_t dtype) {
  return dtype == CUDNN_DATA_FLOAT || dtype == CUDNN_DATA_BFLOAT16 || dtype == CUDNN_DATA_HALF ||
         dtype == CUDNN_DATA_INT32;
}
bool is_virtual_type(cudnnDataType_t dtype) {
  return is_stored_type(dtype) || dtype == CUDNN_DATA_BOOLEAN;
}

/// Whether two elements would share memory.
bool overlaps_itself(const GraphTensor& tensor) {
  std::vector<std::pair<int64_t, int64_t>> axes;
  for (std::size_t i = 0; i < tensor.dims.size(); ++i)
    if (tensor.dims[i] != 1) axes.emplace_back(tensor.strides[i], tensor.dims[i]);
  std::sort(axes.begin(), axes.end());
  int64_t extent = 1;
  for (const auto& [stride, dim] : axes) {
    if (stride < extent) return true;
    extent = stride * (dim - 1) + extent;
  }
  return false;
}

Problem check_tensor(const BackendDescriptor& descriptor) {
  const GraphTensor tensor = tensor_of(descriptor);
  if (tensor.dims.size() != tensor.strides.size()) return bad("as many strides as dimensions");
  if (std::any_of(tensor.dims.begin(), tensor.dims.end(), [](int64_t dim) { return dim < 1; }))
    return bad(tensor.name() + " has no elements");
  if (tensor.alignment < 1 || !std::has_single_bit(static_cast<uint64_t>(tensor.alignment)) ||
      tensor.alignment % tensor.element_bytes() != 0)
    return bad(fmt::format("{} has alignment {}", tensor.name(), tensor.alignment));
  if (tensor.is_virtual && tensor.is_by_value) return bad("virtual and by value");
  if (tensor.is_by_value && (tensor.size() != 1 || tensor.dtype != CUDNN_DATA_FLOAT))
    return bad(tensor.name() + " is by value and not one float");
  if (!(tensor.is_virtual ? is_virtual_type(tensor.dtype) : is_stored_type(tensor.dtype)))
    return unsupported(fmt::format("{} has data type {}, which is not emulated", tensor.name(),
                                   static_cast<int>(tensor.dtype)));
  if (overlaps_itself(tensor)) return bad(tensor.name() + " has elements that share memory");
  return std::nullopt;
}

Problem check_pointwise(const BackendDescriptor& descriptor) {
  const auto mode = descriptor.value<cudnnPointwiseMode_t>(CUDNN_ATTR_POINTWISE_MODE);
  if (n_operands(mode) == 0)
    return unsupported(fmt::format("pointwise mode {} is not emulated", static_cast<int>(mode)));
  if ((mode == CUDNN_POINTWISE_GEN_INDEX) != descriptor.has(CUDNN_ATTR_POINTWISE_AXIS))
    return bad("GEN_INDEX, and nothing else, has an axis");
  return std::nullopt;
}

Problem check_reduction(const BackendDescriptor& descriptor) {
  const auto op = descriptor.value<cudnnReduceTensorOp_t>(CUDNN_ATTR_REDUCTION_OPERATOR);
  if (op == CUDNN_REDUCE_TENSOR_ADD || op == CUDNN_REDUCE_TENSOR_MAX) return std::nullopt;
  return unsupported(fmt::format("reduction {} is not emulated", static_cast<int>(op)));
}

Problem check_float(const BackendDescriptor& descriptor, cudnnBackendAttributeName_t name) {
  if (descriptor.value<cudnnDataType_t>(name) == CUDNN_DATA_FLOAT) return std::nullopt;
  return unsupported("arithmetic other than in float is not emulated");
}

/// Operands and output must be tensors, and the description of the right type.
bool has_type(const BackendDescriptor& descriptor, cudnnBackendAttributeName_t name,
              cudnnBackendDescriptorType_t type) {
  const BackendAttribute* const attribute = descriptor.find(name);
  return attribute == nullptr ||
         std::all_of(attribute->descriptors.begin(), attribute->descriptors.end(),
                     [&](const BackendPointer& part) { return part->type == type; });
}

Problem check_op(const BackendDescriptor& d, cudnnBackendAttributeName_t what,
                 cudnnBackendDescriptorType_t type_of_what) {
  for (const AttributeRule& rule : attribute_rules(d.type))
    if (!has_type(d, rule.name, rule.name == what ? type_of_what : CUDNN_BACKEND_TENSOR_DESCRIPTOR))
      return BackendProblem{
          CUDNN_STATUS_BAD_PARAM_DESCRIPTOR_TYPE,
          fmt::format("attribute {} is of the wrong type", static_cast<int>(rule.name))};
  const GraphOp op = op_of(d);
  if (op.output.is_by_value) return bad(op.output.name() + " is by value and written");
  if (const auto text = problem_of(op)) return mismatch(*text);
  return std::nullopt;
}

Problem check_graph(BackendDescriptor& descriptor) {
  try {
    std::vector<GraphOp> ops;
    for (const BackendPointer& op : descriptor.find(CUDNN_ATTR_OPERATIONGRAPH_OPS)->descriptors)
      ops.push_back(op_of(*op));
    descriptor.graph = make_graph(ops);
    return std::nullopt;
  } catch (const std::invalid_argument& error) {
    return bad(error.what());
  }
}

Problem check_part(const BackendDescriptor& d, cudnnBackendAttributeName_t name,
                   cudnnBackendDescriptorType_t type) {
  if (has_type(d, name, type)) return std::nullopt;
  return BackendProblem{CUDNN_STATUS_BAD_PARAM_DESCRIPTOR_TYPE,
                        fmt::format("attribute {} is of the wrong type", static_cast<int>(name))};
}

/// Where a graph is to run comes from its handle, or from described device properties.
bool knows_device(const BackendDescriptor& graph, const BackendDescriptor& user,
                  cudnnBackendAttributeName_t properties) {
  return graph.has(CUDNN_ATTR_OPERATIONGRAPH_HANDLE) || user.has(properties);
}

Problem check_heuristic(const BackendDescriptor& d) {
  if (auto problem = check_part(d, CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH,
                                CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR))
    return problem;
  if (auto problem =
          check_part(d, CUDNN_ATTR_ENGINEHEUR_DEVICEPROP, CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR))
    return problem;
  if (d.value<cudnnBackendHeurMode_t>(CUDNN_ATTR_ENGINEHEUR_MODE) != CUDNN_HEUR_MODE_A)
    return unsupported("only heuristic mode A is emulated");
  if (!knows_device(d.descriptor(CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH), d,
                    CUDNN_ATTR_ENGINEHEUR_DEVICEPROP))
    return bad("neither a handle nor device properties say for which GPU");
  return std::nullopt;
}

constexpr int64_t kEngines = 10;

Problem check_engine(const BackendDescriptor& d) {
  if (auto problem =
          check_part(d, CUDNN_ATTR_ENGINE_OPERATION_GRAPH, CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR))
    return problem;
  const auto index = d.value<int64_t>(CUDNN_ATTR_ENGINE_GLOBAL_INDEX);
  if (index < 0 || index >= kEngines) return unsupported(fmt::format("no engine {}", index));
  if (!knows_device(d.descriptor(CUDNN_ATTR_ENGINE_OPERATION_GRAPH), d,
                    CUDNN_ATTR_ENGINE_DEVICEPROP))
    return bad("neither a handle nor device properties say for which GPU");
  return std::nullopt;
}

Problem check_config(const BackendDescriptor& d) {
  if (auto problem =
          check_part(d, CUDNN_ATTR_ENGINECFG_KNOB_CHOICES, CUDNN_BACKEND_KNOB_CHOICE_DESCRIPTOR))
    return problem;
  if (const BackendAttribute* const choices = d.find(CUDNN_ATTR_ENGINECFG_KNOB_CHOICES)) {
    std::set<cudnnBackendKnobType_t> knobs;
    for (const BackendPointer& choice : choices->descriptors)
      knobs.insert(choice->value<cudnnBackendKnobType_t>(CUDNN_ATTR_KNOB_CHOICE_KNOB_TYPE));
    if (knobs.size() != choices->descriptors.size()) return bad("a knob is chosen twice");
  }
  return check_part(d, CUDNN_ATTR_ENGINECFG_ENGINE, CUDNN_BACKEND_ENGINE_DESCRIPTOR);
}

const BackendDescriptor& graph_of_config(const BackendDescriptor& config) {
  return config.descriptor(CUDNN_ATTR_ENGINECFG_ENGINE)
      .descriptor(CUDNN_ATTR_ENGINE_OPERATION_GRAPH);
}

Problem check_plan(BackendDescriptor& d) {
  if (auto problem = check_part(d, CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG,
                                CUDNN_BACKEND_ENGINECFG_DESCRIPTOR))
    return problem;
  const BackendDescriptor& graph =
      graph_of_config(d.descriptor(CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG));
  if (!d.has(CUDNN_ATTR_EXECUTION_PLAN_HANDLE) &&
      !knows_device(graph, d, CUDNN_ATTR_EXECUTION_PLAN_DEVICEPROP))
    return bad("neither a handle nor device properties say for which GPU");
  d.graph = graph.graph;
  return std::nullopt;
}

Problem check_variant_pack(const BackendDescriptor& d) {
  const auto uids = d.values<int64_t>(CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS);
  const auto pointers = d.values<void*>(CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS);
  if (uids.size() != pointers.size()) return bad("as many ids as pointers");
  if (std::set<int64_t>(uids.begin(), uids.end()).size() != uids.size())
    return BackendProblem{CUDNN_STATUS_BAD_PARAM_DUPLICATED_ENTRIES, "an id is given twice"};
  if (std::find(pointers.begin(), pointers.end(), nullptr) != pointers.end())
    return BackendProblem{CUDNN_STATUS_BAD_PARAM_NULL_POINTER, "a pointer is null"};
  return std::nullopt;
}

Problem check_properties(const BackendDescriptor& d) {
  const int n = int{d.has(CUDNN_ATTR_DEVICEPROP_DEVICE_ID)} +
                int{d.has(CUDNN_ATTR_DEVICEPROP_HANDLE)} +
                int{d.has(CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION)};
  return n == 1 ? std::nullopt : bad("one of device, handle and JSON must be set");
}

}  // namespace

std::optional<BackendProblem> complete(BackendDescriptor& d) {
  switch (d.type) {
    case CUDNN_BACKEND_TENSOR_DESCRIPTOR:
      return check_tensor(d);
    case CUDNN_BACKEND_POINTWISE_DESCRIPTOR:
      return check_pointwise(d);
    case CUDNN_BACKEND_MATMUL_DESCRIPTOR:
      return check_float(d, CUDNN_ATTR_MATMUL_COMP_TYPE);
    case CUDNN_BACKEND_REDUCTION_DESCRIPTOR:
      if (auto problem = check_float(d, CUDNN_ATTR_REDUCTION_COMP_TYPE)) return problem;
      return check_reduction(d);
    case CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR:
      return check_op(d, CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR,
                      CUDNN_BACKEND_POINTWISE_DESCRIPTOR);
    case CUDNN_BACKEND_OPERATION_MATMUL_DESCRIPTOR:
      return check_op(d, CUDNN_ATTR_OPERATION_MATMUL_DESC, CUDNN_BACKEND_MATMUL_DESCRIPTOR);
    case CUDNN_BACKEND_OPERATION_REDUCTION_DESCRIPTOR:
      return check_op(d, CUDNN_ATTR_OPERATION_REDUCTION_DESC, CUDNN_BACKEND_REDUCTION_DESCRIPTOR);
    case CUDNN_BACKEND_OPERATION_RESHAPE_DESCRIPTOR:
      return check_op(d, {}, CUDNN_BACKEND_TENSOR_DESCRIPTOR);
    case CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR:
      return check_graph(d);
    case CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR:
      return check_heuristic(d);
    case CUDNN_BACKEND_ENGINE_DESCRIPTOR:
      return check_engine(d);
    case CUDNN_BACKEND_ENGINECFG_DESCRIPTOR:
      return check_config(d);
    case CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR:
      return check_plan(d);
    case CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR:
      return check_variant_pack(d);
    case CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR:
      return check_properties(d);
    default:
      return std::nullopt;
  }
}

}  // namespace isoflop::emulation
