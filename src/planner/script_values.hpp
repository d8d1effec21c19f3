// SPDX-License-Identifier: MIT
#pragma once

#include "core/hardware/cluster.hpp"
#include "planner/allocation.hpp"
#include "planner/sbatch_writer.hpp"

#include <cstdint>
#include <filesystem>
#include <kainjow/mustache.hpp>
#include <optional>
#include <string>
#include <vector>

namespace isoflop {

/// What one script starts.
struct ScriptJob {
  std::filesystem::path script;
  std::string name;
  double job_s = 0;
  std::optional<int64_t> signal_lead_s;
  ChainMode chain = ChainMode::none;
  std::vector<std::filesystem::path> plans;
  std::string program = "trainer";
};

bool has_gpus(const Partition& partition);

/// Makes `{{#name}}` of the templates stand.
void set_flag(kainjow::mustache::data& values, const std::string& name);

/// What every script says: provenance, resources, times, what the site wants, what is started.
/// Throws ConfigError for values that no script can hold.
kainjow::mustache::data script_values(const Partition& partition, const JobSize& size,
                                      const ScriptJob& job, const ScriptContext& context);

/// The template NAME.mustache, filled in.
std::string render_script(const std::string& name, kainjow::mustache::data& values,
                          const ScriptContext& context);

}  // namespace isoflop
