// SPDX-License-Identifier: MIT
// cuDNN's handle, and the execution of a plan on its stream.
#include "emulation/cudnn_descriptor.hpp"
#include "emulation/cudnn_interpreter.hpp"

#include <algorithm>
#include <cstring>

namespace isoflop::emulation {
namespace {

const char* const kExecute = "cudnnBackendExecute";
constexpr uintptr_t kWorkspaceAlignment = 256;

/// A plan with the memory that it works on.
struct Execution {
  Graph graph;
  std::map<int64_t, std::byte*> memory;  ///< of tensors neither virtual nor by value
  std::map<int64_t, float> scalars;      ///< by value
  std::byte* workspace = nullptr;
};

bool is_aligned(const void* pointer, int64_t bytes) {
  return reinterpret_cast<uintptr_t>(pointer) % static_cast<uintptr_t>(bytes) == 0;
}

/// Throws BackendProblem unless the variant pack has exactly the graph's tensors.
Execution bind(const Graph& graph, const BackendDescriptor& pack) {
  Execution execution{.graph = graph, .memory = {}, .scalars = {}};
  const auto uids = pack.values<int64_t>(CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS);
  const auto pointers = pack.values<void*>(CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS);
  for (std::size_t i = 0; i < uids.size(); ++i) {
    const auto found = graph.tensors.find(uids[i]);
    if (found == graph.tensors.end() || found->second.is_virtual)
      throw BackendProblem{
          CUDNN_STATUS_BAD_PARAM,
          fmt::format("id {} is not one of the graph's inputs and outputs", uids[i])};
    if (found->second.is_by_value) {
      execution.scalars[uids[i]] = *static_cast<const float*>(pointers[i]);
      continue;
    }
    if (!is_aligned(pointers[i], found->second.alignment))
      throw BackendProblem{CUDNN_STATUS_BAD_PARAM_MISALIGNED_POINTER,
                           fmt::format("{} at {} is not aligned to {} bytes", found->second.name(),
                                       pointers[i], found->second.alignment)};
    execution.memory[uids[i]] = static_cast<std::byte*>(pointers[i]);
  }
  for (const auto& [uid, tensor] : graph.tensors)
    if (!tensor.is_virtual && !execution.memory.count(uid) && !execution.scalars.count(uid))
      throw BackendProblem{CUDNN_STATUS_BAD_PARAM, tensor.name() + " is missing"};
  execution.workspace =
      static_cast<std::byte*>(pack.value<void*>(CUDNN_ATTR_VARIANT_PACK_WORKSPACE));
  if (execution.workspace == nullptr || !is_aligned(execution.workspace, kWorkspaceAlignment))
    throw BackendProblem{CUDNN_STATUS_BAD_PARAM,
                         fmt::format("workspace at {} is not aligned to {} bytes",
                                     fmt::ptr(execution.workspace), kWorkspaceAlignment)};
  return execution;
}

std::vector<Access> accesses_of(const Execution& execution) {
  std::vector<Access> accesses{spoils(execution.workspace, kCudnnWorkspaceBytes)};
  for (const auto& [uid, memory] : execution.memory) {
    const bool is_output = execution.graph.writes(uid);
    for (const Stretch& stretch : stretches(execution.graph.tensors.at(uid)))
      accesses.push_back({memory + stretch.begin_bytes, stretch.bytes, is_output});
  }
  return accesses;
}

/// Inputs may be views of the same memory; outputs may not touch anything else.
void check_overlap(std::vector<Access> accesses) {
  const auto address = [](const Access& access) {
    return reinterpret_cast<intptr_t>(access.begin);
  };
  std::sort(accesses.begin(), accesses.end(),
            [&](const Access& a, const Access& b) { return address(a) < address(b); });
  const Access* furthest_read = nullptr;
  const Access* furthest_write = nullptr;
  const auto reaches = [&](const Access* earlier, const Access& access) {
    return earlier && address(*earlier) + earlier->bytes > address(access);
  };
  for (const Access& access : accesses) {
    if (reaches(furthest_write, access) || (access.is_write && reaches(furthest_read, access)))
      throw BackendProblem{CUDNN_STATUS_BAD_PARAM,
                           fmt::format("an output overlaps other memory at {}", access.begin)};
    const Access*& furthest = access.is_write ? furthest_write : furthest_read;
    if (!furthest || address(*furthest) + furthest->bytes < address(access) + access.bytes)
      furthest = &access;
  }
}

void run(const Execution& execution) {
  GraphValues values;
  for (const auto& [uid, scalar] : execution.scalars) values[uid] = {scalar};
  for (const auto& [uid, memory] : execution.memory)
    if (!execution.graph.writes(uid))
      values[uid] = load_tensor(execution.graph.tensors.at(uid), memory);
  std::memset(execution.workspace, 0xff, kCudnnWorkspaceBytes);  // NaN: nobody keeps data there
  interpret(execution.graph, values);
  for (const auto& [uid, memory] : execution.memory)
    if (execution.graph.writes(uid))
      store_tensor(execution.graph.tensors.at(uid), values.at(uid), memory);
}

std::string fingerprint_of(const Execution& execution) {
  std::string text = fmt::format("graph of {} operations, workspace {}", execution.graph.ops.size(),
                                 fmt::ptr(execution.workspace));
  for (const auto& [uid, memory] : execution.memory)
    text += fmt::format(", {} {}", uid, fmt::ptr(memory));
  for (const auto& [uid, scalar] : execution.scalars) text += fmt::format(", {} = {}", uid, scalar);
  return text;
}

/// Null, and a finding, unless it is alive, of this type and finalised.
BackendPointer open_finalised(cudnnBackendDescriptor_t handle, cudnnBackendDescriptorType_t type,
                              const std::string& what) {
  const BackendHandle* const found = cudnn_descriptors().find(handle, kExecute);
  if (found == nullptr) return nullptr;
  if (found->descriptor->type == type && found->descriptor->is_finalised) return found->descriptor;
  fail_cudnn(CUDNN_STATUS_BAD_PARAM, kExecute, what + " is of another type or not finalised");
  return nullptr;
}

}  // namespace

Handles<cudnnContext>& cudnn_contexts() {
  static Handles<cudnnContext> handles("cuDNN handle");
  return handles;
}

}  // namespace isoflop::emulation

