// SPDX-License-Identifier: MIT
#include "core/base/config_node.hpp"
#include "core/base/text_file.hpp"
#include "core/plan/train_config.hpp"
#include "core/run/run_writer.hpp"
#include "planner/calibration.hpp"
#include "support/run_program.hpp"
#include "support/temp_dir.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace isoflop {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

test::ProgramResult calibrate(const std::string& arguments) {
  return test::run_command(test::program_path("planner") + " calibrate " + arguments);
}

constexpr const char* kCluster =
    "name: laptop\n"
    "partitions:\n"
    "  - {name: cpu, nodes: 1, cpu_device: core, ranks_per_node: 2, cpus_per_node: 2,\n"
    "     intra_node_gb_per_s_per_device: 8}\n"
    "devices:\n"
    "  core:\n"
    "    kind: cpu\n"
    "    mem_gb: 4\n"
    "    mem_bandwidth_gb_per_s: 20\n"
    "    peak_tflops: {fp32: 0.1}\n"
    "    train_efficiency: [{d_model: 64, n_layer: 2, seq_len: 128, mfu: 0.4}]\n"
    "    source: trainer bench\n";

constexpr const char* kTrain =
    "run: {name: r}\n"
    "model: {preset: llama, n_layer: 2, d_model: 64, n_head: 2, d_ff: 192, vocab_size: 272,\n"
    "        max_seq_len: 128}\n"
    "data: {path: none, seq_len: 128}\n"
    "layout: {strategy: ddp, micro_batch_size: 4, global_batch_size: 8}\n"
    "optimizer: {lr: 1e-3}\n"
    "schedule: {steps: 40}\n";

/// A run of two ranks on 'core' whose steps took `step_s`, the first two far longer.
void write_run(const fs::path& path, float step_s, const std::string& device = "core") {
  RunHeader header;
  header.identity.run_id = "r";
  header.config.yaml = kTrain;
  header.hardware.world_size = 2;
  header.hardware.gpus_per_node = 2;
  header.hardware.gpu_name = device;
  RunWriter writer(path, header);
  for (int64_t step = 1; step <= 40; ++step) {
    StepRecord record;
    record.step = step;
    record.time = 1e9 + static_cast<double>(step);
    record.tokens = step * 8 * 128;
    record.step_s = step <= 2 ? 100 * step_s : step_s;
    writer.append(record);
  }
  writer.set_state(RunState::done);
  writer.close();
}

class CalibrateCommand : public testing::Test {
 protected:
  CalibrateCommand() { write_text_file(folder_ / "c.yaml", kCluster); }
  std::string path(const std::string& name) const { return (folder_ / name).string(); }
  std::string with_cluster(const std::string& arguments) const {
    return arguments + " --cluster " + path("c.yaml");
  }

  test::TempDir folder_;
};

TEST_F(CalibrateCommand, refits_what_runs_determine_and_writes_a_file_that_planner_reads) {
  write_run(path("one.h5"), 0.015F);
  const test::ProgramResult result =
      calibrate(with_cluster(path("one.h5") + " --out " + path("mine.yaml")));
  EXPECT_EQ(result.exit_code, 0) << result.output;
  EXPECT_THAT(result.output, AllOf(HasSubstr("bench_efficiency"), HasSubstr("kept as they are"),
                                   HasSubstr("Mean error of 1 cpu run(s)")));
  EXPECT_EQ(load_calibration(DeviceClass::gpu, path("mine.yaml")).memory_bandwidth,
            load_calibration(DeviceClass::gpu).memory_bandwidth);
  EXPECT_NE(load_calibration(DeviceClass::cpu, path("mine.yaml")).bench_efficiency, 1);
  EXPECT_THAT(read_text_file(path("mine.yaml")), HasSubstr("1 run(s) of isoflop: one.h5"));
}

