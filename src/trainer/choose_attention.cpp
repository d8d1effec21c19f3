// SPDX-License-Identifier: MIT
#include "trainer/choose_attention.hpp"

#include "core/base/error.hpp"
#include "core/base/log.hpp"
#include "core/model/architecture.hpp"
#include "core/parallel/gpu_attention.hpp"
#include "trainer/backend/cpu/attention_tiles.hpp"

#include <fmt/format.h>

namespace isoflop {
namespace {

std::string name_of(AttentionBackend backend) { return std::string(row_of(backend).name); }

std::optional<std::string> why_not_on_cpu(AttentionBackend backend, int64_t d_head) {
  if (backend == AttentionBackend::flash_attn_2) return "it runs on GPUs only";
  if (backend == AttentionBackend::sdpa && d_head > attention::kMaxHead)
    return fmt::format("it takes heads of up to {} here, model.d_head is {}", attention::kMaxHead,
                       d_head);
  return std::nullopt;
}

GpuAttention on_gpu(const TrainConfig& config, KnownGpu gpu) {
  if (gpu) gpu->deterministic = config.device.deterministic;
  return {config.model, config.precision, gpu, config.data.document_mask};
}

/// Whether a GPU's fastest attention is expected: in fp32 it has none to lose.
bool expects_flash(const TrainConfig& config) {
  return config.device.kind == DeviceKind::cuda && config.precision != Precision::fp32;
}

ConfigError strict_refusal(AttentionBackend asked, const std::string& why, AttentionBackend other) {
  return ConfigError(
      fmt::format("model.attention_backend is '{}' ({}) and model.attention_strict is true; set "
                  "model.attention_backend: {} or auto, or model.attention_strict: false",
                  name_of(asked), why, name_of(other)));
}

}  // namespace

std::optional<std::string> why_no_attention(AttentionBackend backend, const TrainConfig& config,
                                            const KnownGpu& gpu) {
  if (config.device.kind == DeviceKind::cuda)
    return why_no_gpu_attention(backend, on_gpu(config, gpu));
  return why_not_on_cpu(backend, config.model.d_head);
}

AttentionBackend choose_attention(const TrainConfig& config, const KnownGpu& gpu) {
  const bool automatic = config.model.attention_backend == AttentionBackend::automatic;
  const AttentionBackend asked =
      automatic ? kAttentionOrder.front() : config.model.attention_backend;
  const AttentionBackend chosen = best_attention(
      asked, [&](AttentionBackend backend) { return !why_no_attention(backend, config, gpu); });
  if (chosen == asked || (automatic && !expects_flash(config))) return chosen;
  const std::string why = *why_no_attention(asked, config, gpu);
  if (config.model.attention_strict) throw strict_refusal(asked, why, chosen);
  log::warn("model.attention_backend: {} is not available here ({}); using {}", name_of(asked), why,
            name_of(chosen));
  return chosen;
}

}  // namespace isoflop
