// SPDX-License-Identifier: MIT
#pragma once

#include "core/hardware/cluster.hpp"
#include "core/model/model_shape.hpp"
#include "core/parallel/gpu_scratch.hpp"
#include "core/parallel/layout.hpp"
#include "planner/allocation.hpp"
#include "planner/calibration.hpp"
#include "planner/cost/machine.hpp"
#include "planner/cost/step_cost.hpp"
#include "planner/pilot/site_calibration.hpp"
#include "planner/train_efficiency.hpp"

#include <cstdint>
#include <optional>

namespace isoflop {

/// What the time of our trainer's step depends on besides shape and layout; the same for all
/// candidates on one part of a partition.
struct MachineModel {
  Machine machine;
  Precision precision;
  bool is_gpu = true;
  int64_t n_devices = 1;
  int64_t ranks_per_node = 1;
  int64_t fast_domain = 1;              ///< devices joined by NVLink or xGMI
  double peak_flops = 0;                ///< dense, per device and second
  EfficiencyCurve measured_efficiency;  ///< of whole steps; empty where nobody measured
  std::optional<GpuKernels> gpu_kernels = std::nullopt;
  SpeedCorrection correction = {};  ///< of a pilot on these nodes
};

MachineModel make_machine_model(const Partition& partition, const JobSize& job, Precision precision,
                                const Calibration& calibration);

/// step_cost of our trainer with the attention that it takes for the shape, corrected by what a
/// pilot measured. A CPU whose training efficiency
/// `trainer bench` measured uses that instead of the operations.
StepTime predict_step_time(const ModelShape& shape, const Layout& layout, int64_t seq_len,
                           const MachineModel& machine);

}  // namespace isoflop
