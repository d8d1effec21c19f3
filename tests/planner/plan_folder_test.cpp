// SPDX-License-Identifier: MIT
#include "planner/plan_folder.hpp"

#include "core/base/error.hpp"
#include "core/base/text_file.hpp"
#include "support/error_matchers.hpp"
#include "support/temp_dir.hpp"

namespace isoflop {
namespace {

using testing::HasSubstr;

TEST(PlanFolder, new_and_empty_folders_are_fine) {
  const test::TempDir dir;
  EXPECT_EQ(choose_plan_files(dir.path(), Overwrite::own_plans).plan, dir / "plan.yaml");
  EXPECT_EQ(choose_plan_files(dir / "new", Overwrite::own_plans).script,
            dir.path() / "new" / "train.sbatch");
  EXPECT_FALSE(std::filesystem::exists(dir / "new"));
}

TEST(PlanFolder, own_plans_are_replaced) {
  const test::TempDir dir;
  write_text_file(dir / "plan.yaml", std::string("# ") + kPlanSignature + " 0.1.0\n");
  EXPECT_NO_THROW(choose_plan_files(dir.path(), Overwrite::own_plans));
}

TEST(PlanFolder, foreign_files_are_left_alone_unless_forced) {
  const test::TempDir dir;
  write_text_file(dir / "plan.yaml", "mine: true\n");
  EXPECT_THAT(
      test::message_of<FileError>([&] { choose_plan_files(dir.path(), Overwrite::own_plans); }),
      HasSubstr("--force"));
  EXPECT_NO_THROW(choose_plan_files(dir.path(), Overwrite::anything));
}

TEST(PlanFolder, a_file_is_no_folder) {
  const test::TempDir dir;
  write_text_file(dir / "x", "");
  EXPECT_THAT(
      test::message_of<FileError>([&] { choose_plan_files(dir / "x", Overwrite::anything); }),
      HasSubstr("is not a folder"));
}

}  // namespace
}  // namespace isoflop
