// SPDX-License-Identifier: MIT
#include "trainer/finish_run.hpp"

#include "core/base/error.hpp"
#include "core/base/log.hpp"
#include "trainer/checkpoint/checkpoint_folder.hpp"
#include "trainer/health/activity.hpp"
#include "trainer/run_switches.hpp"
#include "trainer/stop_signal.hpp"

#include <fmt/format.h>

#include <cstring>
#include <filesystem>
#include <string>
#include <system_error>

namespace isoflop {
namespace {

/// ", loss scale 3e-05" where there is one.
std::string loss_scale_text(const Recorder& recorder) {
  return recorder.scales_loss() ? fmt::format(", loss scale {:g}", recorder.loss_scale()) : "";
}

/// ", first the loss of rank 3 on node07 in step 17": where it began.
std::string origin_text(const Recorder& recorder) {
  const auto& [step, ranks] = recorder.first_skipped();
  if (ranks.empty()) return "";
  return fmt::format(", first the loss of {} in step {}", describe(ranks), step);
}

/// What a new start of the run does.
std::string outlook(const Session& session, int64_t step) {
  if (session.config().checkpoint.at_end)
    return fmt::format("start it again to go on from step {}", step + 1);
  return "every step is recorded, but checkpoint.at_end is false: a new start goes on from the "
         "last "
         "checkpoint, if there is one";
}

/// Saves the state after the last step; a run that cannot be saved has failed, its records are
/// complete all the same.
void save_last(Session& session, Recorder& recorder) {
  try {
    if (session.config().checkpoint.at_end)
      session.checkpoints().save_last(recorder.last_step());
    else
      session.checkpoints().finish();
  } catch (const Error&) {
    recorder.finish(RunState::failed);
    throw;
  }
  for (const CheckpointRecord& checkpoint : session.checkpoints().ended())
    recorder.record_checkpoint(checkpoint);
}

RunEnd finish_done(Session& session, Recorder& recorder) {
  const int64_t step = recorder.last_step();
  recorder.record_event(EventKind::end, step, 0, "all steps done");
  save_last(session, recorder);
  recorder.finish(RunState::done);
  log::info("done: {} steps", step);
  return {static_cast<int>(ExitCode::kSuccess), ""};
}

/// A run that ends with steps left.
RunEnd finish_early(Session& session, Recorder& recorder, const std::string& cause) {
  save_last(session, recorder);
  recorder.finish(session.config().checkpoint.at_end ? RunState::checkpointed : RunState::stopped);
  const int64_t step = recorder.last_step();
  log::warn("stopped after step {} of {} ({}); {}", step, session.schedule().last_step(), cause,
            outlook(session, step));
  return {static_cast<int>(ExitCode::kStopRequested), cause};
}

RunEnd finish_diverged(Session& session, Recorder& recorder) {
  recorder.record_event(EventKind::nan, recorder.last_step(), 0,
                        "loss or gradients are not finite");
  session.checkpoints().finish();
  recorder.finish(RunState::nan);
  const std::string cause = fmt::format(
      "training diverged: loss or gradients are not finite at step {} ({} steps in a row without "
      "an update{}{}); {}",
      recorder.last_step(), recorder.skipped_in_a_row(), loss_scale_text(recorder),
      origin_text(recorder),
      describe_newest(CheckpointFolder(session.config().checkpoint_folder())));
  log::world(log::Level::error,
             cause + "; lower optimizer.lr, raise schedule.warmup_steps or check the data");
  return {static_cast<int>(ExitCode::kDiverged), cause, recorder.first_skipped().ranks};
}

std::string cause_of_stop(const RunOptions& run) {
  if (stop_signal()) return strsignal(stop_signal());
  const std::filesystem::path file = stop_switch(run.out, run.name);
  std::error_code ignored;
  if (std::filesystem::exists(file, ignored))
    return file.string() + " is there (remove it to go on)";
  return "signal on another rank";
}

}  // namespace

RunEnd finish_run(TrainEnd end, Session& session, Recorder& recorder) {
  this_activity().enter(Phase::end);
  switch (end) {
    case TrainEnd::done:
      return finish_done(session, recorder);
    case TrainEnd::stop_requested: {
      const std::string cause = cause_of_stop(session.config().run);
      recorder.record_event(EventKind::signal, recorder.last_step(), stop_signal(), cause);
      return finish_early(session, recorder, cause);
    }
    case TrainEnd::out_of_time:
      recorder.record_event(EventKind::end, recorder.last_step(), 0,
                            "deadline before the last step");
      return finish_early(session, recorder, "the deadline came before the learning rate was down");
    case TrainEnd::diverged:
      return finish_diverged(session, recorder);
  }
  return {static_cast<int>(ExitCode::kInternal), "unknown end of training"};
}

}  // namespace isoflop
