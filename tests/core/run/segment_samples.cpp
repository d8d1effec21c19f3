// SPDX-License-Identifier: MIT
#include "segment_samples.hpp"

namespace isoflop {

RunFile sample_segment(const std::string& run_id, int32_t number, int64_t resumed_from_step,
                       int64_t last_step) {
  RunFile file;
  file.path = run_id + ".h5";
  file.header.identity.run_id = run_id;
  file.header.identity.segment = number;
  file.header.identity.resumed_from_step = resumed_from_step;
  file.header.config.model_name = "tiny";
  file.header.config.n_params = 1'000'000;
  file.header.hardware.world_size = 8;
  file.header.hardware.gpu_name = "H100";
  file.header.layout = {.strategy = "hsdp",
                        .n_shard = 4,
                        .n_replica = 2,
                        .micro_batch_size = 3,
                        .grad_accum_steps = 5,
                        .recompute = "full"};
  for (int64_t step = resumed_from_step + 1; step <= last_step; ++step) {
    StepRecord record;
    record.step = step;
    record.time = 1000.0 + static_cast<double>(step);
    record.tokens = step * 100;
    record.loss = 10.0F - static_cast<float>(step) / 100.0F;
    record.step_s = 0.5F;
    record.mfu = step % 2 == 0 ? 0.5F : 0.4F;
    record.mem_peak_gib = 2.0F + static_cast<float>(step) / 1024.0F;
    file.steps.push_back(record);
  }
  return file;
}

EvalRecord sample_eval(int64_t step, double loss) {
  EvalRecord eval;
  eval.step = step;
  eval.time = 1000.0 + static_cast<double>(step);
  eval.tokens = step * 100;
  eval.loss = loss;
  return eval;
}

TrainingRun sample_run(const std::string& run_id, int64_t last_step) {
  RunFile segment = sample_segment(run_id, 0, 0, last_step);
  segment.state = RunState::done;
  return join_segments({segment});
}

}  // namespace isoflop
