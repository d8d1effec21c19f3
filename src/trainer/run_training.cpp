// SPDX-License-Identifier: MIT
#include "trainer/run_training.hpp"

#include "core/base/error.hpp"
#include "core/base/format.hpp"
#include "core/base/log.hpp"
#include "core/run/run_segment.hpp"
#include "trainer/agree.hpp"
#include "trainer/checkpoint/run_lock.hpp"
#include "trainer/checkpoint/space_check.hpp"
#include "trainer/choose_attention.hpp"
#include "trainer/choose_device.hpp"
#include "trainer/comm/launcher.hpp"
#include "trainer/detect_peak.hpp"
#include "trainer/exactness.hpp"
#include "trainer/explain_device_failure.hpp"
#include "trainer/finish_run.hpp"
#include "trainer/health/activity.hpp"
#include "trainer/health/watchdog.hpp"
#include "trainer/json_log.hpp"
#include "trainer/make_backend.hpp"
#include "trainer/memory_report.hpp"
#include "trainer/out_of_memory.hpp"
#include "trainer/resume.hpp"
#include "trainer/start_checks.hpp"
#include "trainer/start_report.hpp"
#include "trainer/stop_signal.hpp"
#include "trainer/telemetry/run_header.hpp"
#include "trainer/train.hpp"

#include <fmt/format.h>

#include <memory>
#include <optional>
#include <span>
#include <unistd.h>

namespace isoflop {
namespace {

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

/// This rank's part of all shards. What takes a minute or so is announced.
void verify_data(const Preparation& preparation, const RankInfo& info) {
  constexpr int64_t kLongBytes = 32LL << 30;
  const DatasetIndex& index = preparation.train_windows.index();
  int64_t bytes = 0;
  for (const SplitIndex* const split : {&index.train, &index.val})
    for (const ShardEntry& shard : split->shards) bytes += shard.n_bytes;
  if (bytes / info.world_size > kLongBytes)
    log::info("reading {} of shards to compare checksums; data.verify=false leaves it out",
              format_bytes(bytes));
  preparation.train_windows.verify(info.rank, info.world_size);
  preparation.val_windows.verify(info.rank, info.world_size);
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
    Backend backend = make_backend(config, launch.info());
    config.model.attention_backend = choose_attention(config, backend.gpu);
    config.device = with_peak(config, backend, launch.info());
    prepared.emplace(Prepared{prepare(config, launch.info().world_size), std::move(backend)});
    if (config.data.verify) verify_data(prepared->preparation, launch.info());
    if (config.schedule.deadline && launch.info().rank == 0)
      prepared->preparation.deadline_s =
          resolve(*config.schedule.deadline, clock(), process_environment("SLURM_JOB_END_TIME"));
  });
  const Preparation& run = prepared->preparation;
  check_ranks(prepared->backend,
              predicted_memory(run.config, run.layout, prepared->backend).total(), launch);
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
                                       Launch& launch, StatusFile& status) {
  std::optional<RunWriter> writer;
  run_on_all_ranks(launch, [&] {
    if (launch.info().rank != 0) return;
    const RunSegment segment = next_segment(session.config().run.out, session.config().run.name);
    RunHeader header =
        make_header(options, session, launch, session.backend().device->description());
    header.identity.segment = segment.number;
    writer.emplace(segment.path, header);
    status.begin(session.first_step() - 1, segment);
    log::info("recording to {}", segment.path.string());
  });
  return writer;
}

/// "process 4711 on gpu-003, Slurm job 17".
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
  preparation.checkpoint =
      choose_checkpoint(config, data_crc32(preparation.train_windows.index()), launch);
  run_on_all_ranks(launch, [&] {
    if (launch.info().rank != 0) return;
    CheckpointFolder(config.checkpoint_folder()).remove_unfinished();
    check_checkpoint_space(config);
  });
}

/// Whether the run's own checkpoint is of its end. Throws ConfigError when another's leaves nothing
/// to train.
bool is_done(const Preparation& preparation) {
  if (!preparation.checkpoint) return false;
  const TrainConfig& config = preparation.config;
  const CheckpointManifest& manifest = preparation.checkpoint->manifest();
  RunSchedule schedule(config);
  if (manifest.decay) schedule.choose(*manifest.decay);
  if (manifest.step < schedule.last_step()) return false;
  const std::filesystem::path& folder = preparation.checkpoint->folder();
  if (folder.parent_path() != config.checkpoint_folder())
    throw ConfigError(
        fmt::format("checkpoint.from={}: is of step {}, and this run ends with step {}; raise "
                    "schedule.steps, which counts from the beginning of that run",
                    folder.string(), manifest.step, schedule.last_step()));
  log::info("done before: {} is of step {}, the last; nothing is trained", folder.string(),
            manifest.step);
  return true;
}

