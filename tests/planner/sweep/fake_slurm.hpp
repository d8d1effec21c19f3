// SPDX-License-Identifier: MIT
#pragma once

#include "core/base/text_file.hpp"
#include "core/data/dataset_index.hpp"
#include "planner/sweep/sweep_fixtures.hpp"
#include "planner/sweep/sweep_manifest.hpp"
#include "planner/sweep/sweep_writer.hpp"
#include "support/temp_dir.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <string>

namespace isoflop::test {

/// A sweep on CPUs whose Slurm is a folder of programs: sbatch notes its words and counts jobs.
class SweepOnFakeSlurm : public testing::Test {
 protected:
  SweepOnFakeSlurm() : path_(std::getenv("PATH")) {
    request_.plan.text = byte_text();
    request_.plan.text.path = dir_ / "data";
    request_.plan.seq_len = 64;
    request_.spec.n_sizes = 3;
    write_sweep(request_, design_sweep(request_, files_.runs), {},
                {ISOFLOP_SOURCE_DIR "/configs/clusters/testbed.yaml"}, files_);
    write_text_file(dir_ / "data" / kDatasetIndexName, "");
    program("sbatch",
            fmt::format("echo \"$@\" >>{0}/words; wc -l <{0}/words", dir_.path().string()));
    program("squeue", "cat " + (dir_ / "queue").string() + " 2>/dev/null; exit 0");
    program("scancel", "echo \"$@\" >>" + (dir_ / "cancelled").string());
    setenv("PATH", ((dir_ / "bin").string() + ":" + path_).c_str(), 1);
  }
  ~SweepOnFakeSlurm() override { setenv("PATH", path_.c_str(), 1); }

  void program(const std::string& name, const std::string& text) {
    write_text_file(dir_ / "bin" / name, "#!/bin/sh\n" + text + "\n", 0755);
  }
  /// What sbatch was given since the last call.
  std::string words() {
    if (!std::filesystem::exists(dir_ / "words")) return "";
    const std::string text = read_text_file(dir_ / "words");
    const std::string fresh = text.substr(read_);
    read_ = text.size();
    return fresh;
  }
  void end(const ManifestRun& run, const std::string& state) {
    write_text_file(
        files_.runs / (run.name + ".status.json"),
        fmt::format("{{\"state\": \"{}\", \"cause\": null, \"step\": {}, \"written\": 1.0}}", state,
                    run.steps));
  }
  void end_all() {
    for (const ManifestRun& run : read_manifest(files_).runs) end(run, "done");
  }
  std::string queue_line(const ManifestRun& run, const std::string& job) {
    return fmt::format("{}_{}|RUNNING|1:00|5:00|n1|/x|{}\n", job, run.member,
                       files_.array_script(run.array).string());
  }

  TempDir dir_;
  SweepFiles files_ = sweep_files_in(dir_ / "sw");
  SweepRequest request_ = sweep_request(cpu_cluster(), 2);
  std::string path_;
  std::size_t read_ = 0;
};

}  // namespace isoflop::test
