// SPDX-License-Identifier: MIT
#include "core/base/error.hpp"
#include "core/base/format.hpp"
#include "core/base/log.hpp"
#include "core/base/main_guard.hpp"
#include "tokenize/from_bin.hpp"
#include "tokenize/options.hpp"
#include "tokenize/summary.hpp"
#include "tokenize/tokenize.hpp"
#include "tokenize/verify.hpp"

#include <fmt/format.h>

namespace {

using namespace isoflop;

int report(const TokenizeResult& result, const std::filesystem::path& out) {
  fmt::print("{}", tokenize_summary(result, out));
  for (const std::filesystem::path& file : result.skipped)
    log::warn("{}: skipped (it holds no text); leave it out", file.string());
  const bool has_skipped = !result.skipped.empty() || result.n_bad_lines > 0;
  return static_cast<int>(has_skipped ? ExitCode::kSkippedInput : ExitCode::kSuccess);
}

int run_verify(const VerifyOptions& options) {
  const VerifyResult result = verify_dataset(options.folder);
  for (const std::string& problem : result.problems) fmt::print("{}\n", problem);
  if (!result.problems.empty())
    throw FileError(
        fmt::format("{}: {} bad file(s) (each is named above); restore them or tokenize "
                    "again",
                    options.folder.string(), result.problems.size()));
  fmt::print("{}: all {} shards are whole ({} tokens, {})\n", options.folder.string(),
             result.n_shards, format_grouped(result.n_tokens), format_bytes(result.n_bytes));
  return static_cast<int>(ExitCode::kSuccess);
}

int run(int argc, const char* const* argv) {
  const std::optional<CommandOptions> options = parse_options(argc, argv);
  if (!options) return static_cast<int>(ExitCode::kSuccess);
  if (const auto* verify = std::get_if<VerifyOptions>(&*options)) return run_verify(*verify);
  if (const auto* ids = std::get_if<FromBinOptions>(&*options))
    return report(tokenize_from_bin(*ids), ids->out);
  const auto& text = std::get<TokenizeOptions>(*options);
  return report(tokenize(text), text.out);
}

}  // namespace

int main(int argc, char** argv) {
  return isoflop::run_main("tokenize", [&] { return run(argc, argv); });
}
