// SPDX-License-Identifier: MIT
#include "planner/commands/plan_command.hpp"

#include "core/base/build_info.hpp"
#include "core/base/error.hpp"
#include "core/base/format.hpp"
#include "core/base/text_file.hpp"
#include "core/data/checksum.hpp"
#include "core/hardware/gpu_catalog.hpp"
#include "core/scaling/law_catalog.hpp"
#include "planner/designs_plot.hpp"
#include "planner/detect/local_node.hpp"
#include "planner/model_argument.hpp"
#include "planner/options.hpp"
#include "planner/plan.hpp"
#include "planner/plan_folder.hpp"
#include "planner/plan_json.hpp"
#include "planner/plan_summary.hpp"
#include "planner/sbatch_writer.hpp"
#include "planner/shell_quote.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cstdio>
#include <vector>

namespace isoflop {

namespace {

namespace fs = std::filesystem;

/// What `auto` stands for: a cluster file of this node. Absent for a file.
std::optional<std::string> detected_document(const Options& options, const GpuCatalog& catalog) {
  if (options.cluster_file != "auto") return std::nullopt;
  return cluster_document(describe_local(look_at_this_node(), catalog));
}

Cluster find_cluster(const Options& options, const std::optional<std::string>& detected,
                     const GpuCatalog& catalog) {
  if (!detected) return load_cluster(options.cluster_file, catalog);
  return read_cluster(ConfigNode::parse(*detected, "detected cluster"), ".", catalog);
}

/// A model fixes the vocabulary unless something else does.
TrainingText text_for(const Options& options, const std::optional<ModelShape>& model) {
  TextOptions text = options.text;
  const bool free = !text.data && !text.vocab_size && !text.tokenizer;
  if (model && free) {
    text.vocab_size = model->vocab_size;
    text.tokenizer = "that of " + (model->name.empty() ? *options.model : model->name);
  }
  const TrainingText described = describe_text(text);
  if (model && described.vocab_size > model->vocab_size)
    throw ConfigError(
        fmt::format("--model has a vocabulary of {} (the text has {}); use another model or "
                    "tokenizer",
                    model->vocab_size, described.vocab_size));
  return described;
}

PlanRequest make_request(const Options& options, Cluster cluster) {
  PlanRequest request;
  request.cluster = std::move(cluster);
  for (Partition& partition : request.cluster.partitions) {
    if (options.price) partition.price_per_gpu_hour = options.price;
  }
  request.goals = options.goals;
  if (options.model) request.goals.model = load_model_argument(*options.model);
  request.name = options.name.value_or(default_run_name(request.cluster.name, options.goals));
  request.text = text_for(options, request.goals.model);
  request.law = options.law ? load_law(*options.law) : LawCatalog::load().default_law();
  request.repeated_data = LawCatalog::load().repeated_data();
  request.partition = options.partition;
  request.n_devices = options.n_devices;
  request.precision = options.precision;
  request.seq_len = options.seq_len;
  request.optimizer = options.optimizer;
  request.attention = options.attention;
  request.what_if = options.what_if;
  request.calibration = options.calibration;
  check_goals(request.goals);
  return request;
}

/// The folder of this program, where trainer and report are too.
fs::path own_folder() { return fs::read_symlink("/proc/self/exe").parent_path(); }

ScriptContext script_context(const fs::path& cluster_file, const PlanFiles& files) {
  Crc32 crc;
  crc.update(read_text_file(cluster_file));
  return {.plan_file = files.plan,
          .script_file = files.script,
          .bin_dir = own_folder(),
          .cluster_file = fs::absolute(cluster_file).lexically_normal(),
          .cluster_crc32 = crc.value(),
          .version = build_version(),
          .created = utc_timestamp()};
}

/// What the trainer and Slurm take.
void write_job_files(const Plan& plan, const PlanRequest& request, const ScriptContext& context) {
  const std::string provenance =
      fmt::format("{} on {} from {} (crc32 {})", context.version, context.created,
                  context.cluster_file.string(), format_crc32(context.cluster_crc32));
  const std::string script = write_sbatch(plan, context);
  write_text_file(context.plan_file,
                  write_train_config(plan.config, plan_header(plan, request, provenance)));
  write_text_file(context.script_file, script);
}

/// All files of the plan; returns those written. Job files of an earlier plan do not stay beside
/// one that cannot run.
std::vector<fs::path> write_plan(const Plan& plan, const PlanRequest& request,
                                 const fs::path& cluster_file, const PlanFiles& files) {
  std::vector<fs::path> written;
  if (plan.not_runnable.empty()) {
    write_job_files(plan, request, script_context(cluster_file, files));
    written = {files.plan, files.script};
  } else {
    fs::remove(files.plan);
    fs::remove(files.script);
  }
  write_text_file(files.json, plan_json(plan, request));
  written.push_back(files.json);
  const FrontFiles front = write_front(plan, files.designs);
  written.insert(written.end(), front.written.begin(), front.written.end());
  if (front.not_drawn) fmt::print(stderr, "no picture of the designs: {}\n", *front.not_drawn);
  return written;
}

/// Relative to the working folder where the path lies below it.
fs::path short_path(const fs::path& path) {
  const fs::path relative = fs::relative(path);
  return relative.empty() || *relative.begin() == ".." ? path : relative;
}

std::string describe_files(const Plan& plan, const std::vector<fs::path>& written,
                           const PlanFiles& files) {
  std::string text;
  for (const fs::path& file : written)
    text += fmt::format("{:<12}{}\n", text.empty() ? "Written" : "", file.string());
  if (!plan.not_runnable.empty())
    return text + fmt::format("{:<12}not runnable by this trainer yet: needs {}\n", "Next",
                              fmt::join(plan.not_runnable, ", "));
  return text +
         fmt::format("{:<12}sbatch {}\n", "Next", shell_quote(short_path(files.script).string()));
}

int run(const Options& options) {
  const GpuCatalog catalog = GpuCatalog::load();
  const std::optional<std::string> detected = detected_document(options, catalog);
  const PlanRequest request = make_request(options, find_cluster(options, detected, catalog));
  const PlanFiles files =
      choose_plan_files(options.out.value_or(fs::path("plans") / request.name), options.overwrite);
  if (!options.json) fmt::print("{}\n", describe_partitions(request.cluster, options.precision));
  const Plan plan = make_plan(request);
  if (detected) write_text_file(files.cluster, *detected);
  const std::vector<fs::path> written =
      write_plan(plan, request, detected ? files.cluster : options.cluster_file, files);
  if (options.json) {
    fmt::print("{}", plan_json(plan, request));
  } else {
    fmt::print("{}\n{}", describe_plan(plan, request), describe_files(plan, written, files));
  }
  return 0;
}

}  // namespace

int run_plan_command(int argc, const char* const* argv) {
  const std::optional<Options> options = parse_options(argc, argv);
  return options ? run(*options) : 0;
}

}  // namespace isoflop
