// SPDX-License-Identifier: MIT
#include "trainer/early_device_check.hpp"

#include "core/base/error.hpp"
#include "trainer/backend/backend.hpp"

#include <fmt/format.h>

#include <csignal>
#include <ctime>

namespace isoflop {
namespace {

bool wants_gpu(const TrainerOptions& options) {
  if (options.action == TrainerAction::bench) return false;
  try {
    return load_config(options).device.kind == DeviceKind::cuda;
  } catch (const Error&) {
    return false;
  }
}

void wait_for_sigterm(std::chrono::milliseconds at_most) {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigset_t before;
  sigprocmask(SIG_BLOCK, &signals, &before);
  const timespec limit{at_most.count() / 1000, at_most.count() % 1000 * 1'000'000};
  sigtimedwait(&signals, nullptr, &limit);
  sigprocmask(SIG_SETMASK, &before, nullptr);
}

}  // namespace

void check_device_before_launch(const TrainerOptions& options, const EnvironmentLookup& environment,
                                std::chrono::milliseconds grace) {
  if (!wants_gpu(options)) return;
  const int rank = local_rank(environment);
  try {
    check_cuda_device(rank);
  } catch (const DeviceMissingError& error) {
    const bool is_first_without = rank == 0 || !why_no_cuda_device(rank - 1);
    if (is_first_without)
      throw DeviceMissingError(fmt::format("node {}: {}", node_name(environment), error.what()));
    wait_for_sigterm(grace);
    throw ReportedElsewhereError(error.exit_code());
  }
}

}  // namespace isoflop
