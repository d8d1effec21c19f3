// SPDX-License-Identifier: MIT
#include "trainer/options.hpp"

#include "core/base/build_info.hpp"
#include "core/base/command_line.hpp"
#include "core/base/error.hpp"
#include "trainer/comm/job_place.hpp"
#include "trainer/interchange/commands.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace isoflop {
namespace {

std::pair<std::string, std::string> split_override(const std::string& text) {
  const std::size_t equals = text.find('=');
  if (equals == std::string::npos || equals == 0) {
    throw ConfigError(fmt::format(
        "--set is '{}' (needs key=value); write for example --set optimizer.lr=3e-4", text));
  }
  return {text.substr(0, equals), text.substr(equals + 1)};
}

/// What the command line says before it is put together.
struct RawOptions {
  std::vector<std::string> sets;
  std::string device;
  std::string bootstrap;
  std::string profile;
  int64_t profile_ranks = ProfileRequest().n_ranks;
};

void declare_training(CLI::App& app, TrainerOptions& options, RawOptions& raw) {
  app.add_option("CONFIG", options.config,
                 "plan.yaml of the planner, or a train.yaml (configs/train)");
  app.add_option(
         "--set", raw.sets,
         "Replace one value: --set section.key=value (repeatable; trainer options lists the keys)")
      ->allow_extra_args(false);
  app.add_option(
      "--device", raw.device,
      "auto (a GPU where every rank has one, else the CPU), cuda or cpu: shorthand for --set "
      "device.kind=..., which it overrules. Default: as CONFIG says, else auto");
  app.add_option(
      "--bootstrap", raw.bootstrap,
      "How ranks find each other: mpi; without MPI: tcp (rank 0 at MASTER_ADDR and MASTER_PORT, "
      "else on the Slurm step's first node), tcp:HOST:PORT, file (a file in the folder of run "
      "files) or file:FOLDER. Default: mpi where a launcher has set it up, else one rank. Without "
      "MPI each process needs RANK and WORLD_SIZE, or those of Slurm, Open MPI or PMI; file also "
      "ISOFLOP_JOB_ID where the launcher gives no identity");
  app.add_flag_callback(
      "--check", [&options] { options.action = TrainerAction::check; },
      "Check configuration, data and layout for the ranks started, print what would run, train "
      "nothing");
  CLI::Option* const profile = app.add_option(
      "--profile", raw.profile,
      "Trace steps: so many after two of warm-up (5), or the first to the last (10:15); writes "
      "OUT/NAME.trace.RANK.json for Perfetto and chrome://tracing, and NVTX ranges on GPUs");
  app.add_option("--profile-ranks", raw.profile_ranks,
                 "The first so many ranks are traced. Default: 8")
      ->check(CLI::PositiveNumber)
      ->needs(profile);
  const std::map<std::string, log::Level> levels{
      {"debug", log::Level::debug}, {"info", log::Level::info}, {"warn", log::Level::warn}};
  app.add_option("--log-level", options.log_level, "debug, info or warn. Default: info")
      ->transform(CLI::CheckedTransformer(levels).description(""));
}

std::map<std::string, Precision> precisions() {
  return {{"fp32", Precision::fp32}, {"bf16", Precision::bf16}, {"fp16", Precision::fp16}};
}

void declare_bench(CLI::App& app, TrainerOptions& options) {
  CLI::App* bench = app.add_subcommand(
      "bench", "Measure this machine and print it as a device for a cluster file");
  CLI::Option* out =
      bench->add_option("--out", options.bench_out,
                        "Also write the device to this file (a cluster file's device_file)");
  CLI::Option* name =
      bench->add_option("--name", options.bench_name, "The device's name. Default: cpu");
  CLI::Option* model = bench->add_option(
      "--model", options.bench_model,
      "Measure whole training steps of this model file instead, one rank on the CPU");
  model->excludes(out)->excludes(name);
  bench
      ->add_flag("--rates", options.bench_rates,
                 "Each rank's matrix rate and memory bandwidth, on GPUs where there are, and the "
                 "all-reduce, all-gather and reduce-scatter of all: a few seconds. Lines: rate HOST "
                 "RANK TFLOP/s GB/s, all_reduce GB/s, all_gather GB/s, reduce_scatter GB/s")
      ->excludes(out)
      ->excludes(name)
      ->excludes(model);
  bench
      ->add_option("--precision", options.bench_precisions,
                   "fp32, bf16, fp16; several with commas, a row for each. Default: fp32")
      ->transform(CLI::CheckedTransformer(precisions()).description(""))
      ->delimiter(',')
      ->needs(model);
  bench->add_option("--batch", options.bench_batch_size, "Sequences a step. Default: 4")
      ->check(CLI::PositiveNumber)
      ->needs(model);
  bench
      ->add_option("--seq-len", options.bench_seq_lens,
                   "Tokens of a sequence; several with commas. Default: 256")
      ->check(CLI::PositiveNumber)
      ->delimiter(',')
      ->needs(model);
  bench->callback([&options] { options.action = TrainerAction::bench; });
}

void declare_list_options(CLI::App& app, TrainerOptions& options) {
  app.add_subcommand("options", "Print every key of CONFIG with its values, default and meaning")
      ->callback([&options] { options.action = TrainerAction::list_options; });
}

/// `model: FILE` becomes `model: {file: FILE}`, so that --set model.KEY has a map to go into.
ConfigNode with_model_map(const ConfigNode& root) {
  if (!root.is_map()) return root;
  for (const auto& [key, value] : root.entries()) {
    if (key == "model" && !value.is_map() && !value.is_null())
      return root.with_override("model", fmt::format("{{file: \"{}\"}}", value.text()));
  }
  return root;
}

std::string folder_of_run_files(const TrainerOptions& options) {
  if (options.action == TrainerAction::bench)
    throw ConfigError(
        "--bootstrap is 'file' (bench has no folder of run files); give --bootstrap file:FOLDER");
  return load_config(options).run.out;
}

}  // namespace

