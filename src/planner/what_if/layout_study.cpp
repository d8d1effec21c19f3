// SPDX-License-Identifier: MIT
#include "planner/what_if/layout_study.hpp"

#include "core/base/error.hpp"
#include "core/model/parameter_list.hpp"
#include "planner/analysis/model_analysis.hpp"
#include "planner/option_range.hpp"
#include "planner/trainer_limits.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace isoflop {

namespace {

void check(const LayoutStudyRequest& request) {
  require_seq_len(request.shape, request.seq_len);
  require_in_range("--global-batch", request.global_batch, int64_t{1} << 24);
  require_in_range("--top", static_cast<int64_t>(request.top), 10'000);
  require_in_range("--threads", request.threads, 1024);
  const std::string part = untrainable_part(request.shape);
  if (!part.empty() && !request.what_if)
    throw ConfigError(fmt::format(
        "model '{}' has {} (this version of the trainer does not run it); add --what-if",
        request.shape.name, part));
  if (request.partition.device.kind == DeviceClass::gpu) return;
  if (request.what_if || request.program)
    throw ConfigError(
        fmt::format("partition '{}' has CPUs (tensor, pipeline, context and expert parallelism and "
                    "other programs are priced for GPUs only); leave --what-if and --stack out",
                    request.partition.name));
}

MachineModel machine_for(const LayoutStudyRequest& request, const Calibration& calibration) {
  const Partition& partition = request.partition;
  MachineModel machine = make_machine_model(partition, request.job, request.precision, calibration);
  if (request.program)
    machine.machine = make_machine(partition.device, request.precision, machine.machine.network,
                                   *request.program, calibration);
  // As machine_for of candidate_builder.cpp: what the trainer keeps in memory is bf16.
  if (request.precision == Precision::fp8) machine.precision = Precision::bf16;
  return machine;
}

}  // namespace

LayoutJob layout_job(const LayoutStudyRequest& request, int64_t fast_domain) {
  const bool trainable = untrainable_part(request.shape).empty();
  return {.shape = request.shape,
          .n_devices = request.job.devices(),
          .fast_domain = fast_domain,
          .seq_len = request.seq_len,
          .global_batch = request.global_batch,
          .what_if = request.what_if,
          .ours = trainable && !request.program,
          .selective = request.program ? request.program->selective : SelectiveRule::attention,
          .only = request.only};
}

LayoutStudy study_layouts(const LayoutStudyRequest& request) {
  check(request);
  const DeviceSpec& device = request.partition.device;
  const Calibration calibration = load_calibration(device.kind, request.calibration);
  const MachineModel machine = machine_for(request, calibration);
  LayoutStudy study;
  study.capacity = memory_capacity(request.partition, calibration);
  study.fast_domain = machine.fast_domain;
  study.peak_flops = machine.peak_flops;
  study.not_runnable = missing_kernels(device, request.precision, request.shape);
  if (request.program) study.not_runnable.push_back("another program, " + request.program->name);
  const LayoutJob job = layout_job(request, study.fast_domain);
  study.ranking = rank_layouts({.job = job,
                                .machine = machine,
                                .precision = request.precision,
                                .usable_bytes = study.capacity.usable_bytes(),
                                .top = request.top,
                                .threads = request.threads});
  return study;
}

}  // namespace isoflop
