// SPDX-License-Identifier: MIT
#include "support/run_program.hpp"
#include "support/temp_dir.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

namespace isoflop {
namespace {

using testing::HasSubstr;

// configs/clusters: a100, b200, h100, h200, mixed, testbed, v100 and the template.
TEST(ClusterConfigs, each_plans_as_it_is) {
  const test::TempDir folder;
  int count = 0;
  for (const auto& entry :
       std::filesystem::directory_iterator(ISOFLOP_SOURCE_DIR "/configs/clusters")) {
    const test::ProgramResult result =
        test::run_command(test::program_path("planner") + " " + entry.path().string() +
                          " --hours 4 --out " + (folder / entry.path().stem().string()).string());
    EXPECT_EQ(result.exit_code, 0) << entry.path() << "\n" << result.output;
    EXPECT_THAT(result.output, HasSubstr("\nModel       N = ")) << entry.path();
    ++count;
  }
  EXPECT_GE(count, 8);
}

}  // namespace
}  // namespace isoflop
