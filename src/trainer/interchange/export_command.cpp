// SPDX-License-Identifier: MIT
#include "trainer/interchange/export_command.hpp"

#include "core/base/command_line.hpp"
#include "core/base/format.hpp"
#include "core/base/json_writer.hpp"
#include "trainer/interchange/commands.hpp"
#include "trainer/interchange/export_model.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <map>
#include <optional>
#include <string>

namespace isoflop {
namespace {

struct ExportOptions {
  ExportRequest request;
  bool json = false;
};

std::optional<ExportOptions> parse(int argc, const char* const* argv) {
  ExportOptions options;
  ExportRequest& request = options.request;
  CLI::App app("Writes a checkpoint's model as a folder that Hugging Face transformers loads.",
               "trainer export");
  app.add_option("CKPT", request.checkpoint,
                 "A checkpoint's folder, or runs/NAME.checkpoints for its newest whole one")
      ->required();
  app.add_option("--to", request.to, "A new folder")->required();
  const std::map<std::string, DType> dtypes{
      {"f32", DType::f32}, {"bf16", DType::bf16}, {"f16", DType::f16}};
  app.add_option("--dtype", request.dtype,
                 "Of the weights: f32 (as the checkpoint has them), bf16 or f16. Default: the "
                 "precision of the run, in which its forward passes had them")
      ->transform(CLI::CheckedTransformer(dtypes).description(""));
  app.add_option("--shard-bytes", request.shard_bytes,
                 "The most that a file holds, such as 5GB or 200MiB. Default: 5GB")
      ->transform(CLI::AsSizeValue(false).description(""))
      ->check(CLI::PositiveNumber.description(""));
  app.add_option("--data", request.data,
                 "The dataset whose tokenizer the model has. Default: the run's data.path");
  app.add_flag("--json", options.json, "One JSON document");
  if (!parse_command_line(app, argc, argv, "see trainer export --help")) return std::nullopt;
  return options;
}

std::string as_text(const ExportedModel& model, const std::filesystem::path& to) {
  const std::string padding =
      model.vocab_size < model.model_vocab_size
          ? fmt::format(" (the model's {} without padding)", model.model_vocab_size)
          : "";
  return fmt::format(
      "model      {}, {} parameters of step {} ({})\n"
      "weights    {} in {} file(s), {}\n"
      "vocabulary {}{}\n"
      "tokenizer  {}\n"
      "wrote {}\n",
      row_of(model.family).architecture, format_count(static_cast<double>(model.n_parameters)),
      model.step, model.checkpoint.string(), to_string(model.dtype), model.n_files,
      format_bytes(model.bytes), model.vocab_size, padding, model.tokenizer, to.string());
}

std::string as_json(const ExportedModel& model, const std::filesystem::path& to) {
  JsonWriter json;
  json.begin_object()
      .entry("checkpoint", model.checkpoint.string())
      .entry("step", model.step)
      .entry("folder", to.string())
      .entry("architecture", row_of(model.family).architecture)
      .entry("dtype", to_string(model.dtype))
      .entry("n_parameters", model.n_parameters)
      .entry("weight_bytes", model.bytes)
      .entry("n_files", model.n_files)
      .entry("vocab_size", model.vocab_size)
      .entry("model_vocab_size", model.model_vocab_size)
      .entry("tokenizer", model.tokenizer);
  return json.end_object().text();
}

}  // namespace

int run_export_command(int argc, const char* const* argv, std::unique_ptr<Launch>&) {
  const std::optional<ExportOptions> options = parse(argc, argv);
  if (!options) return 0;
  require_one_process("export", process_environment);
  const ExportedModel model = export_model(options->request);
  const std::filesystem::path& to = options->request.to;
  fmt::print("{}", options->json ? as_json(model, to) : as_text(model, to));
  return 0;
}

}  // namespace isoflop
