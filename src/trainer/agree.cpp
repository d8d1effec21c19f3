// SPDX-License-Identifier: MIT
#include "trainer/agree.hpp"

#include "core/base/error.hpp"

#include <exception>

namespace isoflop {
namespace {

constexpr double kCodes = 256;  // exit codes fit one byte

bool g_failed_together = false;

/// Larger for a lower rank, so that the maximum names the first rank that failed; its exit code in
/// the low byte.
double encode(const RankInfo& info, int exit_code) {
  return (info.world_size - info.rank) * kCodes + exit_code;
}

int exit_code_of(const std::exception_ptr& failure) {
  try {
    std::rethrow_exception(failure);
  } catch (const Error& error) {
    return static_cast<int>(error.exit_code());
  } catch (const std::bad_alloc&) {
    return static_cast<int>(ExitCode::kOutOfMemory);
  } catch (...) {
    return static_cast<int>(ExitCode::kInternal);
  }
}

}  // namespace

void run_on_all_ranks(Launch& launch, const std::function<void()>& work) {
  std::exception_ptr failure;
  try {
    work();
  } catch (...) {
    failure = std::current_exception();
  }
  const double mine = failure ? encode(launch.info(), exit_code_of(failure)) : 0.0;
  const double first = launch.max_over_ranks(mine);
  if (first == 0.0) return;
  g_failed_together = true;
  if (failure && mine == first) std::rethrow_exception(failure);
  throw ReportedElsewhereError(
      static_cast<ExitCode>(static_cast<int64_t>(first) % static_cast<int64_t>(kCodes)));
}

bool failed_together() { return g_failed_together; }

}  // namespace isoflop
