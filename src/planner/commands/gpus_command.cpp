// SPDX-License-Identifier: MIT
#include "planner/commands/gpus_command.hpp"

#include "core/base/command_line.hpp"
#include "core/base/table/render.hpp"
#include "core/hardware/gpu_catalog.hpp"
#include "planner/analysis/gpu_table.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <optional>
#include <string>

namespace isoflop {
namespace {

struct GpusOptions {
  std::optional<std::string> name;
  bool json = false;
};

std::optional<GpusOptions> parse(int argc, const char* const* argv) {
  GpusOptions options;
  CLI::App app("The GPU catalogue (data/gpus.yaml).", "planner gpus");
  app.add_option("NAME", options.name, "One GPU, as you, nvidia-smi or Slurm write it");
  app.add_flag("--json", options.json, "One JSON document");
  if (!parse_command_line(app, argc, argv, "see planner gpus --help")) return std::nullopt;
  return options;
}

std::string one_as_json(const GpuMatch& match) {
  JsonWriter json;
  json.begin_object().entry("found_by", match.how).key("gpu");
  write_gpu(json, match.spec);
  return json.end_object().text();
}

std::string all_as_json(const GpuCatalog& catalog) {
  JsonWriter json;
  json.begin_object().key("gpus").begin_array();
  for (const DeviceSpec& gpu : catalog.gpus()) write_gpu(json, gpu);
  return json.end_array().end_object().text();
}

std::string answer(const GpusOptions& options) {
  const GpuCatalog catalog = GpuCatalog::load();
  if (options.name) {
    const GpuMatch match = catalog.find(std::string_view(*options.name));
    return options.json ? one_as_json(match) : describe_gpu(match);
  }
  if (options.json) return all_as_json(catalog);
  const Table table = gpu_table(catalog.gpus());
  return render_text(std::span(&table, 1));
}

}  // namespace

int run_gpus_command(int argc, const char* const* argv) {
  if (const std::optional<GpusOptions> options = parse(argc, argv))
    fmt::print("{}", answer(*options));
  return 0;
}

}  // namespace isoflop
