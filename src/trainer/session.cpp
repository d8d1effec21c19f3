// SPDX-License-Identifier: MIT
#include "trainer/session.hpp"

#include "core/base/log.hpp"
#include "trainer/agree.hpp"
#include "trainer/checkpoint/restore.hpp"
#include "trainer/fsdp/parameter_init.hpp"
#include "trainer/out_of_memory.hpp"
#include "trainer/profile/traced_collectives.hpp"
#include "trainer/stop_signal.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <utility>

namespace isoflop {
namespace {

TokenWindowsOptions windows_options(const TrainConfig& config, Split split) {
  return {.folder = config.data.path,
          .split = split,
          .seq_len = config.data.seq_len,
          .model_vocab_size = config.model.vocab_size};
}

StepShape step_shape(const TrainConfig& config, const Layout& layout) {
  return {layout.micro_batch_size, config.data.seq_len, layout.recompute,
          static_cast<uint64_t>(config.run.seed)};
}

/// Of a micro step.
BatchShape batch_shape(const TrainConfig& config, const Layout& layout) {
  return {layout.micro_batch_size, config.data.seq_len, config.data.document_mask};
}

RankMemory memory_of(const Device& device) {
  const MemoryUsage usage = device.memory_usage();
  return {static_cast<double>(usage.allocated), static_cast<double>(usage.peak),
          static_cast<double>(usage.reserved)};
}

StepState::Input step_input(double lr, int64_t step) {
  StepState::Input input;
  input.lr = lr;
  input.step = step;
  input.votes.stop = stop_signal() != 0 ? 1.0 : 0.0;
  return input;
}

EvalConfig evaluations(const TrainConfig& config, const TokenWindows& windows) {
  return {config.eval.interval, std::min(config.eval.sequences, windows.n_windows())};
}

std::optional<LossScaleParams> loss_scaling(const TrainConfig& config) {
  if (config.precision != Precision::fp16) return std::nullopt;
  return LossScaleParams{.growth_interval = config.loss_scale.growth_interval};
}

}  // namespace

Preparation prepare(const TrainConfig& config, int64_t world_size) {
  static_cast<void>(parameter_units(config.model));  // refuses shapes the trainer cannot run
  const Layout layout = resolve_layout(config.layout, world_size);
  check_batch_sizes(config.batches(), layout);
  return {config, layout, TokenWindows(windows_options(config, Split::train)),
          TokenWindows(windows_options(config, Split::val))};
}

Session::Session(Preparation preparation, Launch& launch, Backend backend, Clock clock)
    : preparation_(std::move(preparation)),
      launch_(launch),
      backend_(std::move(backend)),
      collectives_(launch.make_collectives(*backend_.device, layout())),
      schedule_(config()),
      clock_(std::move(clock)),
      first_step_(preparation_.checkpoint ? preparation_.checkpoint->manifest().step + 1 : 1),
      sampler_(std::move(preparation_.train_windows), static_cast<uint64_t>(config().run.seed)) {
  if (preparation_.deadline_s)
    watch_.emplace(*preparation_.deadline_s, evaluations(config(), preparation_.val_windows));
  if (launch_.info().rank == 0) switches_.emplace(config().run.out, config().run.name, steady_time);
  if (preparation_.profile) make_profiler();
  if (config().device.times_products()) choose_algorithms();
  run_on_all_ranks(launch, [this] {
    explain_out_of_memory(config(), backend_, launch_.info(), [this] { allocate(); });
  });
  parameters_->register_buffers();
  initialize();
}

Session::~Session() {
  if (std::uncaught_exceptions() > 0) return;
  try {
    Device& device = *backend_.device;
    device.synchronize(device.record(device.communication_stream()));
  } catch (const std::exception& error) {
    log::local(log::Level::error,
               fmt::format("after the last step: {} (its results are recorded)", error.what()));
  }
}

void Session::make_profiler() {
  profiler_ = std::make_unique<Profiler>(
      ProfilerParts{.request = *preparation_.profile,
                    .launch = launch_,
                    .device = *backend_.device,
                    .first_time_slot = StepTimer::n_slots(layout().grad_accum_steps),
                    .first_step = first_step_,
                    .file_stem = config().run.out / config().run.name});
  backend_.trace = &profiler_->trace();
  collectives_ = std::make_unique<TracedCollectives>(std::move(collectives_), *backend_.device,
                                                     profiler_->trace());
}

void Session::finish_profile() {
  if (profiler_) profiler_->finish();
}

void Session::choose_algorithms() {
  Ops& ops = *backend_.ops;
  run_on_all_ranks(launch_, [&] {
    ops.prepare(config().model, batch_shape(config(), layout()));
    prepare_update();
    if (launch_.info().rank != 0) return;
    const auto& checkpoint = preparation_.checkpoint;
    AlgorithmChoice choice =
        ops.choose_algorithms(checkpoint ? checkpoint->manifest().algorithms : "");
    for (const std::string& line : choice.news) log::info("{}", line);
    algorithms_ = std::move(choice.table);
  });
  algorithms_ = list_of_first(algorithms_, launch_);
  run_on_all_ranks(launch_, [&] { ops.use_algorithms(algorithms_); });
}

void Session::allocate() {
  const StepShape step = step_shape(config(), layout());
  Device& device = *backend_.device;
  parameters_ = std::make_unique<ParameterEngine>(config().model, layout(), backend_, *collectives_,
                                                  config().optimizer.kind);
  workspace_ = std::make_unique<Arena>(device, arena_bytes(step), MemoryCategory::workspace);
  model_ = std::make_unique<Transformer>(config().model, step, backend_, *parameters_,
                                         tensor_parallel_, *workspace_);
  optimizer_ = std::make_unique<Optimizer>(backend_, *collectives_, parameters_->shard(),
                                           config().optimizer, loss_scaling(config()));
  io_ = std::make_unique<StepIo>(device, *collectives_, parameters_->shard().n_tensor());
  if (loss_scaling(config())) io_->set_loss_scale({.scale = config().loss_scale.initial});
  timer_ = std::make_unique<StepTimer>(device, layout().grad_accum_steps);
  loader_ =
      std::make_unique<BatchLoader>(device, step, 2 * layout().grad_accum_steps, end_of_document());
  evaluator_ = std::make_unique<Evaluator>(backend_, *collectives_, preparation_.val_windows,
                                           config().eval.sequences, step);
  const RankState state = rank_state(shard(), optimizer_->muon());
  checkpoints_ = std::make_unique<Checkpointer>(CheckpointParts{
      .config = config(),
      .schedule = schedule_,
      .launch = launch_,
      .device = device,
      .state = io_->state(),
      .pieces = pieces_to_save(state, collectives_->rank(Group::replica), layout().n_replica),
      .copy_elements =
          largest_saved_state(flat_layout(), layout().world_size(), config().optimizer.kind),
      .data_crc32 = data_crc32(sampler_.windows().index()),
      .arithmetic = arithmetic(),
      .algorithms = algorithms_,
      .first_step = first_step_,
      .clock = steady_time});
}

/// Gathers parameters under some strategies, so every rank must be there; over when it returns, as
/// ranks meet outside of the device next.
void Session::initialize() {
  Device& device = *backend_.device;
  if (preparation_.checkpoint) {
    run_on_all_ranks(launch_, [this] { restore(*preparation_.checkpoint); });
    const CheckpointManifest& manifest = preparation_.checkpoint->manifest();
    origin_ = {preparation_.checkpoint->folder(), manifest.arithmetic, manifest.algorithms};
    preparation_.checkpoint.reset();  // an open file would outlive its deletion
  } else {
    initialize_shard(parameters_->shard(), device, config().model,
                     static_cast<uint64_t>(config().run.seed));
  }
  parameters_->parameters_changed();
  device.synchronize(device.record(device.communication_stream()));
}

void Session::restore(const CheckpointReader& checkpoint) {
  const CheckpointManifest& manifest = checkpoint.manifest();
  restore_state(checkpoint, rank_state(shard(), optimizer_->muon()), flat_layout(),
                *backend_.device);
  io_->set_n_update(manifest.n_update);
  if (loss_scaling(config())) io_->set_loss_scale(manifest.loss_scale);
  if (manifest.decay) schedule_.choose(*manifest.decay);
}

std::string Session::arithmetic() const {
  return fmt::format("{}; {}; {}", backend_.device->description(), backend_.libraries,
                     to_string(layout()));
}

std::optional<int32_t> Session::end_of_document() const {
  if (!config().data.document_mask) return std::nullopt;
  return static_cast<int32_t>(sampler_.windows().index().eot_token);
}

int64_t Session::arena_bytes(const StepShape& step) {
  Ops& ops = *backend_.ops;
  const int64_t op_scratch = ops.prepare(config().model, batch_shape(config(), layout()));
  return std::max(workspace_bytes(config().model, step, backend_) + op_scratch,
                  prepare_update() + Optimizer::arena_bytes(config().optimizer.kind, flat_layout(),
                                                            layout().world_size(), backend_));
}

int64_t Session::prepare_update() {
  const OptimizerKind optimizer = config().optimizer.kind;
  std::vector<MuonBatch> batches;
  if (optimizer == OptimizerKind::muon)
    batches = muon_batches(make_flat_layout(config().model, layout()), layout().world_size(),
                           DistributedMuon::group_size(backend_));
  return backend_.ops->prepare_update(config().model, optimizer, batches);
}

void Session::begin_step(int64_t step) {
  if (profiler_) profiler_->begin_step(step);
  StepState::Input input = step_input(schedule_.learning_rate(step), step);
  if (n_begun_++ >= kStepsUntilOver) report_times(input, step - kStepsUntilOver);
  input.memory = memory_of(*backend_.device);
  timer_->begin_step(step, micro_steps(step));
  collectives_->begin_step(step);
  loader_->loads_are_over(loads_at_end_[slot_of(step)]);
  if (watch_) {
    watch_->begin_step(step, schedule_.batches().batch_size(step), clock_());
    input.votes.decay = watch_->vote(schedule_);
  }
  checkpoints_->begin_step(input);
  if (switches_) obey_switches(input);
  io_->begin(input);
}

void Session::obey_switches(StepState::Input& input) {
  switches_->look();
  if (switches_->stop()) input.votes.stop = 1;
  if (switches_->take_save()) input.votes.checkpoint = 1;
}

void Session::report_times(StepState::Input& input, int64_t step) const {
  input.times_step = step;
  input.times = {timer_->step_seconds(step), collectives_->exposed_seconds(step)};
}

EvalResult Session::evaluate() {
  const TraceScope scope(trace(), {"evaluation"});
  const double begin_s = watch_ ? clock_() : 0;
  const EvalResult result = evaluator_->run(*model_, *loader_);
  if (watch_) watch_->evaluated(clock_() - begin_s);
  return result;
}

int64_t Session::micro_steps(int64_t step) const {
  return schedule_.batches().batch_size(step) / (layout().world_size() * layout().micro_batch_size);
}

double Session::grad_scale(int64_t step) const {
  return 1.0 / static_cast<double>(schedule_.batches().batch_size(step) * config().data.seq_len);
}

Batch Session::load(int64_t step, int64_t micro_step) {
  const TraceScope scope(trace(), {"data"});
  parameters_->begin_micro_step({micro_step, micro_steps(step)});
  const BatchSlice slice{.samples_before = schedule_.batches().samples_before(step),
                         .micro_step = micro_step,
                         .rank = collectives_->rank(Group::world),
                         .n_ranks = layout().world_size(),
                         .micro_batch_size = layout().micro_batch_size};
  const int64_t first = first_sample(slice);
  return loader_->load([&](std::span<int32_t> inputs,
                           std::span<int32_t> targets) { sampler_.read(first, inputs, targets); },
                       first);
}

void Session::end_step(int64_t step) {
  checkpoints_->before_update();
  update();
  {
    const TraceScope scope(trace(), {"metrics"});
    io_->reduce();
  }
  {
    // the next forward pass waits for what is gathered here, unit by unit; reduce() must not
    const TraceScope scope(trace(), {"parameters"});
    parameters_->parameters_changed();
  }
  timer_->end_step();
  io_->end(step);
  collectives_->end_step(step);
  loads_at_end_[slot_of(step)] = loader_->loads();
}

void Session::update() {
  const TraceScope scope(trace(), {"optimizer"});
  optimizer_->step(io_->state(), io_->statistics(), parameters_->gradients_final(), *workspace_,
                   [this] { parameters_->early_units_changed(); });
}

std::vector<int64_t> Session::unit_of_tensor() const {
  std::vector<int64_t> units;
  int64_t n_unit = 0;
  for (const ModelUnit& unit : flat_layout().model_units)
    units.insert(units.end(), static_cast<std::size_t>(unit.n_segment), n_unit++);
  return units;
}

}  // namespace isoflop
