// SPDX-License-Identifier: MIT
#include "planner/commands/detect_command.hpp"

#include "core/base/command_line.hpp"
#include "core/base/error.hpp"
#include "core/base/suggest.hpp"
#include "core/base/text_file.hpp"
#include "core/hardware/cluster.hpp"
#include "planner/detect/local_node.hpp"
#include "planner/detect/slurm_groups.hpp"
#include "planner/detect/slurm_query.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <filesystem>
#include <optional>
#include <string>

namespace isoflop {
namespace {

namespace fs = std::filesystem;

struct DetectOptions {
  std::string what;
  std::optional<fs::path> out;
  bool cpus = false;
  bool force = false;
  bool json = false;
};

std::optional<DetectOptions> parse(int argc, const char* const* argv) {
  DetectOptions options;
  CLI::App app("Writes a cluster file of what is there; TODO and ASSUMED mark what was not seen.",
               "planner detect");
  app.add_option("WHAT", options.what, "slurm: this cluster, by scontrol; local: this node")
      ->required();
  app.add_option("--out", options.out, "File to write [standard output]");
  app.add_flag("--cpus", options.cpus, "slurm: nodes without GPUs too, beside those with");
  app.add_flag("--force", options.force, "Overwrite the file");
  app.add_flag("--json", options.json, "One JSON document of what was found");
  if (!parse_command_line(app, argc, argv, "see planner detect --help")) return std::nullopt;
  return options;
}

void check(const DetectOptions& options) {
  if (options.what != "slurm" && options.what != "local")
    throw ConfigError(fmt::format("planner detect '{}'{}; use slurm or local", options.what,
                                  did_you_mean(options.what, {"slurm", "local"})));
  if (options.out && fs::exists(*options.out) && !options.force)
    throw FileError(fmt::format("{}: exists; name another file or give --force to overwrite it",
                                options.out->string()));
}

DetectedCluster detect(const DetectOptions& options, const GpuCatalog& catalog) {
  if (options.what == "local") return describe_local(look_at_this_node(), catalog);
  const SlurmAnswer answer = ask_slurm();
  return group_nodes(answer.state, catalog,
                     options.cpus ? CpuPartitions::always : CpuPartitions::only_without_gpus,
                     answer.how);
}

std::string answer_as_json(const DetectedCluster& cluster, const DetectOptions& options) {
  JsonWriter json;
  json.begin_object();
  if (options.out) json.entry("file", options.out->string());
  json.key("cluster");
  write_detection(json, cluster);
  return json.end_object().text();
}

std::string answer_as_text(const DetectedCluster& cluster, const std::string& document,
                           const DetectOptions& options) {
  if (!options.out) return document;
  return fmt::format(
      "{}\nWritten     {}\nNext        look through it (TODO, ASSUMED), then planner {} --hours "
      "24\n",
      describe_detection(cluster), options.out->string(), options.out->string());
}

int run(const DetectOptions& options) {
  check(options);
  const GpuCatalog catalog = GpuCatalog::load();
  const DetectedCluster cluster = detect(options, catalog);
  const std::string document = cluster_document(cluster);
  // What is written must be what planner reads.
  read_cluster(ConfigNode::parse(document, "detected cluster"), ".", catalog);
  if (options.out) write_text_file(*options.out, document);
  fmt::print("{}", options.json ? answer_as_json(cluster, options)
                                : answer_as_text(cluster, document, options));
  return 0;
}

}  // namespace

int run_detect_command(int argc, const char* const* argv) {
  const std::optional<DetectOptions> options = parse(argc, argv);
  return options ? run(*options) : 0;
}

}  // namespace isoflop