/// What the log opens with.
void log_start(const Prepared& prepared, const Launch& launch) {
  for (const std::string& line :
       start_report(prepared.preparation, prepared.backend, launch.ranks()))
    log::info("{}", line);
  log::info("{}", config_echo(prepared.preparation.config));
}

void record_start(Session& session, Recorder& recorder, int world_size) {
  recorder.record_event(EventKind::start, 0, 0, fmt::format("{} ranks", world_size));
  if (!session.origin()) return;
  const int64_t steps_done = session.first_step() - 1;
  if (steps_done == 0) {
    log::info("begins with the parameters of {}", session.origin()->folder.string());
    return;
  }
  const std::string text = fmt::format("goes on after step {} from {}{}", steps_done,
                                       session.origin()->folder.string(), exactness(session));
  log::info("{}", text);
  recorder.record_event(EventKind::resume, steps_done, 0, text);
}

/// Named by the time of this start, which is rank 0's.
NoteFolder note_folder(const RunOptions& run, Launch& launch) {
  auto now_s = static_cast<int64_t>(system_time());
  launch.broadcast_from_first(std::as_writable_bytes(std::span(&now_s, 1)));
  return NoteFolder(run.out / fmt::format("{}.stalled-{}", run.name, now_s));
}

int prepare_and_train(const TrainerOptions& options, Launch& launch, StatusFile& status,
                      const Clock& clock) {
  Prepared prepared = prepare_on_all_ranks(options, launch, clock);
  const std::unique_ptr<RunLock> lock = lock_run(prepared.preparation.config, launch);
  status.claim(prepared.preparation.config);
  Watchdog watchdog({.config = prepared.preparation.config.health,
                     .activity = this_activity(),
                     .launch = launch,
                     .status = status,
                     .notes = note_folder(prepared.preparation.config.run, launch)});
  prepare_checkpoints(prepared.preparation, launch);
  bool done = false;
  run_on_all_ranks(launch, [&] { done = is_done(prepared.preparation); });
  if (done) {
    status.finish({static_cast<int>(ExitCode::kSuccess), ""});
    return static_cast<int>(ExitCode::kSuccess);
  }
  log_start(prepared, launch);
  const std::optional<ResidentMemory> at_start = resident_memory();
  prepared.preparation.profile = options.profile;
  const std::optional<double> deadline_s = prepared.preparation.deadline_s;
  Session session(std::move(prepared.preparation), launch, std::move(prepared.backend), clock);
  Recorder recorder(session.config(), session.schedule(), session.layout(), launch.ranks(),
                    session.unit_of_tensor(), open_run_file(options, session, launch, status),
                    session.first_step() - 1);
  if (launch.info().rank == 0)
    recorder.show_on(make_progress_bar(session.config(), session.schedule(), deadline_s));
  record_start(session, recorder, launch.info().world_size);
  recorder.report_to(status);
  const Watchdog::Acquaintance known(watchdog, session.collectives(), recorder);
  TrainEnd end{};
  explain_out_of_memory(session.config(), session.backend(), launch.info(),
                        [&] { end = train(session, recorder); });
  session.finish_profile();
  recorder.show_on(nullptr);
  const RunEnd run_end = finish_run(end, session, recorder);
  status.finish(run_end);
  log::info("{}", memory_report(session, at_start));
  if (launch.info().rank == 0) write_json_log(session.config());
  return run_end.exit_code;
}

int prepare_and_report(const TrainerOptions& options, Launch& launch) {
  const Prepared prepared = prepare_on_all_ranks(options, launch, system_time);
  if (launch.info().rank != 0) return static_cast<int>(ExitCode::kSuccess);
  for (const std::string& line :
       start_report(prepared.preparation, prepared.backend, launch.ranks()))
    fmt::print("{}\n", line);
  fmt::print("{}\n", config_echo(prepared.preparation.config));
  fmt::print("check passed; nothing was trained\n");
  return static_cast<int>(ExitCode::kSuccess);
}

}  // namespace

int run_training(const TrainerOptions& options, Launch& launch, StatusFile& status,
                 const Clock& clock) {
  install_stop_signals();
  return explain_device_failure(launch.info(),
                                [&] { return prepare_and_train(options, launch, status, clock); });
}

int check_training(const TrainerOptions& options, Launch& launch) {
  return explain_device_failure(launch.info(), [&] { return prepare_and_report(options, launch); });
}

}  // namespace isoflop
