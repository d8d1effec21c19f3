// SPDX-License-Identifier: MIT
// write_run_files FOLDER RUNS STEPS: run files as trainer leaves them, with losses of a law and
// steps that vary, for report_benchmark.sh.
#include "core/run/run_writer.hpp"

#include <fmt/format.h>

#include <cmath>
#include <filesystem>
#include <random>
#include <string>

namespace {

using namespace isoflop;

RunHeader header_of(int64_t run, int64_t steps) {
  RunHeader header;
  header.identity.run_id = fmt::format("run{:04}", run);
  header.identity.created = "2026-11-23T00:00:00Z";
  header.config.model_name = "synthetic";
  header.config.n_params = 100'000 + 1'000 * run;
  header.config.steps_target = steps;
  header.config.tokens_target = steps * 8192;
  header.config.tokenizer = "bytes";
  header.config.vocab_size = 272;
  header.config.yaml = fmt::format("model:\n  n_layer: {}\nrun:\n  name: run{:04}\n", run % 7, run);
  header.hardware.gpu_name = "H100";
  header.hardware.peak_flops = 989e12;
  header.hardware.nodes = {{.rank = 0, .node = "node0"}};
  header.flops.model_flops_per_token = 6e5;
  return header;
}

StepRecord step_of(int64_t step, double& time, std::mt19937& random) {
  const float step_s = 0.1F + 1e-6F * static_cast<float>(random() % 10'000);
  time += step_s;
  StepRecord record;
  record.step = step;
  record.time = time;
  record.tokens = step * 8192;
  record.loss = static_cast<float>(2 + 10 / std::pow(step, 0.3)) +
                1e-6F * static_cast<float>(random() % 50'000);
  record.lr = 1e-3F;
  record.grad_norm = 1;
  record.step_s = step_s;
  record.data_s = 1e-4F;
  record.forward_s = 0.3F * step_s;
  record.backward_s = 0.6F * step_s;
  record.comm_s = 0.05F * step_s;
  record.optimizer_s = 0.04F * step_s;
  record.tokens_per_s = 8192 / step_s;
  record.tflops = 40 / step_s * 0.1F;
  record.mfu = 0.04F / step_s;
  record.mem_peak_gib = 10;
  return record;
}

void write_run(const std::filesystem::path& folder, int64_t run, int64_t steps) {
  RunWriter writer(folder / fmt::format("run{:04}.s000.h5", run), header_of(run, steps));
  std::mt19937 random(static_cast<unsigned>(run));
  double time = 1.7e9;
  const int64_t eval_interval = std::max<int64_t>(1, steps / 20);
  for (int64_t step = 1; step <= steps; ++step) {
    const StepRecord record = step_of(step, time, random);
    writer.append(record);
    if (step % 65536 == 0) writer.flush();
    if (step % eval_interval == 0)
      writer.append(EvalRecord{.step = step,
                               .time = time,
                               .tokens = record.tokens,
                               .loss = *record.loss,
                               .n_tokens = 65536});
  }
  writer.set_state(RunState::done);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    fmt::print(stderr, "usage: write_run_files FOLDER RUNS STEPS\n");
    return 2;
  }
  std::filesystem::create_directories(argv[1]);
  for (int64_t run = 0; run < std::stoll(argv[2]); ++run)
    write_run(argv[1], run, std::stoll(argv[3]));
}
