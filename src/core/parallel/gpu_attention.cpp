// SPDX-License-Identifier: MIT
#include "core/parallel/gpu_attention.hpp"

#include "core/hardware/gpu_attention_limits.hpp"

#include <fmt/format.h>

namespace isoflop {
namespace {

std::optional<std::string> why_too_wide(int64_t d_head, int64_t most) {
  if (d_head <= most) return std::nullopt;
  return fmt::format("it takes heads of up to {} here, model.d_head is {}", most, d_head);
}

std::optional<std::string> why_no_flash(const GpuAttention& of) {
  if (of.precision == Precision::fp32 || of.precision == Precision::tf32)
    return fmt::format("cuDNN has no kernel in {}", to_string(of.precision));
  if (of.shape.dropout > 0)
    return "cuDNN draws masks that other GPUs and a resumed run would not draw again, and "
           "model.dropout is not 0";
  if (of.document_mask && of.gpu &&
      !flash_masks_documents(of.gpu->sm_version, of.gpu->deterministic))
    return fmt::format("cuDNN has no backward pass with data.document_mask for sm{}{}",
                       of.gpu->sm_version, of.gpu->deterministic ? ", deterministic" : "");
  const int64_t d_head = of.shape.d_head;
  if (d_head % kFlashHeadMultiple != 0)
    return fmt::format("its heads are multiples of {}, model.d_head is {}", kFlashHeadMultiple,
                       d_head);
  return why_too_wide(d_head, of.gpu ? flash_max_head(of.gpu->sm_version) : kFlashMaxHead);
}

}  // namespace

std::optional<std::string> why_no_gpu_attention(AttentionBackend backend, const GpuAttention& of) {
  if (backend == AttentionBackend::flash_attn_2) return why_no_flash(of);
  if (backend == AttentionBackend::sdpa) return why_too_wide(of.shape.d_head, kTiledMaxHead);
  return std::nullopt;
}

AttentionBackend gpu_attention(const GpuAttention& of) {
  return best_attention(of.shape.attention_backend, [&](AttentionBackend backend) {
    return !why_no_gpu_attention(backend, of);
  });
}

}  // namespace isoflop
