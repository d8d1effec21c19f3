// SPDX-License-Identifier: MIT
#include "rules/include_rules.hpp"

#include "rules/source_files.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <optional>
#include <regex>

namespace isoflop::test {
namespace {

namespace fs = std::filesystem;

/// A folder of src/ and the folders its files may include, besides itself. The longest matching
/// folder decides; a folder allows what lies below it.
struct PartRule {
  std::string part;
  std::vector<std::string> allowed;
};

// core:    base <- model <- hardware <- parallel <- plan; base <- {scaling, run, data}; data <-
// tokenizer. trainer: tensor <- backend <- model <- fsdp <- optim <- checkpoint <- session, train,
// main;
//          backend <- comm <- fsdp; model never includes comm, backend never includes model;
//          model <- data; telemetry records all of them.
const std::vector<PartRule>& part_rules() {
  static const std::vector<PartRule> rules{
      {"core/base", {}},
      {"core/data", {"core/base"}},
      {"core/tokenizer", {"core/base", "core/data"}},
      {"core/model", {"core/base"}},
      {"core/hardware", {"core/base", "core/model"}},
      {"core/parallel", {"core/base", "core/model", "core/hardware"}},
      {"core/plan", {"core/base", "core/model", "core/hardware", "core/parallel"}},
      {"core/scaling", {"core/base"}},
      {"core/run", {"core/base"}},
      {"planner", {"core"}},
      {"tokenize", {"core"}},
      {"report", {"core"}},
      {"trainer/tensor", {"core"}},
      {"trainer/backend", {"core", "trainer/tensor"}},
      {"trainer/comm", {"core", "trainer/tensor", "trainer/backend"}},
      {"trainer/data", {"core", "trainer/tensor", "trainer/backend", "trainer/model"}},
      {"trainer/model", {"core", "trainer/tensor", "trainer/backend"}},
      {"trainer/fsdp",
       {"core", "trainer/tensor", "trainer/backend", "trainer/model", "trainer/comm"}},
      {"trainer/optim",
       {"core", "trainer/tensor", "trainer/backend", "trainer/model", "trainer/comm",
        "trainer/fsdp"}},
      {"trainer/checkpoint",
       {"core", "trainer/tensor", "trainer/backend", "trainer/model", "trainer/comm",
        "trainer/fsdp", "trainer/optim"}},
      {"trainer/telemetry", {"core", "trainer"}},
      {"trainer/profile", {"core", "trainer"}},
      {"trainer", {"core"}},
  };
  return rules;
}

/// Library headers and the only files that may include them (by the start of their path in src/).
struct HeaderRule {
  std::regex header;
  std::regex allowed_files;
};

const std::vector<HeaderRule>& header_rules() {
  static const std::regex no_file("");
  static const std::vector<HeaderRule> rules{
      {std::regex("cub/.*|thrust/.*|curand.*"), no_file},
      {std::regex(".*\\.cuh"), std::regex("trainer/backend/cuda/.*\\.cuh?")},
      {std::regex("cuda.*|cublas.*|cudnn.*"), std::regex("trainer/(backend/cuda/|comm/nccl_).*")},
      {std::regex("nvtx3/.*"), std::regex("trainer/backend/cuda/.*")},
      {std::regex("nccl.*"), std::regex("trainer/comm/nccl_.*")},
      {std::regex("mpi(-ext)?\\.h"), std::regex("trainer/comm/(mpi_|nccl_collectives).*")},
      {std::regex("hdf5.*|H5.*"), std::regex("core/run/(.*\\.cpp|hdf5_handle\\.hpp)")},
      {std::regex("yaml-cpp/.*|nlohmann/.*"), std::regex("core/base/.*")},
      {std::regex("Kokkos.*"), std::regex("report/(fit/.*|main\\.cpp)")},
      {std::regex("sentencepiece.*"), std::regex("core/tokenizer/sentencepiece_.*")},
      {std::regex("zstd.*"), std::regex("tokenize/zstd_.*")},
      {std::regex("spdlog/.*"), std::regex("core/base/log\\..*")},
  };
  return rules;
}

bool lies_in(const std::string& path, const std::string& folder) {
  return path.size() > folder.size() && path.starts_with(folder) && path[folder.size()] == '/';
}

const PartRule* rule_of(const std::string& path) {
  const PartRule* best = nullptr;
  for (const PartRule& rule : part_rules()) {
    if (lies_in(path, rule.part) && (!best || rule.part.size() > best->part.size())) best = &rule;
  }
  return best;
}

std::optional<std::string> problem_with_project_header(const fs::path& src, const std::string& file,
                                                       const std::string& header) {
  if (header.find("..") != std::string::npos || !fs::exists(src / header))
    return fmt::format("\"{}\" is not a file under src/; include by the path from src/", header);
  const PartRule* const rule = rule_of(file);
  if (rule == nullptr)
    return fmt::format("its folder has no rule; add one to tests/rules/include_rules.cpp");
  const bool allowed =
      lies_in(header, rule->part) ||
      std::any_of(rule->allowed.begin(), rule->allowed.end(),
                  [&](const std::string& folder) { return lies_in(header, folder); });
  if (allowed) return std::nullopt;
  return fmt::format("{} may not include \"{}\"", rule->part, header);
}

std::optional<std::string> problem_with_library_header(const std::string& file,
                                                       const std::string& header) {
  for (const HeaderRule& rule : header_rules()) {
    if (std::regex_match(header, rule.header) && !std::regex_match(file, rule.allowed_files))
      return fmt::format("<{}> is kept out of this file", header);
  }
  return std::nullopt;
}

struct Include {
  int line;
  bool is_quoted;
  std::string header;
};

std::vector<Include> includes_of(const fs::path& path) {
  static const std::regex directive(R"(\s*#\s*include\s*(["<])([^">]+)[">].*)");
  std::vector<Include> includes;
  std::ifstream file(path);
  std::string text;
  for (int line = 1; std::getline(file, text); ++line) {
    std::smatch match;
    if (std::regex_match(text, match, directive))
      includes.push_back({line, match[1] == "\"", match[2]});
  }
  return includes;
}

/// Library headers written with quotes are judged as what they are.
std::optional<std::string> problem_with(const fs::path& src, const std::string& file,
                                        const Include& include) {
  if (const auto problem = problem_with_library_header(file, include.header)) return problem;
  const bool is_project_header = include.is_quoted || rule_of(include.header) != nullptr;
  if (!is_project_header) return std::nullopt;
  return problem_with_project_header(src, file, include.header);
}

/// Absolute, or climbing out of src/ and tests/ from the folder of the including file.
bool leaves_the_tree(const fs::path& root, const fs::path& file, const std::string& header) {
  if (header.starts_with('/')) return true;
  if (header.find("..") == std::string::npos) return false;
  const fs::path target = fs::relative((file.parent_path() / header).lexically_normal(), root);
  return *target.begin() != "src" && *target.begin() != "tests";
}

}  // namespace

std::vector<std::string> find_forbidden_includes(const fs::path& root) {
  std::vector<std::string> problems;
  const auto add = [&](const fs::path& path, const Include& include, const std::string& problem) {
    problems.push_back(
        fmt::format("{}:{}: {}", fs::relative(path, root).string(), include.line, problem));
  };
  for (const char* folder : {"src", "tests"}) {
    for (const fs::path& path : sources_under(root / folder)) {
      for (const Include& include : includes_of(path)) {
        if (leaves_the_tree(root, path, include.header))
          add(path, include, fmt::format("\"{}\" leaves the tree", include.header));
      }
    }
  }
  for (const fs::path& path : sources_under(root / "src")) {
    const std::string file = fs::relative(path, root / "src").string();
    for (const Include& include : includes_of(path)) {
      if (leaves_the_tree(root, path, include.header)) continue;
      if (const auto problem = problem_with(root / "src", file, include))
        add(path, include, *problem);
    }
  }
  return problems;
}

}  // namespace isoflop::test
