// SPDX-License-Identifier: MIT
#include "trainer/interchange/import_command.hpp"

#include "core/base/command_line.hpp"
#include "core/base/format.hpp"
#include "core/base/json_writer.hpp"
#include "trainer/interchange/commands.hpp"
#include "trainer/interchange/import_model.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <optional>
#include <string>

namespace isoflop {
namespace {

struct ImportOptions {
  ImportRequest request;
  bool json = false;
};

std::optional<ImportOptions> parse(int argc, const char* const* argv) {
  ImportOptions options;
  ImportRequest& request = options.request;
  CLI::App app(
      "Makes a checkpoint of a model of Hugging Face transformers: gpt2, llama, mistral, qwen2 or "
      "qwen3, from config.json and safetensors.",
      "trainer import");
  app.add_option("DIR", request.from, "The model's folder")->required();
  app.add_option("--to", request.to,
                 "A new folder: the checkpoint. Its config.yaml trains on from it")
      ->required();
  app.add_option("--data", request.data,
                 "data.path of that configuration. Default: data/tokens, to be replaced by --set");
  app.add_flag("--json", options.json, "One JSON document");
  request.data = "data/tokens";
  if (!parse_command_line(app, argc, argv, "see trainer import --help")) return std::nullopt;
  return options;
}

std::string as_text(const ImportedModel& model, const std::filesystem::path& to) {
  std::string text =
      fmt::format("model   {}: {}, {} parameters, {} in the files, kept as f32\n",
                  row_of(model.family).architecture, model.short_name,
                  format_count(static_cast<double>(model.n_parameters)), model.dtype);
  if (!model.ignored.empty())
    text += fmt::format("ignored {} tensor(s) that hold no parameters, the first '{}'\n",
                        model.ignored.size(), model.ignored.front());
  return text + fmt::format("wrote {}\nnext: trainer {} --set data.path=DATA trains on from it\n",
                            to.string(), (to / "config.yaml").string());
}

std::string as_json(const ImportedModel& model, const std::filesystem::path& to) {
  JsonWriter json;
  json.begin_object()
      .entry("checkpoint", to.string())
      .entry("architecture", row_of(model.family).architecture)
      .entry("model", model.short_name)
      .entry("n_parameters", model.n_parameters)
      .entry("dtype", model.dtype)
      .key("ignored_tensors")
      .begin_array();
  for (const std::string& name : model.ignored) json.value(name);
  return json.end_array().end_object().text();
}

}  // namespace

int run_import_command(int argc, const char* const* argv, std::unique_ptr<Launch>&) {
  const std::optional<ImportOptions> options = parse(argc, argv);
  if (!options) return 0;
  require_one_process("import", process_environment);
  const ImportedModel model = import_model(options->request);
  const std::filesystem::path& to = options->request.to;
  fmt::print("{}", options->json ? as_json(model, to) : as_text(model, to));
  return 0;
}

}  // namespace isoflop
