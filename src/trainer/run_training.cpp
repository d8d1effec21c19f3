// SPDX-License-Identifier: MIT
#include "trainer/run_training.hpp"

#include "core/base/error.hpp"
#include "core/base/log.hpp"
#include "core/run/run_segment.hpp"
#include "trainer/agree.hpp"
#include "trainer/backend/gpu_support.hpp"
#include "trainer/checkpoint/run_lock.hpp"
#include "trainer/checkpoint/space_check.hpp"
#include "trainer/choose_attention.hpp"
#include "trainer/choose_device.hpp"
#include "trainer/comm/launcher.hpp"
#include "trainer/detect_peak.hpp"
#include "trainer/memory_report.hpp"
#include "trainer/out_of_memory.hpp"
#include "trainer/resume.hpp"
#include "trainer/start_report.hpp"
#include "trainer/stop_signal.hpp"
#include "trainer/telemetry/run_header.hpp"
#include "trainer/threads.hpp"
#include "trainer/train.hpp"

#include <fmt/format.h>

#include <csignal>
#include <cstring>
#include <memory>
#include <optional>
#include <unistd.h>

namespace isoflop {
namespace {

void check_device_support(const TrainConfig& config) {
  if (config.device.kind != DeviceKind::cuda) return;
  check_gpu_kernels(config.model);
  check_gpu_kernels(config.optimizer.kind);
}

Backend make_backend(const TrainConfig& config, const RankInfo& info) {
  if (config.device.kind == DeviceKind::cuda)
    return make_cuda_backend({.local_rank = info.local_rank,
                              .precision = config.precision,
                              .deterministic = config.device.deterministic});
  return make_cpu_backend({.n_threads = threads_of_rank(info), .ranks_on_node = info.local_size},
                          config.precision);
}

/// The device with the name and peak of what rank 0 runs on, which records them; says when it was
/// meant for another.
DeviceConfig with_peak(const TrainConfig& config, const Backend& backend, const RankInfo& info) {
  if (info.rank != 0) return config.device;
  if (backend.gpu_name.empty() && config.device.name.empty()) return config.device;
  DetectedPeak detected =
      detect_peak(config.device, config.precision, backend.gpu_name, GpuCatalog::load());
  if (detected.warning) log::warn("{}", *detected.warning);
  return std::move(detected.device);
}

/// Everything that can fail alike on every rank, agreed on by all.
struct Prepared {
  Preparation preparation;
  Backend backend;
};

Prepared prepare_on_all_ranks(const TrainerOptions& options, Launch& launch, const Clock& clock) {
  TrainConfig config;
  run_on_all_ranks(launch, [&] { config = load_config(options); });
  config.device.kind = choose_device(config.device.kind, launch);
  std::optional<Prepared> prepared;
  run_on_all_ranks(launch, [&] {
    config.model.attention_backend = choose_attention(config);
    check_device_support(config);
    Backend backend = make_backend(config, launch.info());
    config.model.attention_backend = choose_attention(config, backend.gpu);
    config.device = with_peak(config, backend, launch.info());
    prepared.emplace(Prepared{prepare(config, launch.info().world_size), std::move(backend)});
    if (config.schedule.deadline && launch.info().rank == 0)
      prepared->preparation.deadline_s =
          resolve(*config.schedule.deadline, clock(), process_environment("SLURM_JOB_END_TIME"));
  });
  return std::move(*prepared);
}

RunHeader make_header(const TrainerOptions& options, const Session& session, Launch& launch,
                      const std::string& device) {
  return make_run_header(
      {.config = session.config(),
       .layout = session.layout(),
       .flat_layout = session.flat_layout(),
       .ranks = launch.ranks(),
       .device_description = device,
       .tokenizer = session.tokenizer(),
       .argv = options.argv,
       .config_yaml = write_train_config(session.config(), "configuration of a recorded run"),
       .resumed_from_step = session.first_step() - 1});
}

/// Rank 0's run file; the other ranks learn whether it could be made.
std::optional<RunWriter> open_run_file(const TrainerOptions& options, Session& session,
                                       Launch& launch) {
  std::optional<RunWriter> writer;
  run_on_all_ranks(launch, [&] {
    if (launch.info().rank != 0) return;
    const RunSegment segment = next_segment(session.config().run.out, session.config().run.name);
    RunHeader header =
        make_header(options, session, launch, session.backend().device->description());
    header.identity.segment = segment.number;
    writer.emplace(segment.path, header);
    log::info("recording to {}", segment.path.string());
  });
  return writer;
}

/// ", loss scale 3e-05" where there is one.
std::string loss_scale_text(const Recorder& recorder) {
  return recorder.scales_loss() ? fmt::format(", loss scale {:g}", recorder.loss_scale()) : "";
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

int finish_done(Session& session, Recorder& recorder) {
  const int64_t step = recorder.last_step();
  recorder.record_event(EventKind::end, step, 0, "all steps done");
  save_last(session, recorder);
  recorder.finish(RunState::done);
  log::info("done: {} steps", step);
  return static_cast<int>(ExitCode::kSuccess);
}

/// A run that ends with steps left.
int finish_early(Session& session, Recorder& recorder, const std::string& cause) {
  save_last(session, recorder);
  recorder.finish(session.config().checkpoint.at_end ? RunState::checkpointed : RunState::stopped);
  const int64_t step = recorder.last_step();
  log::warn("stopped after step {} of {} ({}); {}", step, session.schedule().last_step(), cause,
            outlook(session, step));
  return static_cast<int>(ExitCode::kStopRequested);
}

int finish_diverged(Session& session, Recorder& recorder) {
  log::world(
      log::Level::error,
      fmt::format("training diverged: loss or gradients are not finite at step {} ({} "
                  "steps in a row without an update{}); lower optimizer.lr, raise "
                  "schedule.warmup_steps or check the data",
                  recorder.last_step(), recorder.skipped_in_a_row(), loss_scale_text(recorder)));
  recorder.record_event(EventKind::nan, recorder.last_step(), 0,
                        "loss or gradients are not finite");
  session.checkpoints().finish();
  recorder.finish(RunState::nan);
  return static_cast<int>(ExitCode::kDiverged);
}

int finish(TrainEnd end, Session& session, Recorder& recorder) {
  switch (end) {
    case TrainEnd::done:
      return finish_done(session, recorder);
    case TrainEnd::stop_requested: {
      const std::string cause = stop_signal() ? strsignal(stop_signal()) : "signal on another rank";
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
  return static_cast<int>(ExitCode::kInternal);
}

/// "pid 4711 on gpu-003, Slurm job 17".
std::string lock_holder(const RankInfo& info) {
  std::string text = fmt::format("process {} on {}", getpid(), info.host);
  if (const auto job = process_environment("SLURM_JOB_ID")) text += ", Slurm job " + *job;
  return text;
}

/// Rank 0's hold on the run, for all.
std::unique_ptr<RunLock> lock_run(const TrainConfig& config, Launch& launch) {
  std::unique_ptr<RunLock> lock;
  run_on_all_ranks(launch, [&] {
    if (launch.info().rank == 0)
      lock = std::make_unique<RunLock>(config.run.out / (config.run.name + ".lock"),
                                       lock_holder(launch.info()));
  });
  return lock;
}

/// Finds what the run goes on from and makes room for more.
void prepare_checkpoints(Preparation& preparation, Launch& launch) {
  const TrainConfig& config = preparation.config;
  preparation.checkpoint = choose_checkpoint(config, data_crc32(preparation), launch);
  run_on_all_ranks(launch, [&] {
    if (launch.info().rank != 0) return;
    CheckpointFolder(config.checkpoint_folder()).remove_unfinished();
    check_checkpoint_space(config);
  });
}

/// Whether the checkpoint is of the run's end.
bool is_done(const Preparation& preparation) {
  if (!preparation.checkpoint) return false;
  const CheckpointManifest manifest = read_manifest(*preparation.checkpoint);
  RunSchedule schedule(preparation.config);
  if (manifest.decay) schedule.choose(*manifest.decay);
  if (manifest.step < schedule.last_step()) return false;
  log::info("done before: {} is of step {}, the last; nothing is trained",
            preparation.checkpoint->string(), manifest.step);
  return true;
}

void record_start(const Session& session, Recorder& recorder, int world_size) {
  recorder.record_event(EventKind::start, 0, 0, fmt::format("{} ranks", world_size));
  const int64_t steps_done = session.first_step() - 1;
  if (steps_done == 0) return;
  const std::string text =
      fmt::format("goes on after step {} from {}", steps_done, session.checkpoint()->string());
  log::info("{}", text);
  recorder.record_event(EventKind::resume, steps_done, 0, text);
}

}  // namespace

int run_training(const TrainerOptions& options, Launch& launch, const Clock& clock) {
  install_stop_signals();
  Prepared prepared = prepare_on_all_ranks(options, launch, clock);
  const std::unique_ptr<RunLock> lock = lock_run(prepared.preparation.config, launch);
  prepare_checkpoints(prepared.preparation, launch);
  if (is_done(prepared.preparation)) return static_cast<int>(ExitCode::kSuccess);
  for (const std::string& line : start_report(prepared.preparation, prepared.backend))
    log::info("{}", line);
  const std::optional<ResidentMemory> at_start = resident_memory();
  Session session(std::move(prepared.preparation), launch, std::move(prepared.backend), clock);
  Recorder recorder(session.config(), session.schedule(), session.layout(), launch.ranks(),
                    session.unit_of_tensor(), open_run_file(options, session, launch),
                    session.first_step() - 1);
  record_start(session, recorder, launch.info().world_size);
  TrainEnd end{};
  explain_out_of_memory(session.config(), session.backend(), launch.info(),
                        [&] { end = train(session, recorder); });
  const int exit_code = finish(end, session, recorder);
  log::info("{}", memory_report(session, at_start));
  return exit_code;
}

int check_training(const TrainerOptions& options, Launch& launch) {
  const Prepared prepared = prepare_on_all_ranks(options, launch, system_time);
  if (launch.info().rank != 0) return static_cast<int>(ExitCode::kSuccess);
  for (const std::string& line : start_report(prepared.preparation, prepared.backend))
    fmt::print("{}\n", line);
  fmt::print("check passed; nothing was trained\n");
  return static_cast<int>(ExitCode::kSuccess);
}

}  // namespace isoflop
