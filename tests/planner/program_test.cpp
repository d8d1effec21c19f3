// SPDX-License-Identifier: MIT
#include "core/base/text_file.hpp"
#include "core/plan/train_config.hpp"
#include "planner/options.hpp"
#include "support/temp_dir.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>
#include <sys/wait.h>

namespace isoflop {
namespace {

using testing::HasSubstr;

/// The program's exit code and what it printed, errors included.
struct Outcome {
  int exit_code = -1;
  std::string text;
};

class PlannerProgram : public testing::Test {
 protected:
  Outcome run(const std::string& arguments) const {
    const char* const bin = std::getenv("ISOFLOP_BIN");
    if (bin == nullptr) throw std::runtime_error("ISOFLOP_BIN is not set; run through ctest");
    const std::string output = (dir_ / "output").string();
    const std::string command = "cd " + dir_.path().string() + " && " + bin + "/planner " +
                                arguments + " > " + output + " 2>&1";
    const int status = std::system(command.c_str());
    return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, read_text_file(output)};
  }

  test::TempDir dir_;
  const std::string h100_ = ISOFLOP_SOURCE_DIR "/configs/clusters/h100-16x8.yaml";
};

TEST_F(PlannerProgram, writes_a_plan_that_the_trainer_reads) {
  const Outcome outcome = run(h100_ + " --hours 72 --out X");
  EXPECT_EQ(outcome.exit_code, 0) << outcome.text;
  EXPECT_THAT(outcome.text, HasSubstr("sbatch X/train.sbatch"));
  const TrainConfig config = read_train_config(ConfigNode::load(dir_.path() / "X" / "plan.yaml"));
  EXPECT_EQ(config.run.name, "h100-16x8-72h");
  EXPECT_THAT(read_text_file(dir_.path() / "X" / "train.sbatch"),
              HasSubstr("#SBATCH --time=1-00:00:00"));
}

TEST_F(PlannerProgram, the_default_folder_names_cluster_and_hours) {
  EXPECT_EQ(run(h100_ + " --hours 0.5").exit_code, 0);
  EXPECT_TRUE(std::filesystem::exists(dir_.path() / "plans/h100-16x8-0.5h/plan.yaml"));
  EXPECT_EQ(run(h100_ + " --hours 0.5").exit_code, 0);  // its own plan may be replaced
}

TEST_F(PlannerProgram, foreign_files_survive) {
  write_text_file(dir_.path() / "mine" / "plan.yaml", "mine\n");
  EXPECT_EQ(run(h100_ + " --hours 1 --out mine").exit_code, 3);
  EXPECT_EQ(read_text_file(dir_.path() / "mine" / "plan.yaml"), "mine\n");
  EXPECT_EQ(run(h100_ + " --hours 1 --out mine --force").exit_code, 0);
}

TEST_F(PlannerProgram, wrong_input_has_its_exit_code_and_one_line) {
  const std::pair<const char*, int> cases[] = {{" --hours 0", 2},
                                               {" --hours x", 2},
                                               {"", 2},
                                               {" --hours 1 --hour 2", 2},
                                               {" --hours 1 --gpus 12", 2},
                                               {" --hours 1 --precision bf61", 2},
                                               {" --hours 1 --law nobody", 2},
                                               {" --hours 1 --partition gpu", 2},
                                               {" --hours 1 --data nowhere", 3},
                                               {" --hours 0.01", 4},
                                               {" --hours 1 --name ../x", 2},
                                               {" --hours 1 --seq-len 4", 2},
                                               {" --hours 1 --out ''", 2},
                                               {" --hours 1 --precision fp8", 2},
                                               {" --hours 1 --dollars 100", 2},
                                               {" --tokens 1e9", 2},
                                               {" --hours 1 --objective speed", 2},
                                               {" --hours 1 --loss 2", 4},
                                               {" --hours 1 --max-epochs 4", 2},
                                               {" --hours 1 --model mixtral-8x7b", 2},
                                               {" --hours 1 --model llama-7b --max-params 1e9", 2},
                                               {" --hours 1 --vocab-size 99999999999", 2}};
  for (const auto& [arguments, exit_code] : cases) {
    const Outcome outcome = run(h100_ + arguments);
    EXPECT_EQ(outcome.exit_code, exit_code) << arguments << ": " << outcome.text;
    EXPECT_THAT(outcome.text, HasSubstr("planner: error: ")) << arguments;
  }
  EXPECT_EQ(run("missing.yaml --hours 1").exit_code, 3);
}

TEST_F(PlannerProgram, runs_the_requests_that_ship) {
  const std::string requests = ISOFLOP_SOURCE_DIR "/configs/requests/";
  for (const char* const name : {"besiroglu.yaml", "hoffmann.yaml", "flash.jsonc"}) {
    const Outcome outcome = run("plan --request " + requests + name);
    EXPECT_EQ(outcome.exit_code, 0) << name << ": " << outcome.text;
    EXPECT_THAT(outcome.text, HasSubstr("Next        sbatch plans/")) << name;
  }
}

/// A stand-in for nvidia-smi of a node with an H100.
std::string fake_nvidia_smi() {
  return "#!/bin/sh\ncase $* in\n"
         "  *--query-gpu=*) echo 'NVIDIA H100 80GB HBM3, 81559, "
         "Disabled' ;;\n"
         "  *) exit 1 ;;\nesac\n";
}

TEST_F(PlannerProgram, the_request_auto_plans_for_the_gpus_of_this_node) {
  const std::filesystem::path folder = dir_.path() / "bin";
  write_text_file(folder / "nvidia-smi", fake_nvidia_smi(), 0755);
  const std::string before = std::getenv("PATH");
  ASSERT_EQ(setenv("PATH", (folder.string() + ":" + before).c_str(), 1), 0);
  const Outcome outcome =
      run("--request " ISOFLOP_SOURCE_DIR "/configs/requests/auto.yaml --out X");
  setenv("PATH", before.c_str(), 1);
  EXPECT_EQ(outcome.exit_code, 0) << outcome.text;
  EXPECT_THAT(outcome.text, HasSubstr("H100-SXM5-80GB"));
  EXPECT_THAT(outcome.text, HasSubstr("= 1 GPU for"));
  EXPECT_TRUE(std::filesystem::exists(dir_.path() / "X" / "cluster.yaml"));
}

TEST_F(PlannerProgram, json_is_one_document_and_what_plan_json_holds) {
  const Outcome outcome = run(h100_ + " --hours 5 --json --out X");
  EXPECT_EQ(outcome.exit_code, 0) << outcome.text;
  EXPECT_EQ(outcome.text, read_text_file(dir_.path() / "X" / "plan.json"));
  EXPECT_EQ(outcome.text, run(h100_ + " --hours 5 --json --out X").text) << "deterministic";
  EXPECT_TRUE(std::filesystem::exists(dir_.path() / "X" / "designs.csv"));
}

TEST_F(PlannerProgram, what_cannot_run_gets_no_job_files) {
  EXPECT_EQ(run(h100_ + " --hours 5 --out X").exit_code, 0);
  const Outcome outcome = run(h100_ + " --hours 5 --what-if --precision fp8 --out X");
  EXPECT_EQ(outcome.exit_code, 0) << outcome.text;
  EXPECT_THAT(outcome.text, HasSubstr("not runnable by this trainer yet"));
  EXPECT_FALSE(std::filesystem::exists(dir_.path() / "X" / "plan.yaml"));
  EXPECT_EQ(run(h100_ + " --hours 5 --out X").exit_code, 0) << "its own folder";
}

TEST_F(PlannerProgram, help_lists_the_options) {
  const Outcome outcome = run("--help");
  EXPECT_EQ(outcome.exit_code, 0);
  EXPECT_THAT(outcome.text, HasSubstr("--hours"));
}

TEST(DefaultRunName, is_fit_for_a_file_name) {
  Goals goals;
  goals.hours = 72;
  EXPECT_EQ(default_run_name("h100-16x8", goals), "h100-16x8-72h");
  goals.hours = 0.05;
  EXPECT_EQ(default_run_name("a/b c", goals), "a-b-c-0.05h");
  goals.hours.reset();
  goals.compute = 1e23;
  goals.loss = 2.1;
  EXPECT_EQ(default_run_name("x", goals), "x-c1e-23-loss2.1");
}

}  // namespace
}  // namespace isoflop
