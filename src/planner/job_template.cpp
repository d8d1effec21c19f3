// SPDX-License-Identifier: MIT
#include "planner/job_template.hpp"

#include "core/base/error.hpp"
#include "core/base/suggest.hpp"
#include "core/base/text_file.hpp"
#include "planner/shell_quote.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <regex>
#include <vector>

namespace isoflop {

namespace {

namespace fs = std::filesystem;

/// Everything that stands in braces; slurm/README.md explains them.
constexpr std::array kPlaceholders = {"apptainer",
                                      "bad_nodes",
                                      "checkpoint_files",
                                      "checkpoint_mib",
                                      "floor_link",
                                      "floor_tflops",
                                      "cron",
                                      "every_minutes",
                                      "form",
                                      "index",
                                      "last_member",
                                      "law",
                                      "log",
                                      "max_running",
                                      "members",
                                      "program",
                                      "report",
                                      "service",
                                      "sweep",
                                      "tables",
                                      "tick",
                                      "preflight",
                                      "results",
                                      "array",
                                      "bin",
                                      "cancelled",
                                      "checkpoints",
                                      "cluster_comment",
                                      "cluster_crc32",
                                      "container",
                                      "container_options",
                                      "cpus_per_task",
                                      "created",
                                      "dependency",
                                      "environment",
                                      "export_none",
                                      "folder",
                                      "folder_comment",
                                      "gpu",
                                      "gpu_request",
                                      "image",
                                      "job_name",
                                      "login_shell",
                                      "max_starts",
                                      "mem",
                                      "modules",
                                      "mounts",
                                      "mpi",
                                      "name",
                                      "no_chain",
                                      "nodes",
                                      "partition",
                                      "pilot",
                                      "plan",
                                      "plan_comment",
                                      "plans",
                                      "pyxis",
                                      "requeue",
                                      "run",
                                      "script",
                                      "script_comment",
                                      "script_name",
                                      "setup",
                                      "signal_lead",
                                      "site_options",
                                      "srun_options",
                                      "steps",
                                      "tasks_per_node",
                                      "templates_comment",
                                      "time",
                                      "value",
                                      "version",
                                      "whole_nodes",
                                      "why"};

/// Marks a placeholder without a value in what is rendered; no text of ours holds control
/// characters.
constexpr char kUnfilledBegin = '\x01';
constexpr char kUnfilledEnd = '\x02';

/// Tags of variables, sections and their ends; `kind` is empty for variables.
const std::regex& tag() {
  static const std::regex kTag(R"(\{\{(\{?)([#^/&!]?)\s*([^{}]*?)\s*\}?\}\})");
  return kTag;
}

void check_names(const std::string& text, const std::string& where) {
  const std::vector<std::string> known(kPlaceholders.begin(), kPlaceholders.end());
  for (std::sregex_iterator at(text.begin(), text.end(), tag()), end; at != end; ++at) {
    const std::string name = (*at)[3];
    if ((*at)[2] == "!" || name == ".") continue;
    if (std::find(known.begin(), known.end(), name) == known.end())
      throw ConfigError(fmt::format("{}: no value is called '{}'{}; slurm/README.md lists them",
                                    where, name, did_you_mean(name, known)));
  }
}

/// Lines that hold nothing but the tag of a section leave no line behind.
std::string without_tag_lines(const std::string& text) {
  static const std::regex kLine(R"((^|\n)(\{\{[#^/][^{}]*\}\})(?=\n))");
  static const std::regex kEndOfTag(R"((\{\{[#^/][^{}]*\}\})\x03\n)");
  return std::regex_replace(std::regex_replace(text, kLine, "$1$2\x03"), kEndOfTag, "$1");
}

/// `{{x}}` becomes itself where x has a value, else a mark.
std::string with_marks(const std::string& text) {
  static const std::regex kVariable(R"(\{\{\{?\s*([a-z_0-9]+)\s*\}?\}\})");
  return std::regex_replace(
      text, kVariable,
      std::string("{{#$1}}$&{{/$1}}{{^$1}}") + kUnfilledBegin + "$1" + kUnfilledEnd + "{{/$1}}");
}

void check_filled(const std::string& text, const std::string& where) {
  const std::size_t begin = text.find(kUnfilledBegin);
  if (begin == std::string::npos) return;
  const std::string name = text.substr(begin + 1, text.find(kUnfilledEnd, begin) - begin - 1);
  throw ConfigError(
      fmt::format("{}: this job has no value for '{}'; put it between {{{{#{}}}}} and {{{{/{}}}}}",
                  where, name, name, name));
}

/// Where a section of the template is left out, the blank lines around it meet.
std::string squeeze_blank_lines(std::string text) {
  for (auto at = text.find("\n\n\n"); at != std::string::npos; at = text.find("\n\n\n", at))
    text.erase(at, 1);
  return text;
}

}  // namespace

JobTemplates::JobTemplates(std::optional<fs::path> site_folder)
    : default_folder_(data_dir().parent_path() / "slurm" / "templates"),
      site_folder_(std::move(site_folder)) {
  if (site_folder_ && !fs::is_directory(*site_folder_))
    throw FileError(
        fmt::format("{}: is no folder of templates; correct --templates or the cluster file's "
                    "templates",
                    site_folder_->string()));
}

fs::path JobTemplates::find(const std::string& file) const {
  if (site_folder_ && fs::exists(*site_folder_ / file)) return *site_folder_ / file;
  return default_folder_ / file;
}

/// `{{>x}}` on a line of its own is the file blocks/x.mustache.
std::string JobTemplates::with_blocks(const fs::path& file, int depth) const {
  constexpr int kDeepest = 8;
  if (depth > kDeepest)
    throw ConfigError(fmt::format("{}: its blocks contain each other", file.string()));
  static const std::regex kBlock(R"((^|\n)\{\{>\s*([A-Za-z0-9_-]+)\s*\}\}\n)");
  std::string text = read_text_file(file);
  for (std::smatch block; std::regex_search(text, block, kBlock);) {
    const fs::path part = find("blocks/" + block[2].str() + ".mustache");
    text = block.prefix().str() + block[1].str() + with_blocks(part, depth + 1) + "\n" +
           block.suffix().str();
  }
  return text;
}

std::string JobTemplates::render(const std::string& name,
                                 const kainjow::mustache::data& values) const {
  const fs::path file = find(name + ".mustache");
  const std::string text = with_blocks(file, 0);
  check_names(text, file.string());
  kainjow::mustache::mustache script(with_marks(without_tag_lines(text)));
  if (!script.is_valid())
    throw FileError(
        fmt::format("{}: is no valid template ({})", file.string(), script.error_message()));
  script.set_custom_escape(shell_quote);
  const std::string rendered = script.render(values);
  check_filled(rendered, file.string());
  return squeeze_blank_lines(rendered);
}

std::string JobTemplates::description() const {
  if (!site_folder_) return "those of isoflop";
  return site_folder_->string() + ", else those of isoflop";
}

}  // namespace isoflop