std::optional<TrainerOptions> parse_options(int argc, const char* const* argv) {
  TrainerOptions options;
  RawOptions raw;
  options.argv.assign(argv, argv + argc);
  CLI::App app{
      "Trains a language model and records every step to a run file. Started by srun, mpirun or "
      "anything else (--bootstrap) with one rank per device, or alone.",
      "trainer"};
  declare_training(app, options, raw);
  declare_bench(app, options);
  declare_list_options(app, options);
  app.footer(interchange_help());
  app.set_version_flag("--version", "trainer " + build_text());
  if (!parse_command_line(app, argc, argv, "see trainer --help")) return std::nullopt;
  for (const std::string& text : raw.sets) options.overrides.push_back(split_override(text));
  if (!raw.profile.empty()) {
    options.profile = parse_profile_steps(raw.profile);
    options.profile->n_ranks = raw.profile_ranks;
  }
  if (!raw.bootstrap.empty()) options.bootstrap = parse_bootstrap(raw.bootstrap);
  if (!raw.device.empty()) options.overrides.emplace_back("device.kind", raw.device);
  const bool is_bench = options.action == TrainerAction::bench;
  const bool lists = options.action == TrainerAction::list_options;
  if ((is_bench || lists) && (!options.config.empty() || !options.overrides.empty())) {
    throw ConfigError(fmt::format(
        "{} takes no CONFIG, --set or --device ({}); leave them out",
        is_bench ? "bench" : "options",
        is_bench ? "it measures this machine's CPUs" : "it prints every key with its default"));
  }
  if (lists) return options;
  if (!is_bench && options.config.empty()) {
    throw ConfigError("CONFIG is missing; name a plan.yaml or a train.yaml, see trainer --help");
  }
  return options;
}

Bootstrap choose_bootstrap(const TrainerOptions& options, const EnvironmentLookup& environment) {
  Bootstrap bootstrap = options.bootstrap;
  if (bootstrap.kind != BootstrapKind::file || !bootstrap.place.empty()) return bootstrap;
  const int rank = find_job_place(environment).rank;
  try {
    bootstrap.place = folder_of_run_files(options);
  } catch (const Error& error) {
    if (rank == 0) throw;
    throw ReportedElsewhereError(error.exit_code());
  }
  return bootstrap;
}

std::optional<RunPlace> find_run_place(const TrainerOptions& options) {
  try {
    ConfigNode root = ConfigNode::load(options.config);
    for (const auto& [key, value] : options.overrides)
      if (key.starts_with("run.")) root = root.with_override(key, value);
    MapReader run(MapReader(root).required_node("run"));
    const auto name = run.required<std::string>("name");
    if (name.empty() || name.find('/') != std::string::npos) return std::nullopt;
    return RunPlace{run.value_or<std::filesystem::path>("out", RunOptions{}.out), name};
  } catch (const Error&) {  // load_config() says what is wrong
    return std::nullopt;
  }
}

TrainConfig load_config(const TrainerOptions& options) {
  ConfigNode root = ConfigNode::load(options.config);
  const bool changes_model =
      std::any_of(options.overrides.begin(), options.overrides.end(),
                  [](const auto& override_) { return override_.first.starts_with("model."); });
  if (changes_model) root = with_model_map(root);
  for (const auto& [key, value] : options.overrides) root = root.with_override(key, value);
  return read_train_config(root);
}

}  // namespace isoflop
