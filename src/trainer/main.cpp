// SPDX-License-Identifier: MIT
#include "core/base/error.hpp"
#include "core/base/log.hpp"
#include "core/base/main_guard.hpp"
#include "core/plan/option_table.hpp"
#include "trainer/agree.hpp"
#include "trainer/bench/bench.hpp"
#include "trainer/early_device_check.hpp"
#include "trainer/options.hpp"
#include "trainer/run_training.hpp"

#include <fmt/format.h>

#include <memory>

namespace {

using namespace isoflop;

int run(const TrainerOptions& options, Launch& launch) {
  log::configure(launch.info().rank, launch.info().world_size, options.log_level);
  switch (options.action) {
    case TrainerAction::bench:
      return run_bench(options, launch);
    case TrainerAction::check:
      return check_training(options, launch);
    case TrainerAction::train:
      return run_training(options, launch);
    case TrainerAction::list_options:
      break;  // needs no launch: main prints it
  }
  return static_cast<int>(ExitCode::kInternal);
}

}  // namespace

int main(int argc, char** argv) {
  std::unique_ptr<Launch> launch;
  const auto body = [&] {
    const std::optional<TrainerOptions> options = parse_options(argc, argv);
    if (!options) return static_cast<int>(ExitCode::kSuccess);
    if (options->action == TrainerAction::list_options) {
      fmt::print("{}", option_table_markdown());
      return static_cast<int>(ExitCode::kSuccess);
    }
    check_device_before_launch(*options, process_environment);
    launch = make_launch(&argc, &argv, choose_bootstrap(*options, process_environment));
    return run(*options, *launch);
  };
  const auto abort_job = [&](int exit_code) {
    if (launch && !failed_together()) launch->abort(exit_code);
  };
  return run_main("trainer", body, abort_job);
}
