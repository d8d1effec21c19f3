// SPDX-License-Identifier: MIT
#include "tokenize/options.hpp"

#include "core/base/build_info.hpp"
#include "core/base/command_line.hpp"
#include "core/base/error.hpp"
#include "core/data/token_shard_format.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <charconv>

namespace isoflop {
namespace {

constexpr double kMaxValFraction = 0.5;

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

void declare_inputs(CLI::App& app, TokenizeOptions& options) {
  app.add_option("FILE", options.files, "Text files, plain or packed by gzip (.gz, .dz)")
      ->required()
      ->type_name("");
  app.add_option("--tokenizer", options.tokenizer,
                 "bytes: ids 0-255 are the bytes of the text, 256 is end of text")
      ->required()
      ->type_name("NAME");
  app.add_option("--out", options.out, "Folder to write the dataset into")
      ->required()
      ->type_name("DIR");
  app.add_flag_callback(
      "--overwrite", [&] { options.existing = ExistingDataset::overwrite; },
      "Replace the dataset that --out holds");
}

void declare_documents(CLI::App& app, TokenizeOptions& options) {
  CLI::Option* documents =
      app.add_option_function<std::string>(
             "--documents", [&](const std::string& text) { options.documents = parse_rule(text); },
             "What one document is: file (the default); paragraph (ended by empty lines unless the "
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
  app.add_option("--val-files", options.val_files, "Files to hold out instead")
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

}  // namespace

std::optional<TokenizeOptions> parse_options(int argc, const char* const* argv) {
  TokenizeOptions options;
  CLI::App app{"Turns text into token shards and their index, dataset.yaml.", "tokenize"};
  declare_inputs(app, options);
  declare_documents(app, options);
  declare_splits(app, options);
  app.set_version_flag("--version", "tokenize " + build_version());
  if (!parse_command_line(app, argc, argv, "see tokenize --help")) return std::nullopt;
  if (options.out.empty()) fail("--out", "", "a folder");
  return options;
}

}  // namespace isoflop
