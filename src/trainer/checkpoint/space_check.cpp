// SPDX-License-Identifier: MIT
#include "trainer/checkpoint/space_check.hpp"

#include "core/base/error.hpp"
#include "core/base/format.hpp"
#include "core/parallel/checkpoint_size.hpp"
#include "trainer/checkpoint/checkpoint_folder.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

namespace isoflop {
namespace {

int64_t bytes_of(const TrainConfig& config) {
  return checkpoint_bytes(config.model, config.optimizer.kind);
}

/// "every 30 min, every 1,000 steps, at the end".
std::string occasions(const CheckpointConfig& config) {
  std::vector<std::string> parts;
  if (config.by_time())
    parts.push_back(fmt::format("every {}", format_duration(60 * config.interval_minutes)));
  if (config.interval > 0)
    parts.push_back(fmt::format("every {} steps", format_grouped(config.interval)));
  if (config.milestone_interval > 0)
    parts.push_back(
        fmt::format("every {} steps for ever", format_grouped(config.milestone_interval)));
  if (config.at_end) parts.push_back("at the end");
  return fmt::format("{}", fmt::join(parts, ", "));
}

}  // namespace

int64_t checkpoints_on_disk(const CheckpointConfig& config) {
  if (config.on_the_way()) return config.keep + 1;
  return config.at_end ? 1 : 0;
}

void check_checkpoint_space(const TrainConfig& config) {
  const CheckpointFolder folder(config.checkpoint_folder());
  const int64_t n = checkpoints_on_disk(config.checkpoint);
  const int64_t missing = std::max<int64_t>(0, n - std::ssize(folder.steps()));
  if (missing == 0) return;
  const int64_t free = folder.free_bytes();
  if (missing * bytes_of(config) <= free) return;
  throw FileError(fmt::format(
      "{}: has {} free ({} checkpoints of {} need {}: checkpoint.keep {} and the one being "
      "written); free some, choose another checkpoint.folder or lower checkpoint.keep",
      folder.path().string(), format_bytes(free), n, format_bytes(bytes_of(config)),
      format_bytes(missing * bytes_of(config)), config.checkpoint.keep));
}

std::string checkpoint_plan_text(const TrainConfig& config) {
  if (checkpoints_on_disk(config.checkpoint) == 0)
    return "none: what is trained is lost when the run ends";
  return fmt::format("{}, to {}, {} each, {} kept", occasions(config.checkpoint),
                     config.checkpoint_folder().string(), format_bytes(bytes_of(config)),
                     config.checkpoint.keep);
}

}  // namespace isoflop
