// SPDX-License-Identifier: MIT
#include "planner/commands/sweep_command.hpp"

#include "core/base/text_file.hpp"
#include "core/data/checksum.hpp"
#include "core/hardware/gpu_catalog.hpp"
#include "planner/commands/submit_command.hpp"
#include "planner/plan_request.hpp"
#include "planner/plan_writer.hpp"
#include "planner/shell_quote.hpp"
#include "planner/sweep/sweep_options.hpp"
#include "planner/sweep/sweep_summary.hpp"
#include "planner/sweep/sweep_writer.hpp"

#include <fmt/format.h>

#include <filesystem>
#include <optional>
#include <string>

namespace isoflop {
namespace {

namespace fs = std::filesystem;

/// What makes two sweeps the same: options and the cluster file's text.
SweepSettings settings_of(const SweepOptions& options, const std::optional<std::string>& detected) {
  SweepSettings settings = options.given;
  const std::string text = detected ? *detected : read_text_file(options.shared.cluster_file);
  settings.emplace_back("cluster_crc32", format_crc32(crc32_of(text)));
  return settings;
}

int run(const SweepOptions& options) {
  const GpuCatalog catalog = GpuCatalog::load();
  const std::optional<std::string> detected = detected_cluster(options.shared, catalog);
  const SweepRequest request =
      make_sweep_request(options, find_cluster(options.shared, detected, catalog));
  const SweepFiles files =
      sweep_files_in(options.shared.out.value_or(fs::path("sweeps") / request.plan.name));
  const SweepSettings settings = settings_of(options, detected);
  const std::string folder = shell_quote(short_path(files.folder).string());
  std::string said = fmt::format("{:<12}{}: is this sweep already\n", "Sweep", folder);
  if (!holds_sweep(files, settings)) {
    const Sweep sweep = design_sweep(request, files.runs);
    const ClusterSource source{options.shared.cluster_file, detected};
    said = describe_sweep(request, sweep);
    said += list_written(write_sweep(request, sweep, settings, source, files));
  }
  if (options.shared.json) {
    fmt::print("{}", read_text_file(files.manifest));
    return 0;
  }
  fmt::print("{}", said);
  if (options.submit)
    fmt::print("{}", submit_missing_runs(files));
  else
    fmt::print("{:<12}planner submit {}\n", "Next", folder);
  return 0;
}

}  // namespace

int run_sweep_command(int argc, const char* const* argv) {
  const std::optional<SweepOptions> options = parse_sweep_options(argc, argv);
  return options ? run(*options) : 0;
}

}  // namespace isoflop
