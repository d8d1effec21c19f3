// SPDX-License-Identifier: MIT
#include "tokenize/options.hpp"

#include "core/base/build_info.hpp"
#include "core/base/command_line.hpp"
#include "core/base/error.hpp"
#include "core/data/token_shard_format.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <initializer_list>
#include <thread>

namespace isoflop {
namespace {

constexpr double kMaxValFraction = 0.5;
constexpr int kMaxJobs = 1024;

[[noreturn]] void fail(const char* option, const std::string& value, const std::string& rule) {
  throw ConfigError(
      fmt::format("{} is '{}' (must be {}); see tokenize --help", option, value, rule));
}

DocumentRule parse_rule(const std::string& text) {
  if (text == "file") return DocumentRule::file;
  if (text == "paragraph") return DocumentRule::paragraph;
  if (text == "line") return DocumentRule::line;
  fail("--documents", text, "file, paragraph or line");
}

/// A number of type T in [low, high]; not-a-number is in no range.
template <typename T>
T parse_number(const char* option, const std::string& text, T low, T high) {
  T value{};
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc{} || stop != end || !(value >= low && value <= high))
    fail(option, text, fmt::format("a number from {} to {}", low, high));
  return value;
}

/// What was given, before it is known which of the three commands it is.
struct Given {
  TokenizeOptions text;
  FromBinOptions ids;
  std::filesystem::path verify;
  bool from_bin = false;
};

void declare_inputs(CLI::App& app, Given& given) {
  app.add_option("FILE", given.text.files,
                 "Files and folders (all files below them): text; .jsonl, each line a document; "
                 "both plain or packed as .gz or .zst")
      ->type_name("");
  app.add_option("--tokenizer", given.text.tokenizer,
                 "bytes; gpt2:DIR (vocab.json and merges.txt) or gpt2:FILE.tiktoken; "
                 "sentencepiece:FILE.model")
      ->type_name("NAME");
  app.add_option("--out", given.text.out, "Folder to write the dataset into")->type_name("DIR");
  app.add_flag_callback(
      "--overwrite", [&] { given.text.existing = ExistingDataset::overwrite; },
      "Replace the dataset that --out holds");
  app.add_flag_callback(
      "--restart", [&] { given.text.unfinished = UnfinishedWork::discard; },
      "Start over where the same command would go on with what a killed one left in --out");
  app.add_option_function<std::string>(
         "--jobs",
         [&](const std::string& text) {
           given.text.n_jobs = parse_number("--jobs", text, 1, kMaxJobs);
         },
         "Threads that encode; the dataset is the same for any number. Default: the cores there "
         "are")
      ->type_name("NUMBER");
}

void declare_json_lines(CLI::App& app, TokenizeOptions& options) {
  app.add_option_function<std::string>(
         "--text-field",
         [&](const std::string& text) {
           if (text.empty()) fail("--text-field", text, "a key");
           options.text_field = text;
         },
         "Key of the text in lines of .jsonl files. Default text")
      ->type_name("KEY");
  app.add_flag_callback(
      "--skip-bad-lines", [&] { options.bad_lines = BadLines::skip; },
      "Leave out lines of .jsonl files that are not JSON or have no text, and count them");
}

void declare_ids(CLI::App& app, Given& given) {
  app.add_flag("--from-bin", given.from_bin,
               "FILE holds ids without a header, uint16, as nanoGPT writes them; --tokenizer names "
               "what made them, or the next two do");
  app.add_option_function<std::string>(
         "--vocab-size",
         [&](const std::string& text) {
           given.ids.vocab_size = parse_number("--vocab-size", text, int64_t{1}, int64_t{65536});
         },
         "Of --from-bin: ids are below")
      ->type_name("NUMBER");
  app.add_option_function<std::string>(
         "--eot-token",
         [&](const std::string& text) {
           given.ids.eot_token = parse_number("--eot-token", text, int64_t{0}, int64_t{65535});
         },
         "Of --from-bin: the id that ends documents, below --vocab-size")
      ->type_name("ID");
  app.add_option("--verify", given.verify,
                 "Read a dataset and compare headers, sizes, checksums and ids; takes nothing else")
      ->type_name("DIR");
}

void declare_documents(CLI::App& app, TokenizeOptions& options) {
  CLI::Option* documents =
      app.add_option_function<std::string>(
             "--documents", [&](const std::string& text) { options.documents = parse_rule(text); },
             "What one document of a text file is: file (the default); paragraph (ended by empty "
             "lines unless the "
             "next line is indented); line")
          ->type_name("RULE");
  app.add_option_function<std::string>(
         "--separator",
         [&](const std::string& text) {
           if (text.empty()) fail("--separator", text, "a line of text");
           options.documents = DocumentRule::separator;
           options.separator = text;
         },
         "A line that equals this text ends a document (for example '<|endoftext|>')")
      ->excludes(documents);
}

void declare_splits(CLI::App& app, TokenizeOptions& options) {
  CLI::Option* fraction =
      app.add_option_function<std::string>(
             "--val-fraction",
             [&](const std::string& text) {
               options.val_fraction = parse_number("--val-fraction", text, 0.0, kMaxValFraction);
             },
             "Part of the documents held out for validation, chosen by hash; of a single document "
             "its end; 0 for none. Default 0.01")
          ->type_name("FRACTION");
  app.add_option("--val-files", options.val_files, "Files and folders to hold out instead")
      ->excludes(fraction)
      ->type_name("FILE");
  app.add_option_function<std::string>(
         "--seed",
         [&](const std::string& text) {
           options.seed = parse_number("--seed", text, uint64_t{0}, UINT64_MAX);
         },
         "Of the choice of documents held out. Default 0")
      ->type_name("NUMBER");
  app.add_option_function<std::string>(
         "--shard-tokens",
         [&](const std::string& text) {
           options.shard_tokens = parse_number("--shard-tokens", text, int64_t{1}, kMaxShardTokens);
         },
         "Tokens in each shard but a split's last, below 2^31. Default 100000000")
      ->type_name("NUMBER");
}

[[noreturn]] void fail_given(const std::string& option, const char* command) {
  throw ConfigError(
      fmt::format("{} is given ({}); leave it out, see tokenize --help", option, command));
}

/// Throws for the first of the options that was given.
void refuse(const CLI::App& app, std::initializer_list<const char*> options, const char* command) {
  for (const char* option : options) {
    if (app.count(option) > 0) fail_given(option, command);
  }
}

void require(const CLI::App& app, std::initializer_list<const char*> options) {
  for (const char* option : options) {
    if (app.count(option) == 0)
      throw ConfigError(fmt::format("{} is required; see tokenize --help", option));
  }
}

VerifyOptions verify_command(const CLI::App& app, const Given& given) {
  for (const CLI::Option* option : app.get_options()) {
    if (option->count() > 0 && option->get_name() != "--verify")
      fail_given(option->get_name(), "--verify takes nothing else");
  }
  return {given.verify};
}

FromBinOptions from_bin_command(const CLI::App& app, const Given& given) {
  refuse(app,
         {"--documents", "--separator", "--text-field", "--skip-bad-lines", "--seed", "--jobs",
          "--restart"},
         "--from-bin copies ids");
  const bool has_tokenizer = app.count("--tokenizer") > 0;
  if (has_tokenizer) {
    refuse(app, {"--vocab-size", "--eot-token"}, "--tokenizer says it");
  } else {
    require(app, {"--vocab-size", "--eot-token"});
  }
  FromBinOptions options = given.ids;
  if (!has_tokenizer && *options.eot_token >= *options.vocab_size)
    fail("--eot-token", std::to_string(*options.eot_token), "below --vocab-size");
  options.files = given.text.files;
  options.val_files = given.text.val_files;
  options.tokenizer = given.text.tokenizer;
  options.out = given.text.out;
  options.val_fraction = given.text.val_fraction;
  options.shard_tokens = given.text.shard_tokens;
  options.existing = given.text.existing;
  return options;
}

TokenizeOptions text_command(const CLI::App& app, const Given& given) {
  require(app, {"--tokenizer"});
  refuse(app, {"--vocab-size", "--eot-token"}, "it belongs to --from-bin");
  return given.text;
}

}  // namespace

std::optional<CommandOptions> parse_options(int argc, const char* const* argv) {
  Given given;
  given.text.n_jobs = static_cast<int>(
      std::clamp(std::thread::hardware_concurrency(), 1u, static_cast<unsigned>(kMaxJobs)));
  CLI::App app{"Turns text into token shards and their index, dataset.yaml.", "tokenize"};
  declare_inputs(app, given);
  declare_json_lines(app, given.text);
  declare_documents(app, given.text);
  declare_splits(app, given.text);
  declare_ids(app, given);
  app.set_version_flag("--version", "tokenize " + build_text());
  if (!parse_command_line(app, argc, argv, "see tokenize --help")) return std::nullopt;
  if (app.count("--verify") > 0) return verify_command(app, given);
  require(app, {"FILE", "--out"});
  if (given.text.out.empty()) fail("--out", "", "a folder");
  if (given.from_bin) return from_bin_command(app, given);
  return text_command(app, given);
}

}  // namespace isoflop
