// SPDX-License-Identifier: MIT
#pragma once

#include "core/run/row_layout.hpp"
#include "core/run/run_header.hpp"
#include "core/run/run_records.hpp"
#include "core/run/step_record.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

/// Names and layouts of the run file, shared by writer and reader; RUN_SCHEMA.md is the document.
/// A change here is a change of the format: raise the version, extend the document and keep
/// reading tests/core/run/data.
namespace isoflop::run_schema {

inline constexpr std::string_view kFormat = "isoflop-run";
inline constexpr int kVersionMajor = 1;
inline constexpr std::string_view kVersion = "1.2";

inline constexpr const char* kFormatAttribute = "format";
inline constexpr const char* kVersionAttribute = "format_version";
inline constexpr const char* kStateAttribute = "state";
inline constexpr std::size_t kStateSize = 16;

inline constexpr const char* kConfigGroup = "/config";
inline constexpr const char* kLayoutGroup = "/layout";
inline constexpr const char* kHardwareGroup = "/hardware";
inline constexpr const char* kFlopsGroup = "/flops";
inline constexpr const char* kPredictionGroup = "/prediction";
inline constexpr const char* kMetricsGroup = "/metrics";
inline constexpr const char* kConfigYaml = "/config/yaml";
inline constexpr const char* kConfigArgv = "/config/argv";
inline constexpr const char* kUnitNames = "/metrics/layer_norms/unit_names";
inline constexpr std::size_t kUnitNameSize = 64;

/// A table with one compound row per record; every one has a column `time`, zero in a row that was
/// never written.
struct TableSchema {
  const char* path;
  std::string_view description;
  std::size_t chunk_rows;
};

/// Matrices that grow together, one row per recorded step, and the steps they belong to.
struct MatrixSchema {
  const char* group;
  const char* step;
  std::string_view description;
};
inline constexpr MatrixSchema kLayerNorms{"/metrics/layer_norms", "/metrics/layer_norms/step",
                                          "optimizer step of each row, from 1"};
inline constexpr MatrixSchema kRankTimes{"/ranks", "/ranks/step",
                                         "optimizer step of each row, from 1"};
inline constexpr const char* kLayerNormGradient = "/metrics/layer_norms/gradient";
inline constexpr const char* kLayerNormParameter = "/metrics/layer_norms/parameter";
inline constexpr const char* kLayerNormUpdate = "/metrics/layer_norms/update";
inline constexpr const char* kRankStepSeconds = "/ranks/step_s";
inline constexpr const char* kRankWaitSeconds = "/ranks/comm_s";

template <typename Record>
struct Table;

template <>
struct Table<StepRecord> {
  using C = Column<StepRecord>;
  using R = StepRecord;
  static constexpr TableSchema schema{"/metrics/train", "one row per optimizer step", 157};
  static constexpr std::array columns{
      C{"step", &R::step, "1", "optimizer steps done, from 1"},
      C{"time", &R::time, "s", "Unix time UTC at the end of the step"},
      C{"tokens", &R::tokens, "token", "tokens consumed by the whole run so far"},
      C{"loss", &R::loss, "nat token-1", "training loss, mean over the batch"},
      C{"lr", &R::lr, "1", "learning rate applied"},
      C{"grad_norm", &R::grad_norm, "1", "global gradient L2 norm before clipping"},
      C{"step_s", &R::step_s, "s", "wall time of the step"},
      C{"data_s", &R::data_s, "s", "waiting for the batch"},
      C{"forward_s", &R::forward_s, "s", "forward passes"},
      C{"backward_s", &R::backward_s, "s", "backward passes"},
      C{"comm_s", &R::comm_s, "s", "exposed communication"},
      C{"optimizer_s", &R::optimizer_s, "s", "clipping and optimizer"},
      C{"tokens_per_s", &R::tokens_per_s, "token s-1", "throughput of the whole job"},
      C{"tflops", &R::tflops, "1e12 s-1", "achieved model FLOP/s per device"},
      C{"mfu", &R::mfu, "1", "model FLOPs utilization, 0..1"},
      C{"mem_allocated_gib", &R::mem_allocated_gib, "2^30 byte", "device memory allocated"},
      C{"mem_peak_gib", &R::mem_peak_gib, "2^30 byte", "device memory, peak allocated"},
      C{"mem_reserved_gib", &R::mem_reserved_gib, "2^30 byte", "device memory reserved"},
      C{"loss_mean", &R::loss_mean, "nat token-1", "running mean of the loss"},
      C{"loss_var", &R::loss_var, "nat2 token-2", "running variance of the loss"},
      C{"loss_scale", &R::loss_scale, "1", "fp16 loss scale"},
      C{"flags", &R::flags, "1", "bits: 1 skipped, 2 spike, 4 checkpoint, 8 evaluation"},
      C{"z_loss", &R::z_loss, "nat token-1", "z-loss beside the loss, mean over the batch"},
  };
};

template <>
struct Table<GradientRecord> {
  using C = Column<GradientRecord>;
  using R = GradientRecord;
  static constexpr TableSchema schema{"/metrics/gradients",
                                      "statistics over all gradient elements of a step", 64};
  static constexpr std::array columns{
      C{"step", &R::step, "1", "optimizer steps done, from 1"},
      C{"time", &R::time, "s", "Unix time UTC"},
      C{"norm", &R::norm, "1", "global L2 norm before clipping"},
      C{"mean", &R::mean, "1", "mean element"},
      C{"std", &R::std, "1", "standard deviation of the elements"},
      C{"min", &R::min, "1", "smallest element"},
      C{"max", &R::max, "1", "largest element"},
      C{"nonfinite", &R::nonfinite, "1", "elements that are NaN or infinite"},
      C{"param_norm", &R::param_norm, "1", "L2 norm of all parameters after the step"},
      C{"update_norm", &R::update_norm, "1", "L2 norm of the applied update"},
  };
};

template <>
struct Table<EvalRecord> {
  using C = Column<EvalRecord>;
  using R = EvalRecord;
  static constexpr TableSchema schema{"/metrics/eval", "one row per evaluation", 32};
  static constexpr std::array columns{
      C{"step", &R::step, "1", "optimizer steps done"},
      C{"time", &R::time, "s", "Unix time UTC"},
      C{"tokens", &R::tokens, "token", "training tokens consumed"},
      C{"set", &R::set, "1", "which held-out data"},
      C{"loss", &R::loss, "nat token-1", "mean loss"},
      C{"n_tokens", &R::n_tokens, "token", "tokens evaluated"},
      C{"seconds", &R::seconds, "s", "duration of the evaluation"},
  };
};

template <>
struct Table<SystemRecord> {
  using C = Column<SystemRecord>;
  using R = SystemRecord;
  static constexpr TableSchema schema{"/system", "one row per device and sample", 64};
  static constexpr std::array columns{
      C{"time", &R::time, "s", "Unix time UTC"},
      C{"rank", &R::rank, "1", "rank that owns the device"},
      C{"gpu_util", &R::gpu_util, "1", "device utilization, 0..1"},
      C{"power_w", &R::power_w, "W", "power"},
      C{"temp_c", &R::temp_c, "degC", "temperature"},
      C{"clock_mhz", &R::clock_mhz, "1e6 s-1", "compute clock"},
      C{"net_tx", &R::net_tx, "byte", "sent by the node since start"},
      C{"net_rx", &R::net_rx, "byte", "received by the node since start"},
  };
};

template <>
struct Table<CheckpointRecord> {
  using C = Column<CheckpointRecord>;
  using R = CheckpointRecord;
  static constexpr TableSchema schema{"/checkpoints", "one row per checkpoint", 16};
  static constexpr std::array columns{
      C{"step", &R::step, "1", "optimizer steps done"},
      C{"tokens", &R::tokens, "token", "training tokens consumed"},
      C{"time", &R::time, "s", "Unix time UTC when finished"},
      C{"write_s", &R::write_s, "s", "from start to durable"},
      C{"stall_s", &R::stall_s, "s", "time training waited"},
      C{"bytes", &R::bytes, "byte", "size over all ranks"},
      C{"ok", &R::ok, "1", "1: complete and verified"},
      C{"path", &R::path, "1", "folder of the checkpoint", 256},
  };
};

template <>
struct Table<RunEvent> {
  using C = Column<RunEvent>;
  using R = RunEvent;
  static constexpr TableSchema schema{"/events", "what happened to the run", 16};
  static constexpr std::array columns{
      C{"time", &R::time, "s", "Unix time UTC"},
      C{"step", &R::step, "1", "optimizer steps done"},
      C{"kind", &R::kind, "1", "kind of event"},
      C{"code", &R::code, "1", "signal, exit code or rank, by kind"},
      C{"text", &R::text, "1", "for people", 160},
  };
};

template <>
struct Table<RunNode> {
  using C = Column<RunNode>;
  using R = RunNode;
  static constexpr TableSchema schema{"/hardware/nodes", "where each rank runs", 64};
  static constexpr std::array columns{
      C{"rank", &R::rank, "1", "rank"},
      C{"node", &R::node, "1", "host name", 64},
      C{"local_rank", &R::local_rank, "1", "rank on its node"},
      C{"gpu_uuid", &R::gpu_uuid, "1", "device", 48},
      C{"network_switch", &R::network_switch, "1", "network switch of the node", 64},
  };
};

/// The columns of a record's table.
template <typename Record>
std::span<const Column<Record>> columns_of() {
  return Table<Record>::columns;
}

/// Members of the enum columns, in file order.
struct EnumMember {
  const char* name;
  int32_t value;
};
inline constexpr std::array kEvalSets{EnumMember{"validation", 0}, EnumMember{"test", 1}};
inline constexpr std::array kEventKinds{
    EnumMember{"start", 0},     EnumMember{"signal", 1},        EnumMember{"checkpoint", 2},
    EnumMember{"preempt", 3},   EnumMember{"nan", 4},           EnumMember{"hang", 5},
    EnumMember{"slow_rank", 6}, EnumMember{"enospc", 7},        EnumMember{"end", 8},
    EnumMember{"spike", 9},     EnumMember{"skipped_step", 10}, EnumMember{"resume", 11},
    EnumMember{"decay", 12},    EnumMember{"loss_scale", 13},
};

}  // namespace isoflop::run_schema