using namespace isoflop::emulation;

size_t cudnnGetVersion() { return CUDNN_VERSION; }

const char* cudnnGetErrorString(cudnnStatus_t status) {
  switch (CUDNN_STATUS_CATEGORY(status)) {
    case CUDNN_STATUS_SUCCESS:
      return "CUDNN_STATUS_SUCCESS";
    case CUDNN_STATUS_BAD_PARAM:
      return "CUDNN_STATUS_BAD_PARAM";
    case CUDNN_STATUS_NOT_SUPPORTED:
      return "CUDNN_STATUS_NOT_SUPPORTED";
    default:
      return "CUDNN_UNKNOWN_STATUS";
  }
}

cudnnStatus_t cudnnCreate(cudnnHandle_t* handle) {
  *handle = cudnn_contexts().create();
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnDestroy(cudnnHandle_t handle) {
  return cudnn_contexts().destroy(handle, "cudnnDestroy") ? CUDNN_STATUS_SUCCESS
                                                          : CUDNN_STATUS_BAD_PARAM;
}

cudnnStatus_t cudnnSetStream(cudnnHandle_t handle, cudaStream_t stream) {
  cudnnContext* const context = cudnn_contexts().find(handle, "cudnnSetStream");
  if (context == nullptr) return CUDNN_STATUS_BAD_PARAM;
  context->stream = stream;
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnBackendExecute(cudnnHandle_t handle, cudnnBackendDescriptor_t plan_handle,
                                  cudnnBackendDescriptor_t pack_handle) {
  const cudnnContext* const context = cudnn_contexts().find(handle, kExecute);
  const BackendPointer plan =
      open_finalised(plan_handle, CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR, "the plan");
  const BackendPointer pack =
      open_finalised(pack_handle, CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR, "the variant pack");
  if (!context || !plan || !pack) return CUDNN_STATUS_BAD_PARAM;
  try {
    const Execution execution = bind(plan->graph, *pack);
    std::vector<Access> accesses = accesses_of(execution);
    check_overlap(accesses);
    enqueue(context->stream, {.name = kExecute,
                              .accesses = std::move(accesses),
                              .run = [execution] { run(execution); },
                              .fingerprint = fingerprint_of(execution)});
    return CUDNN_STATUS_SUCCESS;
  } catch (const BackendProblem& problem) {
    return fail_cudnn(problem.status, kExecute, problem.text);
  }
}
