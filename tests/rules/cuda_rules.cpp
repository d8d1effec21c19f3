// SPDX-License-Identifier: MIT
#include "rules/cuda_rules.hpp"

#include "rules/source_files.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <fstream>
#include <iterator>
#include <regex>
#include <sstream>

namespace isoflop::test {
namespace {

namespace fs = std::filesystem;

/// Code and the only files (paths in src/trainer/) that may hold it.
struct CodeRule {
  std::regex code;
  std::vector<std::string> allowed_files;
  std::string reason;
};

const std::vector<CodeRule>& code_rules() {
  constexpr const char* kLaunch = "backend/cuda/launch.cuh";
  constexpr const char* kDevice = "backend/cuda/cuda_device.cpp";
  constexpr const char* kBeforeTraining = "backend/cuda/matmul_timer.cpp";
  static const std::vector<CodeRule> rules{
      {std::regex("<<<"), {}, "kernels are started by gpu::launch"},
      {std::regex("\\bcudaLaunch\\w*"), {kLaunch}, "kernels are started by gpu::launch"},
      {std::regex("\\b(asm|__asm__)\\b"), {}, "a host compiler has to understand kernels too"},
      {std::regex("\\b__CUDA(CC|_ARCH)__"), {kLaunch}, "all compilers get the same kernels"},
      {std::regex("\\b__shared__\\b"), {kLaunch}, "shared memory comes from gpu::dynamic_shared"},
      {std::regex("\\batomic[A-Z]\\w*"), {}, "the order of sums would change from run to run"},
      {std::regex("\\b__global__(?!\\s+void\\s+__launch_bounds__)"),
       {},
       "write '__global__ void __launch_bounds__(...)': without bounds a block may need more "
       "registers than there are"},
      {std::regex("\\bcuda(Malloc|Free)\\w*"),
       {kDevice, kBeforeTraining},
       "memory comes from Device and Arena"},
      {std::regex("\\bcuda(Device|Stream|Event)Synchronize"),
       {kDevice},
       "only Device::synchronize makes the host wait"},
  };
  return rules;
}

/// One past the end of the comment or literal that starts at `begin`; `begin` when none does.
std::size_t end_of_blank(std::string_view text, std::size_t begin) {
  const auto end_at = [&](std::string_view mark, std::size_t from) {
    const std::size_t found = text.find(mark, from);
    return found == std::string_view::npos ? text.size() : found;
  };
  const std::string_view rest = text.substr(begin);
  if (rest.starts_with("//")) return end_at("\n", begin);
  if (rest.starts_with("/*")) return std::min(text.size(), end_at("*/", begin + 2) + 2);
  const bool is_digit_separator =
      begin > 0 && std::isalnum(static_cast<unsigned char>(text[begin - 1])) != 0;
  const char quote = text[begin];
  if (quote != '"' && (quote != '\'' || is_digit_separator)) return begin;
  std::size_t end = begin + 1;
  while (end < text.size() && text[end] != quote) end += text[end] == '\\' ? 2 : 1;
  return std::min(text.size(), end + 1);
}

bool contains(const std::vector<std::string>& files, const std::string& file) {
  return std::find(files.begin(), files.end(), file) != files.end();
}

std::string read(const fs::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

std::string blank_comments_and_literals(std::string_view text) {
  std::string blanked(text);
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t end = end_of_blank(text, i);
    for (std::size_t k = i; k < end; ++k)
      if (text[k] != '\n') blanked[k] = ' ';
    i = end > i ? end : i + 1;
  }
  return blanked;
}

std::vector<std::string> find_forbidden_cuda(const fs::path& root) {
  std::vector<std::string> problems;
  const fs::path trainer = root / "src/trainer";
  for (const fs::path& path : sources_under(trainer)) {
    const std::string file = fs::relative(path, trainer).string();
    std::istringstream lines(blank_comments_and_literals(read(path)));
    std::string line;
    for (int number = 1; std::getline(lines, line); ++number) {
      for (const CodeRule& rule : code_rules()) {
        std::smatch match;
        if (!contains(rule.allowed_files, file) && std::regex_search(line, match, rule.code))
          problems.push_back(fmt::format("src/trainer/{}:{}: '{}' has no place here ({})", file,
                                         number, match.str(), rule.reason));
      }
    }
  }
  return problems;
}

}  // namespace isoflop::test
