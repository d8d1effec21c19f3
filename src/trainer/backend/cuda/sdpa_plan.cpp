// SPDX-License-Identifier: MIT
#include "trainer/backend/cuda/sdpa_plan.hpp"

#include "core/base/error.hpp"
#include "core/hardware/gpu_attention_limits.hpp"

#include <fmt/format.h>

#include <optional>
#include <utility>
#include <vector>

namespace isoflop {
namespace {

/// The first cuDNN, and the first whose backward pass takes sequences of any length.
constexpr std::size_t kOldestCudnn = 91002, kAnyLengthCudnn = 91501;
constexpr int64_t kLengthMultiple = 128;
/// Engine configurations looked at; heuristics give fewer than ten for attention.
constexpr int64_t kMostConfigs = 16;

std::string dotted(std::size_t version) {
  return fmt::format("{}.{}.{}", version / 10000, version / 100 % 100, version % 100);
}

[[noreturn]] void refuse(const CudnnTarget& target, const SdpaShape& s, SdpaPass pass,
                         const std::string& reason) {
  const std::size_t version = cudnnGetVersion();
  throw ConfigError(fmt::format(
      "attention with d_head {}, {} query and {} key heads, T {} on {} (sm{}): cuDNN {}.{} has no "
      "kernel for the {} pass ({}); change n_head, n_kv_head or d_head of the model, or train in "
      "fp32",
      s.d_head, s.n_head, s.n_kv_head, s.T, target.gpu_name, target.sm_version, version / 10000,
      version / 100 % 100, pass == SdpaPass::forward ? "forward" : "backward", reason));
}

/// What is known without asking cuDNN.
std::optional<std::string> known_problem(const SdpaShape& s) {
  if (s.d_head % kFlashHeadMultiple != 0)
    return fmt::format("d_head must be a multiple of {}", kFlashHeadMultiple);
  if (s.n_head % s.n_kv_head != 0) return "n_head must be a multiple of n_kv_head";
  return std::nullopt;
}

void set_target(CudnnDescriptor& descriptor, const CudnnTarget& target,
                cudnnBackendAttributeName_t properties) {
  if (target.handle == nullptr) descriptor.set(properties, *target.properties);
}

struct KnobChoice {
  cudnnBackendKnobType_t type;
  int64_t value;
};

CudnnDescriptor describe(const KnobChoice& knob) {
  CudnnDescriptor choice(CUDNN_BACKEND_KNOB_CHOICE_DESCRIPTOR);
  choice.set(CUDNN_ATTR_KNOB_CHOICE_KNOB_TYPE, knob.type);
  choice.set(CUDNN_ATTR_KNOB_CHOICE_KNOB_VALUE, knob.value);
  choice.finalize();
  return choice;
}

/// The tiles of 128 x 128 of the sm100 kernel; cuDNN 9.23 split one knob into several.
std::vector<KnobChoice> sm100_backward_knobs() {
  if (cudnnGetVersion() < 92300)
    return {{CUDNN_KNOB_TYPE_KERNEL_CFG, 31}, {CUDNN_KNOB_TYPE_STAGES, 2}};
  return {{CUDNN_KNOB_TYPE_TILE_M, 3},     {CUDNN_KNOB_TYPE_TILE_N, 2},
          {CUDNN_KNOB_TYPE_KERNEL_CFG, 2}, {CUDNN_KNOB_TYPE_STREAM_K, 0},
          {CUDNN_KNOB_TYPE_TILE_CGA_M, 0}, {CUDNN_KNOB_TYPE_STAGES, 2}};
}

/// On sm100 the heuristic answers a deterministic backward pass with the kernel of sm80 and a
/// workspace that grows with T^2. NVIDIA's cudnn-frontend 1.23 asks for this engine instead
/// (override_heuristics_query() in node/scaled_dot_product_flash_attention.h).
std::optional<CudnnDescriptor> sm100_deterministic_config(const CudnnTarget& target,
                                                          const CudnnGraph& graph) {
  CudnnDescriptor engine(CUDNN_BACKEND_ENGINE_DESCRIPTOR);
  engine.set(CUDNN_ATTR_ENGINE_OPERATION_GRAPH, graph.descriptor());
  engine.set(CUDNN_ATTR_ENGINE_GLOBAL_INDEX, int64_t{5});
  set_target(engine, target, CUDNN_ATTR_ENGINE_DEVICEPROP);
  if (engine.try_finalize()) return std::nullopt;
  std::vector<CudnnDescriptor> knobs;
  std::vector<cudnnBackendDescriptor_t> handles;
  for (const KnobChoice& knob : sm100_backward_knobs())
    handles.push_back(knobs.emplace_back(describe(knob)).raw());
  CudnnDescriptor config(CUDNN_BACKEND_ENGINECFG_DESCRIPTOR);
  config.set(CUDNN_ATTR_ENGINECFG_ENGINE, engine);
  config.set_descriptors(CUDNN_ATTR_ENGINECFG_KNOB_CHOICES, handles);
  if (config.try_finalize()) return std::nullopt;
  return config;
}

/// Engine configurations, the most promising first.
std::vector<CudnnDescriptor> heuristic_configs(const CudnnTarget& target, const CudnnGraph& graph) {
  CudnnDescriptor heuristics(CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR);
  heuristics.set(CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, graph.descriptor());
  heuristics.set(CUDNN_ATTR_ENGINEHEUR_MODE, CUDNN_HEUR_MODE_A);
  set_target(heuristics, target, CUDNN_ATTR_ENGINEHEUR_DEVICEPROP);
  if (heuristics.try_finalize()) return {};
  return heuristics.descriptors(CUDNN_ATTR_ENGINEHEUR_RESULTS, CUDNN_BACKEND_ENGINECFG_DESCRIPTOR,
                                kMostConfigs);
}

/// A plan, or why there is none.
struct Attempt {
  std::optional<CudnnDescriptor> plan;
  std::string reason;
};

Attempt try_config(const CudnnTarget& target, const CudnnDescriptor& config) {
  CudnnDescriptor plan(CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR);
  if (target.handle != nullptr) plan.set(CUDNN_ATTR_EXECUTION_PLAN_HANDLE, target.handle);
  set_target(plan, target, CUDNN_ATTR_EXECUTION_PLAN_DEVICEPROP);
  plan.set(CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, config);
  if (const std::optional<std::string> reason = plan.try_finalize()) return {std::nullopt, *reason};
  return {std::move(plan), {}};
}

Attempt try_graph(const CudnnTarget& target, CudnnGraph& graph, bool deterministic_backward) {
  if (const std::optional<std::string> reason = graph.try_finalize(target.handle))
    return {std::nullopt, *reason};
  if (deterministic_backward && target.sm_version / 10 == 10) {
    if (const auto config = sm100_deterministic_config(target, graph)) {
      Attempt attempt = try_config(target, *config);
      if (attempt.plan) return attempt;
    }
  }
  Attempt last{std::nullopt, "no engine takes these sizes"};
  for (const CudnnDescriptor& config : heuristic_configs(target, graph)) {
    last = try_config(target, config);
    if (last.plan) break;
  }
  return last;
}

CudnnDescriptor make_plan(const CudnnTarget& target, const SdpaShape& shape, SdpaPass pass,
                          CudnnGraph& graph) {
  Attempt attempt = try_graph(target, graph, shape.deterministic && pass == SdpaPass::backward);
  if (!attempt.plan) refuse(target, shape, pass, attempt.reason);
  return std::move(*attempt.plan);
}

/// The graph of a shape that passes the rules known here.
CudnnGraph make_graph(const CudnnTarget& target, const SdpaShape& shape, SdpaPass pass) {
  if (const std::optional<std::string> problem = known_problem(shape))
    refuse(target, shape, pass, *problem);
  return pass == SdpaPass::forward ? sdpa_forward_graph(shape) : sdpa_backward_graph(shape);
}

}  // namespace

void check_cudnn_version(std::size_t version, int64_t seq_len) {
  const bool takes_length = version >= kAnyLengthCudnn || seq_len % kLengthMultiple == 0;
  if (version >= kOldestCudnn && takes_length) return;
  const std::size_t needed = takes_length ? kOldestCudnn : kAnyLengthCudnn;
  throw FileError(fmt::format(
      "cuDNN is version '{}' (attention on sequences of {} tokens needs {} or newer); load "
      "a newer cuDNN in the job's environment, {}set precision: fp32",
      dotted(version), seq_len, dotted(needed),
      takes_length ? "or " : "make data.seq_len a multiple of 128, or "));
}

SdpaPlan::SdpaPlan(const CudnnTarget& target, const SdpaShape& shape, SdpaPass pass)
    : graph_(make_graph(target, shape, pass)),
      plan_(make_plan(target, shape, pass, graph_)),
      workspace_bytes_(plan_.integer(CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE)) {}

}  // namespace isoflop
