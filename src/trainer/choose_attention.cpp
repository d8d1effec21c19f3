// SPDX-License-Identifier: MIT
#include "trainer/choose_attention.hpp"

#include "core/base/error.hpp"
#include "core/base/log.hpp"
#include "core/model/architecture.hpp"
#include "trainer/backend/cpu/attention_tiles.hpp"
#include "trainer/backend/cuda/head_limits.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace isoflop {
namespace {

/// From best to last.
constexpr std::array kOrder = {AttentionBackend::flash_attn_2, AttentionBackend::sdpa,
                               AttentionBackend::manual};

std::string name_of(AttentionBackend backend) { return std::string(row_of(backend).name); }

std::optional<std::string> why_not_in(Precision needed, const TrainConfig& config) {
  if (config.precision == needed) return std::nullopt;
  return fmt::format("its GPU kernel computes in {}, precision is '{}'", to_string(needed),
                     to_string(config.precision));
}

std::optional<std::string> why_too_wide(int64_t d_head, int64_t most) {
  if (d_head <= most) return std::nullopt;
  return fmt::format("it takes heads of up to {} here, model.d_head is {}", most, d_head);
}

std::optional<std::string> why_no_flash(const TrainConfig& config, const KnownGpu& gpu) {
  if (config.device.kind != DeviceKind::cuda) return "it runs on GPUs only";
  if (auto problem = why_not_in(Precision::bf16, config)) return problem;
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
  if (auto problem = why_not_in(Precision::fp32, config)) return problem;
  return why_too_wide(config.model.d_head, kTiledMaxHead);
}

/// The first of kOrder from `from` on that runs, else the first of all; absent when none does.
std::optional<AttentionBackend> next_best(AttentionBackend from, const TrainConfig& config,
                                          const KnownGpu& gpu) {
  const auto runs = [&](AttentionBackend backend) {
    return !why_no_attention(backend, config, gpu);
  };
  const auto start = std::find(kOrder.begin(), kOrder.end(), from);
  auto found = std::find_if(start, kOrder.end(), runs);
  if (found == kOrder.end()) found = std::find_if(kOrder.begin(), kOrder.end(), runs);
  return found == kOrder.end() ? std::nullopt : std::optional(*found);
}

/// "set precision: fp32, or device.kind: cpu": what makes some backend run, on GPUs.
std::string remedies(TrainConfig config, const KnownGpu& gpu) {
  if (config.data.document_mask) {
    config.data.document_mask = false;
    if (next_best(kOrder.front(), config, gpu))
      return "set data.document_mask: false, or device.kind: cpu";
  }
  for (const Precision precision : {Precision::bf16, Precision::fp32}) {
    config.precision = precision;
    if (next_best(kOrder.front(), config, gpu))
      return fmt::format("set precision: {}, or device.kind: cpu", to_string(precision));
  }
  return "use more, narrower heads, or set device.kind: cpu";
}

ConfigError none_runs(const TrainConfig& config, const KnownGpu& gpu) {
  std::string reasons;
  for (const AttentionBackend backend : kOrder)
    reasons += fmt::format("{}{}: {}", reasons.empty() ? "" : "; ", name_of(backend),
                           *why_no_attention(backend, config, gpu));
  return ConfigError(fmt::format("no attention backend runs model '{}' here ({}); {}",
                                 config.model.name, reasons, remedies(config, gpu)));
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
      if (config.device.kind == DeviceKind::cuda) return "it has no GPU kernel";
      return std::nullopt;
  }
  return std::nullopt;
}

AttentionBackend choose_attention(const TrainConfig& config, const KnownGpu& gpu) {
  const AttentionBackend asked = config.model.attention_backend;
  const bool automatic = asked == AttentionBackend::automatic;
  const std::optional<AttentionBackend> chosen =
      next_best(automatic ? kOrder.front() : asked, config, gpu);
  if (!chosen) throw none_runs(config, gpu);
  if (automatic || *chosen == asked) return *chosen;
  const std::string why = *why_no_attention(asked, config, gpu);
  if (config.model.attention_strict) throw strict_refusal(asked, why, *chosen);
  log::warn("model.attention_backend: {} is not available here ({}); using {}", name_of(asked), why,
            name_of(*chosen));
  return *chosen;
}

}  // namespace isoflop
