// SPDX-License-Identifier: MIT
#include "trainer/choose_attention.hpp"

#include "core/base/error.hpp"
#include "core/base/log.hpp"
#include "core/hardware/gpu_attention_limits.hpp"
#include "core/model/architecture.hpp"
#include "trainer/backend/cpu/attention_tiles.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace isoflop {
namespace {

/// From best to last.
constexpr std::array kOrder = {AttentionBackend::flash_attn_2, AttentionBackend::sdpa,
                               AttentionBackend::manual};

std::string name_of(AttentionBackend backend) { return std::string(row_of(backend).name); }

std::optional<std::string> why_too_wide(int64_t d_head, int64_t most) {
  if (d_head <= most) return std::nullopt;
  return fmt::format("it takes heads of up to {} here, model.d_head is {}", most, d_head);
}

std::optional<std::string> why_no_flash(const TrainConfig& config, const KnownGpu& gpu) {
  if (config.device.kind != DeviceKind::cuda) return "it runs on GPUs only";
  if (config.precision == Precision::fp32) return "cuDNN has no kernel in fp32";
  if (config.model.dropout > 0)
    return "cuDNN draws masks that other GPUs and a resumed run would not draw again, and "
           "model.dropout is not 0";
  if (config.data.document_mask && gpu &&
      !flash_masks_documents(gpu->sm_version, config.device.deterministic))
    return fmt::format("cuDNN has no backward pass with data.document_mask for sm{}{}",
                       gpu->sm_version, config.device.deterministic ? ", deterministic" : "");
  const int64_t d_head = config.model.d_head;
  if (d_head % kFlashHeadMultiple != 0)
    return fmt::format("its heads are multiples of {}, model.d_head is {}", kFlashHeadMultiple,
                       d_head);
  return why_too_wide(d_head, gpu ? flash_max_head(gpu->sm_version) : kFlashMaxHead);
}

std::optional<std::string> why_no_tiles(const TrainConfig& config) {
  if (config.device.kind != DeviceKind::cuda)
    return why_too_wide(config.model.d_head, attention::kMaxHead);
  return why_too_wide(config.model.d_head, kTiledMaxHead);
}

/// The first of kOrder from `from` on that runs, else the first of all; the last always does.
AttentionBackend next_best(AttentionBackend from, const TrainConfig& config, const KnownGpu& gpu) {
  const auto runs = [&](AttentionBackend backend) {
    return !why_no_attention(backend, config, gpu);
  };
  const auto start = std::find(kOrder.begin(), kOrder.end(), from);
  const auto found = std::find_if(start, kOrder.end(), runs);
  return found != kOrder.end() ? *found : *std::find_if(kOrder.begin(), kOrder.end(), runs);
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
  switch (backend) {
    case AttentionBackend::automatic:
      return std::nullopt;
    case AttentionBackend::flash_attn_2:
      return why_no_flash(config, gpu);
    case AttentionBackend::sdpa:
      return why_no_tiles(config);
    case AttentionBackend::manual:
      return std::nullopt;
  }
  return std::nullopt;
}

AttentionBackend choose_attention(const TrainConfig& config, const KnownGpu& gpu) {
  const bool automatic = config.model.attention_backend == AttentionBackend::automatic;
  const AttentionBackend asked = automatic ? kOrder.front() : config.model.attention_backend;
  const AttentionBackend chosen = next_best(asked, config, gpu);
  if (chosen == asked || (automatic && !expects_flash(config))) return chosen;
  const std::string why = *why_no_attention(asked, config, gpu);
  if (config.model.attention_strict) throw strict_refusal(asked, why, chosen);
  log::warn("model.attention_backend: {} is not available here ({}); using {}", name_of(asked), why,
            name_of(chosen));
  return chosen;
}

}  // namespace isoflop
