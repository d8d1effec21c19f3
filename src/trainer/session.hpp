// SPDX-License-Identifier: MIT
#pragma once

#include "core/parallel/flat_layout.hpp"
#include "core/plan/train_config.hpp"
#include "trainer/backend/backend.hpp"
#include "trainer/checkpoint/checkpoint_reader.hpp"
#include "trainer/checkpointer.hpp"
#include "trainer/clock.hpp"
#include "trainer/comm/process_grid.hpp"
#include "trainer/data/batch_loader.hpp"
#include "trainer/data/batch_sampler.hpp"
#include "trainer/deadline_watch.hpp"
#include "trainer/evaluate.hpp"
#include "trainer/fsdp/parameter_engine.hpp"
#include "trainer/model/transformer.hpp"
#include "trainer/optim/optimizer.hpp"
#include "trainer/profile/profiler.hpp"
#include "trainer/run_schedule.hpp"
#include "trainer/run_switches.hpp"
#include "trainer/step_io.hpp"
#include "trainer/telemetry/step_timer.hpp"

#include <array>
#include <memory>
#include <optional>
#include <string>

namespace isoflop {

/// What is read and checked before anything is allocated: the same on every rank.
struct Preparation {
  TrainConfig config;
  Layout layout;
  TokenWindows train_windows;
  TokenWindows val_windows;
  /// Unix time at which a run with schedule.deadline has to be over; rank 0 only, whose clock
  /// counts.
  std::optional<double> deadline_s = std::nullopt;
  std::optional<CheckpointReader> checkpoint = std::nullopt;  ///< that the run goes on from
  std::optional<ProfileRequest> profile = std::nullopt;
};

/// Resolves the layout for `world_size` ranks and opens the data. Throws ConfigError or FileError.
Preparation prepare(const TrainConfig& config, int64_t world_size);

/// What of a checkpoint a run that goes on from it remembers.
struct Origin {
  std::filesystem::path folder;
  std::string arithmetic;
  std::string algorithms;
};

/// A training run's parts, built in dependency order. Members are used by train() in the order of a
/// step.
class Session {
 public:
  /// Collective over all ranks.
  Session(Preparation preparation, Launch& launch, Backend backend, Clock clock = system_time);
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
  /// Collective: waits for what the last step left under way, parameters that are gathered, so that
  /// no rank leaves while another is inside a collective. Not while an exception is on its way.
  ~Session();

  const TrainConfig& config() const { return preparation_.config; }
  const Layout& layout() const { return preparation_.layout; }
  const std::string& tokenizer() const { return sampler_.windows().index().tokenizer; }
  const FlatShard& shard() const { return parameters_->shard(); }
  const FlatLayout& flat_layout() const { return shard().layout(); }
  Backend& backend() { return backend_; }
  Collectives& collectives() { return *collectives_; }
  ParameterEngine& parameters() { return *parameters_; }
  Transformer& model() { return *model_; }
  StepIo& io() { return *io_; }
  StepTimer& timer() { return *timer_; }
  RunSchedule& schedule() { return schedule_; }
  Checkpointer& checkpoints() { return *checkpoints_; }
  /// The checkpoint that the run goes on from.
  const std::optional<Origin>& origin() const { return origin_; }
  /// CheckpointManifest's of this run. One of the same configuration that goes on with the same
  /// text gives the same bits, on GPUs only with device.deterministic.
  std::string arithmetic() const;
  /// CheckpointManifest's of this run: the same bits take the same algorithms too.
  const std::string& algorithms() const { return algorithms_; }
  /// Where scopes go; null in a run without --profile.
  Trace* trace() { return backend_.trace; }
  /// After the last step: writes a trace that is not written yet; makes the host wait.
  void finish_profile();
  /// 1, or the one after the checkpoint's.
  int64_t first_step() const { return first_step_; }

  /// Uploads the step's inputs. The host must have waited for the step before the last one
  /// (io().wait()), whose staging memory is used again.
  void begin_step(int64_t step);
  /// This rank's part of a micro step.
  Batch load(int64_t step, int64_t micro_step);
  /// Micro steps of a step: grad_accum_steps of the layout once the batch is the full one.
  int64_t micro_steps(int64_t step) const;
  /// Gradients are of the mean loss over the tokens of the step on all ranks.
  double grad_scale(int64_t step) const;
  /// Enqueues reduction, clipping, update and the way back of the results.
  void end_step(int64_t step);
  EvalResult evaluate();
  /// Row of the gradient statistics -> parameter unit.
  std::vector<int64_t> unit_of_tensor() const;

 private:
  /// A step that begins is the second after one that is over on this rank.
  static constexpr int64_t kStepsUntilOver = 2;

  /// Those of rank 0 on all. Collective over all ranks, before anything is allocated.
  void choose_algorithms();
  void allocate();
  /// Collective over all ranks.
  void make_profiler();
  /// From the seed or from a checkpoint. Collective over all ranks.
  void initialize();
  void restore(const CheckpointReader& checkpoint);
  /// With data.document_mask, the token that ends documents.
  std::optional<int32_t> end_of_document() const;
  /// Enqueues clipping and update.
  void update();
  /// Of a micro step or of the update, whichever takes more.
  int64_t arena_bytes(const StepShape& step);
  /// As Ops::prepare_update().
  int64_t prepare_update();
  void obey_switches(StepState::Input& input);
  /// Lets the step that begins carry this rank's times in `step`.
  void report_times(StepState::Input& input, int64_t step) const;
  static std::size_t slot_of(int64_t step) { return static_cast<std::size_t>(step % 2); }

  Preparation preparation_;
  std::optional<Origin> origin_;
  Launch& launch_;
  Backend backend_;
  std::unique_ptr<Profiler> profiler_;  ///< of a run with --profile
  std::unique_ptr<Collectives> collectives_;
  std::string algorithms_;
  RunSchedule schedule_;
  Clock clock_;
  int64_t first_step_;
  std::optional<DeadlineWatch> watch_;   ///< rank 0 of a run with a deadline
  std::optional<RunSwitches> switches_;  ///< rank 0
  BatchSampler sampler_;
  std::unique_ptr<ParameterEngine> parameters_;
  std::unique_ptr<Arena> workspace_;
  NoTensorParallel tensor_parallel_;
  std::unique_ptr<Transformer> model_;
  std::unique_ptr<Optimizer> optimizer_;
  std::unique_ptr<StepIo> io_;
  std::unique_ptr<StepTimer> timer_;
  std::unique_ptr<BatchLoader> loader_;
  std::unique_ptr<Evaluator> evaluator_;
  std::unique_ptr<Checkpointer> checkpoints_;
  std::array<int64_t, 2> loads_at_end_{};  ///< of the last two steps
  int64_t n_begun_ = 0;                    ///< steps
};

}  // namespace isoflop
