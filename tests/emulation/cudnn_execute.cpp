// SPDX-License-Identifier: MIT
// cuDNN's handle, and the bound of a plan on its stream.
#include "emulation/cuda_handles.hpp"
#include "emulation/cudnn_descriptor.hpp"
#include "emulation/cudnn_interpreter.hpp"
#include "emulation/node.hpp"

#include <algorithm>
#include <cstring>

namespace isoflop::emulation {
namespace {

const char* const kExecute = "cudnnBackendExecute";
constexpr uintptr_t kWorkspaceAlignment = 256;

/// A plan with the memory that it works on.
struct BoundGraph {
  Graph graph;
  std::map<int64_t, std::byte*> memory;  ///< of tensors neither virtual nor by value
  std::map<int64_t, float> scalars;      ///< by value
  std::byte* workspace = nullptr;
};

bool is_aligned(const void* pointer, int64_t bytes) {
  return reinterpret_cast<uintptr_t>(pointer) % static_cast<uintptr_t>(bytes) == 0;
}

/// Throws BackendProblem unless the variant pack has exactly the graph's tensors.
BoundGraph bind(const Graph& graph, const BackendDescriptor& pack) {
  BoundGraph bound{.graph = graph, .memory = {}, .scalars = {}};
  const auto uids = pack.values<int64_t>(CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS);
  const auto pointers = pack.values<void*>(CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS);
  for (std::size_t i = 0; i < uids.size(); ++i) {
    const auto found = graph.tensors.find(uids[i]);
    if (found == graph.tensors.end() || found->second.is_virtual)
      throw BackendProblem{
          CUDNN_STATUS_BAD_PARAM,
          fmt::format("id {} is not one of the graph's inputs and outputs", uids[i])};
    if (found->second.is_by_value) {
      bound.scalars[uids[i]] = *static_cast<const float*>(pointers[i]);
      continue;
    }
    if (!is_aligned(pointers[i], found->second.alignment))
      throw BackendProblem{CUDNN_STATUS_BAD_PARAM_MISALIGNED_POINTER,
                           fmt::format("{} at {} is not aligned to {} bytes", found->second.name(),
                                       pointers[i], found->second.alignment)};
    bound.memory[uids[i]] = static_cast<std::byte*>(pointers[i]);
  }
  for (const auto& [uid, tensor] : graph.tensors)
    if (!tensor.is_virtual && !bound.memory.count(uid) && !bound.scalars.count(uid))
      throw BackendProblem{CUDNN_STATUS_BAD_PARAM, tensor.name() + " is missing"};
  bound.workspace = static_cast<std::byte*>(pack.value<void*>(CUDNN_ATTR_VARIANT_PACK_WORKSPACE));
  if (bound.workspace == nullptr || !is_aligned(bound.workspace, kWorkspaceAlignment))
    throw BackendProblem{CUDNN_STATUS_BAD_PARAM,
                         fmt::format("workspace at {} is not aligned to {} bytes",
                                     fmt::ptr(bound.workspace), kWorkspaceAlignment)};
  return bound;
}

std::vector<Access> accesses_of(const BoundGraph& bound) {
  std::vector<Access> accesses{spoils(bound.workspace, kCudnnWorkspaceBytes)};
  for (const auto& [uid, memory] : bound.memory) {
    const bool is_output = bound.graph.writes(uid);
    for (const Stretch& stretch : stretches(bound.graph.tensors.at(uid)))
      accesses.push_back({memory + stretch.begin_bytes, stretch.bytes, is_output});
  }
  return accesses;
}

/// Only attention's graphs have products, and the upper triangle of their scores is masked.
Work work_of(const BoundGraph& bound) {
  constexpr double kBelowDiagonal = 0.5;
  int64_t n_output = 0;
  Work work{.flops = kBelowDiagonal * product_flops(bound.graph)};
  for (const auto& [uid, memory] : bound.memory) {
    const GraphTensor& tensor = bound.graph.tensors.at(uid);
    const bool is_output = bound.graph.writes(uid);
    (is_output ? work.written_bytes : work.read_bytes) += tensor.size() * tensor.element_bytes();
    if (is_output && tensor.dtype == CUDNN_DATA_BFLOAT16) ++n_output;
  }
  work.kind = n_output == 1 ? WorkKind::attention_forward : WorkKind::attention_backward;
  return work;
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

void run(const BoundGraph& bound) {
  GraphValues values;
  for (const auto& [uid, scalar] : bound.scalars) values[uid] = {scalar};
  for (const auto& [uid, memory] : bound.memory)
    if (!bound.graph.writes(uid)) values[uid] = load_tensor(bound.graph.tensors.at(uid), memory);
  std::memset(bound.workspace, 0xff, kCudnnWorkspaceBytes);  // NaN: nobody keeps data there
  interpret(bound.graph, values);
  for (const auto& [uid, memory] : bound.memory)
    if (bound.graph.writes(uid)) store_tensor(bound.graph.tensors.at(uid), values.at(uid), memory);
}

std::string fingerprint_of(const BoundGraph& bound) {
  std::string text = fmt::format("graph of {} operations, workspace {}", bound.graph.ops.size(),
                                 fmt::ptr(bound.workspace));
  for (const auto& [uid, memory] : bound.memory)
    text += fmt::format(", {} {}", uid, fmt::ptr(memory));
  for (const auto& [uid, scalar] : bound.scalars) text += fmt::format(", {} = {}", uid, scalar);
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

/// Waits for the device (cuDNN's API reference, "cudnnCreate").
cudnnStatus_t cudnnDestroy(cudnnHandle_t handle) {
  wait_for_gpu("cudnnDestroy");
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
    const BoundGraph bound = bind(plan->graph, *pack);
    std::vector<Access> accesses;
    if (executes()) accesses = accesses_of(bound);
    check_overlap(accesses);
    enqueue(context->stream, {.name = kExecute,
                              .accesses = std::move(accesses),
                              .run = [bound] { run(bound); },
                              .fingerprint = fingerprint_of(bound),
                              .work = work_of(bound)});
    return CUDNN_STATUS_SUCCESS;
  } catch (const BackendProblem& problem) {
    return fail_cudnn(problem.status, kExecute, problem.text);
  }
}
