// SPDX-License-Identifier: MIT
#include "planner/sweep/sweep_writer.hpp"

#include "core/base/error.hpp"
#include "core/base/text_file.hpp"
#include "planner/sweep/sweep_fixtures.hpp"
#include "planner/sweep/sweep_scripts.hpp"
#include "support/error_matchers.hpp"
#include "support/temp_dir.hpp"

#include <set>

namespace isoflop {
namespace {

using testing::HasSubstr;
namespace fs = std::filesystem;

class SweepFolder : public testing::Test {
 protected:
  void write() {
    write_sweep(request_, sweep_, settings_,
                {ISOFLOP_SOURCE_DIR "/configs/clusters/h100-16x8.yaml"}, files_);
  }

  test::TempDir dir_;
  SweepFiles files_ = sweep_files_in(dir_ / "sw");
  SweepRequest request_ = test::sweep_request(test::h100_cluster(), 5000);
  Sweep sweep_ = design_sweep(request_, files_.runs);
  SweepSettings settings_ = {{"gpu-hours", "5000"}, {"data", "it's \"here\""}};
};

TEST_F(SweepFolder, holds_plans_that_the_trainer_reads) {
  write();
  for (const SweepRun& run : sweep_.runs) {
    const TrainConfig config = read_train_config(ConfigNode::load(plan_file_of(run, files_)));
    EXPECT_EQ(config.run.name, run.name());
    EXPECT_EQ(config, run.plan.config);
  }
}

TEST_F(SweepFolder, has_a_manifest_that_places_every_run_in_one_array) {
  write();
  const SweepManifest manifest = read_manifest(files_);
  EXPECT_EQ(manifest.settings, settings_);
  ASSERT_EQ(manifest.runs.size(), sweep_.runs.size());
  std::set<std::pair<std::size_t, std::size_t>> places;
  for (std::size_t i = 0; i < manifest.runs.size(); ++i) {
    const ManifestRun& run = manifest.runs[i];
    EXPECT_EQ(run.name, sweep_.runs[i].name());
    EXPECT_EQ(sweep_.arrays.at(run.array).runs.at(run.member), i);
    EXPECT_TRUE(places.emplace(run.array, run.member).second);
  }
  for (const ManifestArray& array : manifest.arrays) EXPECT_TRUE(fs::exists(array.script));
}

TEST_F(SweepFolder, is_taken_for_the_same_sweep_only_with_equal_settings) {
  EXPECT_FALSE(holds_sweep(files_, settings_));
  write();
  EXPECT_TRUE(holds_sweep(files_, settings_));
  SweepSettings other = settings_;
  other[0].second = "6000";
  EXPECT_THAT(test::message_of<FileError>([&] { holds_sweep(files_, other); }),
              HasSubstr("holds a sweep of other settings (it was not made with gpu-hours 6000)"));
  other = settings_;
  other.pop_back();
  EXPECT_THAT(test::message_of<FileError>([&] { holds_sweep(files_, other); }),
              HasSubstr("it was made with data "));
}

TEST_F(SweepFolder, that_was_not_written_to_its_end_is_written_anew) {
  write_text_file(files_.unfinished, "");
  write_text_file(files_.plans / "of-other-settings.yaml", "");
  EXPECT_FALSE(holds_sweep(files_, settings_));
  write();
  EXPECT_TRUE(holds_sweep(files_, settings_));
  EXPECT_FALSE(fs::exists(files_.plans / "of-other-settings.yaml"));
}

TEST_F(SweepFolder, that_holds_anything_else_is_refused) {
  write_text_file(files_.folder / "thesis.tex", "");
  EXPECT_THAT(test::message_of<FileError>([&] { holds_sweep(files_, settings_); }),
              HasSubstr("holds files that are no sweep"));
}

TEST_F(SweepFolder, without_a_manifest_of_ours_is_none) {
  EXPECT_THAT(test::message_of<FileError>([&] { read_manifest(files_); }),
              HasSubstr("sweep.json: is not there"));
  write_text_file(files_.manifest, "{\"format\": \"other\"}");
  EXPECT_THAT(test::message_of<ConfigError>([&] { read_manifest(files_); }),
              HasSubstr("must be isoflop-sweep"));
}

}  // namespace
}  // namespace isoflop
