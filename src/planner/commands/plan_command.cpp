// SPDX-License-Identifier: MIT
#include "planner/commands/plan_command.hpp"

#include "core/base/build_info.hpp"
#include "core/base/error.hpp"
#include "core/base/format.hpp"
#include "core/base/text_file.hpp"
#include "core/data/checksum.hpp"
#include "core/hardware/gpu_catalog.hpp"
#include "core/scaling/law_catalog.hpp"
#include "planner/options.hpp"
#include "planner/plan.hpp"
#include "planner/plan_folder.hpp"
#include "planner/plan_summary.hpp"
#include "planner/sbatch_writer.hpp"
#include "planner/shell_quote.hpp"

#include <fmt/format.h>

#include <cstdio>

namespace isoflop {

namespace {

namespace fs = std::filesystem;

PlanRequest make_request(const Options& options) {
  PlanRequest request;
  request.cluster = load_cluster(options.cluster_file, GpuCatalog::load());
  request.hours = options.hours;
  request.name = options.name.value_or(default_run_name(request.cluster.name, options.hours));
  request.text = describe_text(options.text);
  request.law = options.law ? load_law(*options.law) : LawCatalog::load().default_law();
  request.repeated_data = LawCatalog::load().repeated_data();
  request.partition = options.partition;
  request.n_devices = options.n_devices;
  request.precision = options.precision;
  request.seq_len = options.seq_len;
  return request;
}

/// The folder of this program, where trainer and report are too.
fs::path own_folder() { return fs::read_symlink("/proc/self/exe").parent_path(); }

ScriptContext script_context(const Options& options, const PlanFiles& files) {
  Crc32 crc;
  crc.update(read_text_file(options.cluster_file));
  return {.plan_file = files.plan,
          .script_file = files.script,
          .bin_dir = own_folder(),
          .cluster_file = fs::absolute(options.cluster_file).lexically_normal(),
          .cluster_crc32 = crc.value(),
          .version = build_version(),
          .created = utc_timestamp()};
}

void write_plan(const Plan& plan, const PlanRequest& request, const ScriptContext& context) {
  const std::string provenance =
      fmt::format("{} on {} from {} (crc32 {})", context.version, context.created,
                  context.cluster_file.string(), format_crc32(context.cluster_crc32));
  const std::string script = write_sbatch(plan, context);
  write_text_file(context.plan_file,
                  write_train_config(plan.config, plan_header(plan, request, provenance)));
  write_text_file(context.script_file, script);
}

/// Relative to the working folder where the path lies below it.
fs::path short_path(const fs::path& path) {
  const fs::path relative = fs::relative(path);
  return relative.empty() || *relative.begin() == ".." ? path : relative;
}

int run(const Options& options) {
  const PlanRequest request = make_request(options);
  const PlanFiles files =
      choose_plan_files(options.out.value_or(fs::path("plans") / request.name), options.overwrite);
  fmt::print("{}\n", describe_partitions(request.cluster, options.precision));
  const Plan plan = make_plan(request);
  const ScriptContext context = script_context(options, files);
  write_plan(plan, request, context);
  fmt::print("{}\nWritten     {}\n            {}\nNext        sbatch {}\n",
             describe_plan(plan, request), files.plan.string(), files.script.string(),
             shell_quote(short_path(files.script).string()));
  return 0;
}

}  // namespace

int run_plan_command(int argc, const char* const* argv) {
  const std::optional<Options> options = parse_options(argc, argv);
  return options ? run(*options) : 0;
}

}  // namespace isoflop
