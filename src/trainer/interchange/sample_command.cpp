// SPDX-License-Identifier: MIT
#include "trainer/interchange/sample_command.hpp"

#include "core/base/command_line.hpp"
#include "core/base/error.hpp"
#include "core/base/json_writer.hpp"
#include "core/base/log.hpp"
#include "trainer/comm/launcher.hpp"
#include "trainer/comm/single_launch.hpp"
#include "trainer/interchange/commands.hpp"
#include "trainer/interchange/device_option.hpp"
#include "trainer/interchange/open_device.hpp"
#include "trainer/interchange/sample_model.hpp"
#include "trainer/interchange/text_stream.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <cstdio>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace isoflop {
namespace {

struct SampleOptions {
  std::filesystem::path checkpoint;
  std::optional<std::string> prompt;
  std::vector<int32_t> prompt_ids;
  std::string tokenizer;
  std::filesystem::path data;
  SampleRequest request;
  int64_t n = 1;
  DeviceKind device = DeviceKind::automatic;
  bool json = false;
};

void declare_prompt(CLI::App& app, SampleOptions& options) {
  app.add_option("CKPT", options.checkpoint,
                 "A checkpoint's folder, or runs/NAME.checkpoints for its newest whole one")
      ->required();
  CLI::Option* prompt =
      app.add_option("--prompt", options.prompt, "Text to go on from; \"\" begins a document");
  app.add_option("--prompt-ids", options.prompt_ids,
                 "The same as token ids with commas; needs no tokenizer")
      ->delimiter(',')
      ->check(CLI::NonNegativeNumber.description(""))
      ->excludes(prompt);
  app.add_option("--tokenizer", options.tokenizer,
                 "As tokenize takes it: bytes, gpt2:DIR, sentencepiece:FILE. Default: that of the "
                 "run's dataset");
  app.add_option("--data", options.data,
                 "The dataset whose tokenizer the model has. Default: the run's data.path");
}

void declare_sampling(CLI::App& app, SampleOptions& options) {
  SampleRequest& request = options.request;
  app.add_option("--max-tokens", request.max_tokens, "The most of a sample. Default: 100")
      ->check(CLI::PositiveNumber.description(""));
  app.add_option("--temperature", request.params.temperature,
                 "Divides logits; 0 takes the most probable token. Default: 1")
      ->check(CLI::NonNegativeNumber.description(""));
  app.add_option("--top-k", request.params.top_k,
                 "Only the so many most probable tokens. Default: 0, all")
      ->check(CLI::NonNegativeNumber.description(""));
  app.add_option("--top-p", request.params.top_p,
                 "Only the most probable tokens that together have this probability. Default: 1")
      ->check(CLI::Range(0.0, 1.0).description(""));
  app.add_option("--seed", request.seed, "The same seed gives the same text. Default: 1");
  app.add_option("--n", options.n, "Samples. Default: 1")
      ->check(CLI::PositiveNumber.description(""));
}

std::optional<SampleOptions> parse(int argc, const char* const* argv) {
  SampleOptions options;
  CLI::App app(
      "Text that a checkpoint's model puts behind a prompt, token by token to standard output.",
      "trainer sample");
  declare_prompt(app, options);
  declare_sampling(app, options);
  add_device_option(app, options.device);
  app.add_flag("--json", options.json, "One JSON document at the end");
  if (!parse_command_line(app, argc, argv, "see trainer sample --help")) return std::nullopt;
  if (!options.prompt && options.prompt_ids.empty())
    throw ConfigError("--prompt is missing; give --prompt TEXT (or --prompt-ids 1,2,3)");
  return options;
}

/// What the model's ids mean, as far as it is known.
struct Language {
  std::unique_ptr<Tokenizer> tokenizer;  ///< none: unknown
  int64_t vocab_size = 0;
  std::optional<int32_t> eot_token;
};

Language language_of(std::unique_ptr<Tokenizer> tokenizer, int64_t model_vocab_size) {
  if (tokenizer->vocab_size() > model_vocab_size)
    throw ConfigError(fmt::format(
        "--tokenizer is '{}' (its {} ids are more than the model's {}); name the one that the "
        "model was trained with",
        tokenizer->name(), tokenizer->vocab_size(), model_vocab_size));
  Language language{nullptr, tokenizer->vocab_size(), tokenizer->eot_token()};
  language.tokenizer = std::move(tokenizer);
  return language;
}

Language find_language(const SampleOptions& options, const SavedModel& model) {
  const int64_t model_vocab_size = model.shape().vocab_size;
  if (!options.tokenizer.empty())
    return language_of(open_tokenizer(options.tokenizer), model_vocab_size);
  const ModelDataset dataset = find_dataset(model, options.data);
  if (!dataset.index && options.prompt)
    throw FileError(fmt::format(
        "{}: holds no dataset, so that the model's tokenizer is unknown; give --data DIR or "
        "--tokenizer, or the prompt as --prompt-ids",
        dataset.folder.string()));
  if (!dataset.index) return {nullptr, model_vocab_size, std::nullopt};
  Language language{nullptr, dataset.index->vocab_size,
                    static_cast<int32_t>(dataset.index->eot_token)};
  if (options.prompt || dataset.index->vocabulary || dataset.index->tokenizer == "bytes")
    language.tokenizer = open_dataset_tokenizer(dataset.folder, *dataset.index);
  return language;
}

/// The prompt's tokens; an empty one is the end of the document before.
std::vector<int32_t> prompt_tokens(const SampleOptions& options, const Language& language) {
  std::vector<int32_t> tokens = options.prompt_ids;
  if (options.prompt) language.tokenizer->encode(*options.prompt, tokens);
  if (tokens.empty()) tokens.push_back(*language.eot_token);
  for (const int32_t token : tokens)
    if (token >= language.vocab_size)
      throw ConfigError(fmt::format("--prompt-ids holds {} (ids are below {}); correct it", token,
                                    language.vocab_size));
  return tokens;
}

/// Shows a sample while it is drawn.
class Output {
 public:
  Output(const Language& language, const std::vector<int32_t>& prompt, bool silent)
      : silent_(silent) {
    if (language.tokenizer) text_.emplace(*language.tokenizer, prompt);
  }
  void add(int32_t token) { show(text_ ? text_->add(token) : fmt::format("{} ", token)); }
  void finish() {
    if (text_) show(text_->finish());
    show("\n");
  }
  std::optional<std::string> text() const {
    return text_ ? std::optional(text_->text()) : std::nullopt;
  }

