// SPDX-License-Identifier: MIT
#include "planner/commands/validate_command.hpp"

#include "core/base/command_line.hpp"
#include "core/base/error.hpp"
#include "core/base/text_file.hpp"
#include "planner/analysis/known_answers.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <filesystem>
#include <optional>

namespace isoflop {
namespace {

struct ValidateOptions {
  std::optional<std::filesystem::path> file;
  bool json = false;
};

std::optional<ValidateOptions> parse(int argc, const char* const* argv) {
  ValidateOptions options;
  CLI::App app("Published figures against what this program computes; exit code 1 when one fails.",
               "planner validate");
  app.add_option("FILE", options.file,
                 "Answers in the form of data/known_answers.yaml [that file]");
  app.add_flag("--json", options.json, "One JSON document");
  if (!parse_command_line(app, argc, argv, "see planner validate --help")) return std::nullopt;
  return options;
}

int run(const ValidateOptions& options) {
  const std::filesystem::path path = options.file.value_or(data_dir() / "known_answers.yaml");
  const Validation validation = validate(ConfigNode::load(path));
  fmt::print("{}", options.json ? validation_as_json(validation) : describe_validation(validation));
  return static_cast<int>(validation.failures() == 0 ? ExitCode::kSuccess : ExitCode::kInternal);
}

}  // namespace

int run_validate_command(int argc, const char* const* argv) {
  const std::optional<ValidateOptions> options = parse(argc, argv);
  return options ? run(*options) : 0;
}

}  // namespace isoflop
