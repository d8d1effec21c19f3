// SPDX-License-Identifier: MIT
#include "core/base/error.hpp"
#include "core/base/log.hpp"
#include "core/base/main_guard.hpp"
#include "tokenize/options.hpp"
#include "tokenize/summary.hpp"
#include "tokenize/tokenize.hpp"

#include <fmt/format.h>

namespace {

int run(int argc, const char* const* argv) {
  using namespace isoflop;
  const std::optional<TokenizeOptions> options = parse_options(argc, argv);
  if (!options) return static_cast<int>(ExitCode::kSuccess);
  const TokenizeResult result = tokenize(*options);
  fmt::print("{}", tokenize_summary(result, options->out));
  for (const std::filesystem::path& file : result.skipped)
    log::warn("{}: skipped (it holds no text); leave it out", file.string());
  return static_cast<int>(result.skipped.empty() ? ExitCode::kSuccess : ExitCode::kSkippedInput);
}

}  // namespace

int main(int argc, char** argv) {
  return isoflop::run_main("tokenize", [&] { return run(argc, argv); });
}
