// SPDX-License-Identifier: MIT
#include "trainer/memory_report.hpp"

#include "core/base/format.hpp"

#include <fmt/format.h>

namespace isoflop {
MemoryEstimate predicted_memory(const TrainConfig& config, const Layout& layout,
                                const Backend& backend) {
  return estimate_memory(
      {.shape = config.model,
       .layout = layout,
       .seq_len = config.data.seq_len,
       .precision = config.precision,
       .gpu = backend.gpu,
       .optimizer = config.optimizer.kind,
       .copies_state = config.checkpoint.is_asynchronous(backend.gpu.has_value()),
       .document_mask = config.data.document_mask,
       .nccl_registration = config.device.nccl_registration});
}

std::string memory_report(Session& session, const std::optional<ResidentMemory>& at_start) {
  const MemoryEstimate estimate =
      predicted_memory(session.config(), session.layout(), session.backend());
  std::string line =
      fmt::format("memory: predicted {}, allocated at most {}", format_bytes(estimate.total()),
                  format_bytes(session.backend().device->memory_usage().peak));
  const std::optional<ResidentMemory> now = resident_memory();
  if (at_start && now)
    line += fmt::format(", process at most {} ({} before the model)", format_bytes(now->peak_bytes),
                        format_bytes(at_start->bytes));
  return line;
}

}  // namespace isoflop
