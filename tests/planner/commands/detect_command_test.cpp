// SPDX-License-Identifier: MIT
#include "core/base/config_node.hpp"
#include "core/base/text_file.hpp"
#include "core/hardware/cluster.hpp"
#include "planner/detect/recorded_slurm.hpp"
#include "support/run_program.hpp"
#include "support/temp_dir.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace isoflop {
namespace {

using testing::HasSubstr;
using testing::Not;

/// A folder of programs that stand before the real ones on PATH.
class FakePrograms {
 public:
  /// A program that prints `text` for arguments that contain `pattern`, and fails for others.
  void add(const std::string& name, const std::string& pattern, const std::string& text) {
    const std::string file = name + "." + std::to_string(n_texts_++);
    std::ofstream(folder_ / file) << text;
    std::ofstream script(folder_ / name, std::ios::app);
    if (script.tellp() == 0) script << "#!/bin/sh\n";
    script << "case \"$*\" in *\"" << pattern << "\"*) cat '" << (folder_ / file).string()
           << "'; exit 0;; esac\n";
    script.close();
    std::filesystem::permissions(folder_ / name, std::filesystem::perms::owner_all);
  }
  void add_failing(const std::string& name, const std::string& error) {
    std::ofstream(folder_ / name) << "#!/bin/sh\necho '" << error << "' >&2\nexit 1\n";
    std::filesystem::permissions(folder_ / name, std::filesystem::perms::owner_all);
  }

  test::ProgramResult detect(const std::string& arguments) const {
    // Nothing but the fakes and what they themselves need.
    return test::run_command("PATH='" + folder_.path().string() + "':" + tools_.path().string() +
                             " " + test::program_path("planner") + " detect " + arguments);
  }
  std::filesystem::path path(const std::string& name) const { return folder_ / name; }

  FakePrograms() {
    std::filesystem::create_symlink("/bin/sh", tools_ / "sh");
    std::filesystem::create_symlink("/bin/cat", tools_ / "cat");
  }

 private:
  test::TempDir folder_;
  test::TempDir tools_;
  int n_texts_ = 0;
};

void add_h100_cluster(FakePrograms& programs) {
  programs.add("scontrol", "show node", test::kNodesSlurm23);
  programs.add("scontrol", "show partition", test::kPartitions);
  programs.add("scontrol", "show config", "ClusterName             = alpha\n");
}

TEST(DetectCommand, slurm_writes_a_file_that_planner_plans_with) {
  FakePrograms programs;
  add_h100_cluster(programs);
  const std::string file = programs.path("alpha.yaml").string();
  const test::ProgramResult result = programs.detect("slurm --out " + file);
  EXPECT_EQ(result.exit_code, 0) << result.output;
  EXPECT_THAT(result.output, HasSubstr("gpu: 2 nodes with 8 GPUs"));
  const test::ProgramResult plan =
      test::run_command(test::program_path("planner") + " " + file + " --hours 24 --partition gpu" +
                        " --out " + programs.path("plan").string());
  EXPECT_EQ(plan.exit_code, 0) << plan.output;
  EXPECT_THAT(plan.output, HasSubstr("H100-SXM5-80GB"));
}

TEST(DetectCommand, an_existing_file_is_kept_without_force) {
  FakePrograms programs;
  add_h100_cluster(programs);
  const std::string file = programs.path("alpha.yaml").string();
  std::ofstream(file) << "mine";
  const test::ProgramResult refused = programs.detect("slurm --out " + file);
  EXPECT_EQ(refused.exit_code, 3);
  EXPECT_THAT(refused.output, HasSubstr("exists; name another file or give --force"));
  EXPECT_EQ(read_text_file(file), "mine");
  EXPECT_EQ(programs.detect("slurm --force --out " + file).exit_code, 0);
  EXPECT_THAT(read_text_file(file), HasSubstr("name: alpha"));
}

TEST(DetectCommand, sinfo_stands_in_for_scontrol) {
  FakePrograms programs;
  programs.add("sinfo", "-o %R|%a|%l|%D|%T|%c|%m|%G|%f|%N", test::kSinfo);
  const test::ProgramResult result = programs.detect("slurm");
  EXPECT_EQ(result.exit_code, 0) << result.output;
  EXPECT_THAT(result.output, HasSubstr("# Written by planner detect from sinfo."));
  EXPECT_THAT(result.output, HasSubstr("nodes: 14"));
}

TEST(DetectCommand, json_is_one_document) {
  FakePrograms programs;
  add_h100_cluster(programs);
  const ConfigNode root = ConfigNode::parse(programs.detect("slurm --json").output, "output",
                                            ConfigSyntax::json_with_comments);
  MapReader cluster(MapReader(root).required_node("cluster"));
  EXPECT_EQ(cluster.required<std::string>("name"), "alpha");
  EXPECT_EQ(cluster.required_node("partitions").items().size(), 2u);
}

TEST(DetectCommand, gpus_of_this_node_through_nvidia_smi) {
  FakePrograms programs;
  programs.add("nvidia-smi", "--query-gpu=name",
               "NVIDIA A100-SXM4-80GB, 81920, Disabled\nNVIDIA A100-SXM4-80GB, 81920, Disabled\n");
  programs.add("nvidia-smi", "topo -m", "GPU0 X NV12 0-15\nGPU1 NV12 X 0-15\n");
  const test::ProgramResult result = programs.detect("local");
  EXPECT_EQ(result.exit_code, 0) << result.output;
  EXPECT_THAT(result.output, HasSubstr("gpu: NVIDIA A100-SXM4-80GB\n    gpus_per_node: 2"));
  EXPECT_THAT(result.output, Not(HasSubstr("ASSUMED\n")));
}

TEST(DetectCommand, amd_gpus_of_this_node_through_rocm_smi) {
  FakePrograms programs;
  programs.add(
      "rocm-smi", "--showproductname",
      R"json({"card0": {"VRAM Total Memory (B)": "206141652992", "Card Series": "AMD Instinct MI300X"
}
})json");
  EXPECT_THAT(programs.detect("local").output, HasSubstr("gpu: AMD Instinct MI300X"));
}

TEST(DetectCommand, a_node_without_gpus_is_a_cpu_partition) {
  const test::ProgramResult result = FakePrograms().detect("local");
  EXPECT_EQ(result.exit_code, 0) << result.output;
  EXPECT_THAT(result.output, HasSubstr("cpu_device: local-cpu"));
}

TEST(DetectCommand, failures_say_what_to_do) {
  FakePrograms silent;
  silent.add_failing("scontrol", "slurm_load_node error: Unable to contact slurm controller");
  EXPECT_EQ(silent.detect("slurm").exit_code, 3);
  EXPECT_THAT(silent.detect("slurm").output, HasSubstr("Unable to contact slurm controller"));
  FakePrograms broken;
  broken.add_failing("nvidia-smi", "driver/library version mismatch");
  EXPECT_THAT(broken.detect("local").output, HasSubstr("driver/library version mismatch"));
  const test::ProgramResult without = FakePrograms().detect("slurm");
  EXPECT_EQ(without.exit_code, 3);
  EXPECT_THAT(without.output, HasSubstr("neither scontrol nor sinfo is on PATH"));
  EXPECT_THAT(FakePrograms().detect("slrum").output, HasSubstr("did you mean 'slurm'?"));
  EXPECT_EQ(FakePrograms().detect("").exit_code, 2);
}

}  // namespace
}  // namespace isoflop
