// SPDX-License-Identifier: MIT
#include "trainer/interchange/evaluate_command.hpp"

#include "core/base/command_line.hpp"
#include "core/base/format.hpp"
#include "core/base/json_writer.hpp"
#include "core/base/log.hpp"
#include "trainer/interchange/device_option.hpp"
#include "trainer/interchange/evaluate_model.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <map>
#include <optional>
#include <string>

namespace isoflop {
namespace {

struct EvaluateOptions {
  EvaluateRequest request;
  std::string bootstrap;
  bool json = false;
};

std::optional<EvaluateOptions> parse(int argc, const char* const* argv) {
  EvaluateOptions options;
  EvaluateRequest& request = options.request;
  CLI::App app(
      "Loss, perplexity and bits per byte of a checkpoint's model over a dataset, each token "
      "predicted once. Started alone, or by srun or mpirun: every rank has the whole model and "
      "takes its part of the windows.",
      "trainer eval");
  app.add_option("CKPT", request.checkpoint,
                 "A checkpoint's folder, or runs/NAME.checkpoints for its newest whole one")
      ->required();
  app.add_option("DATA", request.data, "A folder that tokenize wrote")->required();
  const std::map<std::string, Split> splits{{"val", Split::val}, {"train", Split::train}};
  app.add_option("--split", request.split, "val or train. Default: val")
      ->transform(CLI::CheckedTransformer(splits).description(""));
  app.add_option("--max-tokens", request.max_tokens,
                 "Tokens from the beginning, rounded up to whole windows. Default: all")
      ->check(CLI::PositiveNumber.description(""));
  app.add_option("--seq-len", request.seq_len, "Tokens of a window. Default: the run's")
      ->check(CLI::PositiveNumber.description(""));
  app.add_option("--batch", request.batch_size, "Windows at a time, of each rank. Default: 4")
      ->check(CLI::PositiveNumber.description(""));
  add_device_option(app, request.device);
  app.add_option("--bootstrap", options.bootstrap,
                 "How ranks find each other, as the trainer's own option");
  app.add_flag("--json", options.json, "One JSON document");
  if (!parse_command_line(app, argc, argv, "see trainer eval --help")) return std::nullopt;
  return options;
}

std::string as_text(const ModelEvaluation& evaluation, const EvaluateRequest& request) {
  return fmt::format(
      "{}, step {}, on {} of {}\n"
      "loss          {:.4f} nats a token\nperplexity    {:.3f}\n{}"
      "{} tokens in windows of {}, {}\n",
      evaluation.checkpoint.string(), evaluation.step,
      request.split == Split::val ? "validation" : "training", request.data.string(),
      evaluation.loss, evaluation.perplexity,
      evaluation.bits_per_byte ? fmt::format("bits per byte {:.4f}\n", *evaluation.bits_per_byte)
                               : "bits per byte unknown: the dataset was made from ids alone\n",
      format_grouped(evaluation.n_tokens), evaluation.seq_len, format_duration(evaluation.seconds));
}

std::string as_json(const ModelEvaluation& evaluation, const EvaluateRequest& request) {
  JsonWriter json;
  json.begin_object()
      .entry("checkpoint", evaluation.checkpoint.string())
      .entry("step", evaluation.step)
      .entry("data", request.data.string())
      .entry("split", request.split == Split::val ? "val" : "train")
      .entry("seq_len", evaluation.seq_len)
      .entry("n_tokens", evaluation.n_tokens)
      .entry("loss_nats_per_token", evaluation.loss)
      .entry("perplexity", evaluation.perplexity)
      .entry("bits_per_byte", evaluation.bits_per_byte)
      .entry("seconds", evaluation.seconds);
  return json.end_object().text();
}

}  // namespace

int run_evaluate_command(int argc, const char* const* argv, std::unique_ptr<Launch>& launch) {
  const std::optional<EvaluateOptions> options = parse(argc, argv);
  if (!options) return 0;
  launch =
      make_launch(nullptr, nullptr,
                  options->bootstrap.empty() ? Bootstrap{} : parse_bootstrap(options->bootstrap));
  log::configure(launch->info().rank, launch->info().world_size, log::Level::warn);
  const ModelEvaluation evaluation = evaluate_model(options->request, *launch);
  if (launch->info().rank == 0)
    fmt::print("{}", options->json ? as_json(evaluation, options->request)
                                   : as_text(evaluation, options->request));
  return 0;
}

}  // namespace isoflop
