// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace isoflop {

/// One row of /metrics/gradients: statistics over all gradient elements of a step.
struct GradientRecord {
  int64_t step = 0;
  double time = 0;              ///< Unix seconds UTC
  std::optional<float> norm{};  ///< global L2 norm before clipping
  std::optional<float> mean{};
  std::optional<float> std{};
  std::optional<float> min{};
  std::optional<float> max{};
  int64_t nonfinite = 0;               ///< elements that are NaN or infinite
  std::optional<float> param_norm{};   ///< L2 norm of all parameters after the step
  std::optional<float> update_norm{};  ///< L2 norm of the applied update
};

/// One row of the layer-norm matrices (L2 norms by unit, "layer" as in network layer); each vector
/// has RunHeader::unit_names.size() entries.
struct LayerNormRecord {
  int64_t step = 0;
  std::vector<float> gradient{};
  std::vector<float> parameter{};
  std::vector<float> update{};
};

enum class EvalSet : int32_t { validation = 0, test = 1 };

/// One row of /metrics/eval.
struct EvalRecord {
  int64_t step = 0;
  double time = 0;
  int64_t tokens = 0;  ///< training tokens consumed when evaluated
  EvalSet set = EvalSet::validation;
  std::optional<double> loss{};  ///< nats per token
  int64_t n_tokens = 0;          ///< tokens evaluated
  std::optional<float> seconds{};
};

/// Times of every rank in one step, world_size entries each. Step times are alike, as ranks wait
/// for each other: the one that waits least is the slowest.
struct RankTimesRecord {
  int64_t step = 0;
  std::vector<float> step_s{};
  std::vector<float> comm_s{};  ///< what of it was exposed communication; NaN before format 1.2
};

/// One row of /system: one device at one moment.
struct SystemRecord {
  double time = 0;
  int32_t rank = 0;
  std::optional<float> gpu_util{};  ///< fraction 0..1
  std::optional<float> power_w{};
  std::optional<float> temp_c{};
  std::optional<float> clock_mhz{};
  std::optional<double> net_tx{};  ///< bytes sent since start
  std::optional<double> net_rx{};  ///< bytes received since start
};

/// One row of /checkpoints.
struct CheckpointRecord {
  int64_t step = 0;
  int64_t tokens = 0;
  double time = 0;
  std::optional<float> write_s{};  ///< start to durable
  std::optional<float> stall_s{};  ///< part of it in which training waited
  int64_t bytes = 0;
  bool ok = false;     ///< complete and verified
  std::string path{};  ///< at most 255 bytes are kept
};

enum class EventKind : int32_t {
  start = 0,
  signal = 1,
  checkpoint = 2,
  preempt = 3,
  nan = 4,
  hang = 5,
  slow_rank = 6,
  enospc = 7,
  end = 8,
  spike = 9,
  skipped_step = 10,
  resume = 11,
  decay = 12,  ///< the learning rate's way down was decided
  loss_scale = 13,
};

/// One row of /events.
struct RunEvent {
  double time = 0;
  int64_t step = 0;
  EventKind kind = EventKind::start;
  int32_t code = 0;    ///< signal number, exit code or rank, by kind
  std::string text{};  ///< at most 159 bytes are kept
};

}  // namespace isoflop
