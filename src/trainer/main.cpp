// SPDX-License-Identifier: MIT
#include "core/base/error.hpp"
#include "core/base/log.hpp"
#include "core/base/main_guard.hpp"
#include "core/plan/option_table.hpp"
#include "trainer/agree.hpp"
#include "trainer/bench/bench.hpp"
#include "trainer/early_device_check.hpp"
#include "trainer/health/status_file.hpp"
#include "trainer/health/watchdog.hpp"
#include "trainer/interchange/commands.hpp"
#include "trainer/options.hpp"
#include "trainer/run_training.hpp"

#include <fmt/format.h>

#include <memory>
#include <optional>
#include <string>

namespace {

using namespace isoflop;

int run(const TrainerOptions& options, Launch& launch, StatusFile& status) {
  log::configure(launch.info().rank, launch.info().world_size, options.log_level);
  switch (options.action) {
    case TrainerAction::bench:
      return run_bench(options, launch);
    case TrainerAction::check:
      return check_training(options, launch);
    case TrainerAction::train:
      return run_training(options, launch, status);
    case TrainerAction::list_options:
      break;  // needs no launch: main prints it
  }
  return static_cast<int>(ExitCode::kInternal);
}

}  // namespace

int main(int argc, char** argv) {
  std::unique_ptr<Launch> launch;
  std::optional<StatusFile> status;
  const auto body = [&] {
    if (is_interchange_command(argc, argv)) return run_interchange_command(argc, argv, launch);
    const std::optional<TrainerOptions> options = parse_options(argc, argv);
    if (!options) return static_cast<int>(ExitCode::kSuccess);
    if (options->action == TrainerAction::list_options) {
      fmt::print("{}", option_table_markdown());
      return static_cast<int>(ExitCode::kSuccess);
    }
    const bool trains = options->action == TrainerAction::train;
    status.emplace(trains ? find_run_place(*options) : std::nullopt);
    check_device_before_launch(*options, process_environment);
    launch = make_launch(&argc, &argv, choose_bootstrap(*options, process_environment));
    status->set_place(launch->info());
    return run(*options, *launch, *status);
  };
  const auto abort_job = [&](int exit_code, const std::string& message) {
    leave_end_to_watchdog();
    if (status && !message.empty()) status->fail(exit_code, message);
    if (launch && !failed_together()) launch->abort(exit_code);
  };
  return run_main("trainer", body, abort_job);
}
