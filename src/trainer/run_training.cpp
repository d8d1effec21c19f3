// SPDX-License-Identifier: MIT
#include "trainer/run_training.hpp"

#include "core/base/error.hpp"
#include "core/base/log.hpp"
#include "core/run/run_segment.hpp"
#include "trainer/agree.hpp"
#include "trainer/backend/gpu_support.hpp"
#include "trainer/choose_attention.hpp"
#include "trainer/choose_device.hpp"
#include "trainer/comm/launcher.hpp"
#include "trainer/detect_peak.hpp"
#include "trainer/memory_report.hpp"
#include "trainer/out_of_memory.hpp"
#include "trainer/start_report.hpp"
#include "trainer/stop_signal.hpp"
#include "trainer/telemetry/run_header.hpp"
#include "trainer/threads.hpp"
#include "trainer/train.hpp"

#include <fmt/format.h>

#include <csignal>
#include <cstring>
#include <optional>

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
       .config_yaml = write_train_config(session.config(), "configuration of a recorded run")});
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

constexpr const char* kNoCheckpoints =
    "every step is recorded, but this version writes no checkpoints: a new start trains from step "
    "1";

/// ", loss scale 3e-05" where there is one.
std::string loss_scale_text(const Recorder& recorder) {
  return recorder.scales_loss() ? fmt::format(", loss scale {:g}", recorder.loss_scale()) : "";
}

int finish(TrainEnd end, int64_t last_step, Recorder& recorder) {
  switch (end) {
    case TrainEnd::done:
      recorder.record_event(EventKind::end, last_step, 0, "all steps done");
      recorder.finish(RunState::done);
      log::info("done: {} steps", last_step);
      return static_cast<int>(ExitCode::kSuccess);
    case TrainEnd::stop_requested: {
      const std::string cause = stop_signal() ? strsignal(stop_signal()) : "signal on another rank";
      recorder.record_event(EventKind::signal, recorder.last_step(), stop_signal(), cause);
      recorder.finish(RunState::stopped);
      log::warn("stopped after step {} ({}); {}", recorder.last_step(), cause, kNoCheckpoints);
      return static_cast<int>(ExitCode::kStopRequested);
    }
    case TrainEnd::out_of_time:
      recorder.record_event(EventKind::end, recorder.last_step(), 0,
                            "deadline before the last step");
      recorder.finish(RunState::stopped);
      log::warn(
          "stopped after step {} of {}: the deadline came before the learning rate was down; {}",
          recorder.last_step(), last_step, kNoCheckpoints);
      return static_cast<int>(ExitCode::kStopRequested);
    case TrainEnd::diverged:
      log::world(log::Level::error,
                 fmt::format("training diverged: loss or gradients are not finite at step {} ({} "
                             "steps in a row without an update{}); lower optimizer.lr, raise "
                             "schedule.warmup_steps or check the data",
                             recorder.last_step(), recorder.skipped_in_a_row(),
                             loss_scale_text(recorder)));
      recorder.record_event(EventKind::nan, recorder.last_step(), 0,
                            "loss or gradients are not finite");
      recorder.finish(RunState::nan);
      return static_cast<int>(ExitCode::kDiverged);
  }
  return static_cast<int>(ExitCode::kInternal);
}

}  // namespace

int run_training(const TrainerOptions& options, Launch& launch, const Clock& clock) {
  install_stop_signals();
  Prepared prepared = prepare_on_all_ranks(options, launch, clock);
  for (const std::string& line : start_report(prepared.preparation, prepared.backend))
    log::info("{}", line);
  const std::optional<ResidentMemory> at_start = resident_memory();
  Session session(std::move(prepared.preparation), launch, std::move(prepared.backend), clock);
  Recorder recorder(session.config(), session.schedule(), session.layout(), launch.ranks(),
                    session.unit_of_tensor(), open_run_file(options, session, launch));
  recorder.record_event(EventKind::start, 0, 0, fmt::format("{} ranks", launch.info().world_size));
  TrainEnd end{};
  explain_out_of_memory(session.config(), session.backend(), launch.info(),
                        [&] { end = train(session, recorder); });
  const int exit_code = finish(end, session.schedule().last_step(), recorder);
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