TEST_F(CalibrateCommand, plans_take_the_refitted_constants) {
  write_run(path("one.h5"), 0.015F);
  ASSERT_EQ(calibrate(with_cluster(path("one.h5") + " --out " + path("mine.yaml"))).exit_code, 0);
  const auto plan = [&](const std::string& more) {
    return test::run_command(test::program_path("planner") + " " + path("c.yaml") +
                             " --hours 0.05 --tokenizer bytes --force --json --out " +
                             path("plan") + more);
  };
  const test::ProgramResult shipped = plan("");
  const test::ProgramResult refitted = plan(" --calibration " + path("mine.yaml"));
  EXPECT_EQ(shipped.exit_code, 0) << shipped.output;
  EXPECT_EQ(refitted.exit_code, 0) << refitted.output;
  EXPECT_NE(shipped.output, refitted.output);
  EXPECT_EQ(plan(" --calibration " + path("none.yaml")).exit_code, 3);
}

TEST_F(CalibrateCommand, three_runs_are_held_out_in_turn) {
  for (const char* const name : {"a.h5", "b.h5", "c.h5"}) write_run(path(name), 0.015F);
  const test::ProgramResult result =
      calibrate(with_cluster(path("a.h5") + " " + path("b.h5") + " " + path("c.h5") + " --json"));
  EXPECT_EQ(result.exit_code, 0) << result.output;
  const ConfigNode json = ConfigNode::parse(result.output, "out", ConfigSyntax::json_with_comments);
  MapReader root(json);
  MapReader fit(root.required_node("fits").items().at(0));
  EXPECT_EQ(fit.required<std::string>("device_kind"), "cpu");
  for (const ConfigNode& node : fit.required_node("runs").items()) {
    MapReader run(node);
    EXPECT_NEAR(run.required<double>("measured_step_s"), 0.015, 1e-6);  // without the warm-up
    EXPECT_NEAR(run.required<double>("held_out_step_s"), 0.015, 0.001);
  }
}

TEST_F(CalibrateCommand, names_and_leaves_out_what_it_cannot_use) {
  write_run(path("one.h5"), 0.015F);
  write_run(path("else.h5"), 0.015F, "another core");
  write_text_file(path("text.h5"), "not HDF5");
  const test::ProgramResult result =
      calibrate(with_cluster(path("one.h5") + " " + path("else.h5") + " " + path("text.h5")));
  EXPECT_EQ(result.exit_code, 6);
  EXPECT_THAT(result.output, AllOf(HasSubstr("else.h5: ran on 'another core'"),
                                   HasSubstr("text.h5"), HasSubstr("Mean error of 1 cpu run(s)")));
  const test::ProgramResult none = calibrate(path("text.h5"));
  EXPECT_EQ(none.exit_code, 3);
  const test::ProgramResult no_cluster = calibrate(path("one.h5"));
  EXPECT_EQ(no_cluster.exit_code, 3);
  EXPECT_THAT(no_cluster.output, HasSubstr("--cluster"));
}

TEST_F(CalibrateCommand, published_runs_can_be_held_out_by_name) {
  const test::ProgramResult result = calibrate("--published --hold-out 'IBM fms'");
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_THAT(result.output, AllOf(HasSubstr("has not seen"), HasSubstr("IBM fms-fsdp README"),
                                   Not(HasSubstr("vTrain"))));
}

TEST_F(CalibrateCommand, wrong_options_are_refused_with_a_remedy) {
  const test::ProgramResult nothing = calibrate("");
  EXPECT_EQ(nothing.exit_code, 2);
  EXPECT_THAT(nothing.output, HasSubstr("run files or --published"));
  EXPECT_EQ(calibrate(path("one.h5") + " --hold-out each").exit_code, 2);
  EXPECT_EQ(calibrate("--published --cluster " + path("c.yaml")).exit_code, 2);
  EXPECT_THAT(calibrate("--published --hold-out nobody").output, HasSubstr("no source has that"));
}

}  // namespace
}  // namespace isoflop
