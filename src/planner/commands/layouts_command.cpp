// SPDX-License-Identifier: MIT
#include "planner/commands/layouts_command.hpp"

#include "core/base/command_line.hpp"
#include "core/base/error.hpp"
#include "core/base/table/render.hpp"
#include "core/base/text_file.hpp"
#include "core/hardware/gpu_catalog.hpp"
#include "planner/analysis/model_analysis.hpp"
#include "planner/calibration_option.hpp"
#include "planner/commands/model_options.hpp"
#include "planner/model_argument.hpp"
#include "planner/what_if/layout_report.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <thread>

namespace isoflop {
namespace {

struct LayoutsOptions {
  std::string model;
  std::filesystem::path cluster;
  std::optional<std::string> partition;
  int n_gpu = 0;
  int64_t global_batch = 0;
  std::optional<int64_t> seq_len;
  std::optional<std::string> precision;
  std::optional<std::string> program;
  std::string only;
  int64_t top = 10;
  int threads = static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
  std::optional<std::filesystem::path> csv;
  std::optional<std::filesystem::path> calibration;
  bool what_if = false;
  bool similar = false;
  bool json = false;
};

std::optional<LayoutsOptions> parse(int argc, const char* const* argv) {
  LayoutsOptions options;
  CLI::App app("The layouts of one model and job, fastest first, and why others are rejected.",
               "planner layouts");
  app.add_option("MODEL", options.model, kModelHelp)->required();
  app.add_option("CLUSTER", options.cluster, "Cluster file")->required();
  app.add_option("--partition", options.partition, "Partition of the cluster file [its only one]");
  app.add_option("--gpus", options.n_gpu, "GPUs (CPU ranks) of the job")->required();
  app.add_option("--global-batch", options.global_batch, "Sequences of a step")->required();
  app.add_option("--seq-len", options.seq_len, "Tokens of a sequence [the model's, at most 8192]");
  app.add_option("--precision", options.precision, "Of matrix products [bf16, else fp16]");
  app.add_flag("--what-if", options.what_if,
               "Tensor, pipeline, context and expert groups too, which this trainer lacks");
  app.add_option("--stack", options.program,
                 "Price another program: a name in data/software_stacks.yaml");
  app.add_option("--only", options.only,
                 "Keep to some layouts: tensor=8,pipeline=16,chunks=2,context=1,data=8,experts=1,"
                 "micro_batch=1,states=zero1,recompute=full");
  add_calibration_option(app, options.calibration);
  app.add_option("--top", options.top, "Rows of each table [10]");
  app.add_flag("--similar", options.similar,
               "With --what-if: rank all layouts, not the fastest of each split of the GPUs");
  app.add_option("--csv", options.csv, "CSV file: every split, its fastest layout or the reason");
  app.add_option("--threads", options.threads, "Of the search; changes no result [all cores]");
  app.add_flag("--json", options.json, "One JSON document");
  if (!parse_command_line(app, argc, argv, "see planner layouts --help")) return std::nullopt;
  return options;
}

/// The one asked for, else the only one.
const Partition& choose_partition(const Cluster& cluster, const std::optional<std::string>& name) {
  if (name) return cluster.partition(*name);
  if (cluster.partitions.size() == 1) return cluster.partitions.front();
  throw ConfigError(fmt::format("{} has {} partitions; name one with --partition", cluster.name,
                                cluster.partitions.size()));
}

LayoutStudyRequest make_request(const LayoutsOptions& options, const Cluster& cluster) {
  LayoutStudyRequest request;
  request.shape = load_model_argument(options.model);
  request.partition = choose_partition(cluster, options.partition);
  request.job = job_sizes(request.partition, cluster.allocation, options.n_gpu).front();
  request.precision = peak_precision(request.partition.device, options.precision);
  request.seq_len = options.seq_len.value_or(default_seq_len(request.shape));
  request.global_batch = options.global_batch;
  request.what_if = options.what_if;
  if (options.program) request.program = StackCatalog::load().find(*options.program);
  if (!options.only.empty()) request.only = parse_layout_filter(options.only);
  request.top = static_cast<std::size_t>(std::max<int64_t>(0, options.top));
  request.threads = options.threads;
  request.calibration = options.calibration;
  return request;
}

void run(const LayoutsOptions& options) {
  const Cluster cluster = load_cluster(options.cluster, GpuCatalog::load());
  const LayoutStudyRequest request = make_request(options, cluster);
  const LayoutStudy study = study_layouts(request);
  // What the trainer runs is one split.
  const LayoutReport report{request, study, options.similar || !options.what_if};
  if (options.csv) {
    const Table table = split_table(report);
    write_text_file(*options.csv, render_csv(std::span(&table, 1)));
  }
  fmt::print("{}", options.json ? layouts_as_json(report) : describe_layouts(report));
  if (study.ranking.fitting() == 0) throw NothingFitsError(explain_no_layout(report));
}

}  // namespace

int run_layouts_command(int argc, const char* const* argv) {
  if (const std::optional<LayoutsOptions> options = parse(argc, argv)) run(*options);
  return 0;
}

}  // namespace isoflop
