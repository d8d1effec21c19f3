// SPDX-License-Identifier: MIT
#include "trainer/memory_report.hpp"

#include "core/base/format.hpp"

#include <fmt/format.h>

namespace isoflop {
namespace {

std::string bytes_text(int64_t bytes) { return format_bytes(static_cast<double>(bytes)); }

}  // namespace

MemoryEstimate predicted_memory(const TrainConfig& config, const Layout& layout,
                                const Backend& backend) {
  return estimate_memory({.shape = config.model,
                          .layout = layout,
                          .seq_len = config.data.seq_len,
                          .precision = config.precision,
                          .gpu = backend.gpu,
                          .optimizer = config.optimizer.kind});
}

std::string memory_report(Session& session, const std::optional<ResidentMemory>& at_start) {
  const MemoryEstimate estimate =
      predicted_memory(session.config(), session.layout(), session.backend());
  std::string line =
      fmt::format("memory: predicted {}, allocated at most {}", bytes_text(estimate.total()),
                  bytes_text(session.backend().device->memory_usage().peak));
  const std::optional<ResidentMemory> now = resident_memory();
  if (at_start && now)
    line += fmt::format(", process at most {} ({} before the model)", bytes_text(now->peak_bytes),
                        bytes_text(at_start->bytes));
  return line;
}

}  // namespace isoflop