 private:
  void show(const std::string& part) const {
    if (silent_) return;
    fmt::print("{}", part);
    std::fflush(stdout);
  }
  std::optional<TextStream> text_;
  bool silent_;
};

void write_sample(JsonWriter& json, const Sample& sample, const std::optional<std::string>& text) {
  json.begin_object().entry("text", text).key("tokens").begin_array();
  for (const int32_t token : sample.tokens) json.value(token);
  json.end_array()
      .entry("ended_by",
             sample.end == SampleEnd::end_of_document ? "end_of_document" : "max_tokens")
      .end_object();
}

void draw_samples(const SampleOptions& options, const SavedModel& saved, const Language& language,
                  InferenceModel& model) {
  SampleRequest request = options.request;
  request.prompt = prompt_tokens(options, language);
  request.eot_token = language.eot_token;
  request.vocab_size = language.vocab_size;
  request.context = saved.config().data.seq_len;
  JsonWriter json;
  json.begin_object()
      .entry("checkpoint", saved.folder().string())
      .entry("step", saved.step())
      .entry("prompt", options.prompt)
      .entry("seed", static_cast<int64_t>(request.seed))
      .key("samples")
      .begin_array();
  for (request.sample = 0; request.sample < options.n; ++request.sample) {
    Output output(language, request.prompt, options.json);
    const Sample sample = sample_model(model, request, [&](int32_t token) { output.add(token); });
    output.finish();
    write_sample(json, sample, output.text());
  }
  if (options.json) fmt::print("{}", json.end_array().end_object().text());
}

}  // namespace

int run_sample_command(int argc, const char* const* argv, std::unique_ptr<Launch>&) {
  const std::optional<SampleOptions> options = parse(argc, argv);
  if (!options) return 0;
  require_one_process("sample", process_environment);
  log::configure(0, 1, log::Level::warn);
  const SavedModel saved(options->checkpoint);
  const Language language = find_language(*options, saved);
  SingleLaunch alone(node_name(process_environment));
  const OpenDevice device = open_device(saved, options->device, alone);
  InferenceModel model(saved, device.shape, device.backend, language.eot_token);
  draw_samples(*options, saved, language, model);
  return 0;
}

}  // namespace isoflop
