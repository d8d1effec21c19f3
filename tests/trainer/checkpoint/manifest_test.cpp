// SPDX-License-Identifier: MIT
#include "trainer/checkpoint/manifest.hpp"

#include "core/base/error.hpp"
#include "core/base/text_file.hpp"
#include "support/error_matchers.hpp"
#include "support/temp_dir.hpp"

namespace isoflop {
namespace {

CheckpointManifest example() {
  CheckpointManifest manifest;
  manifest.run = "a: run";
  manifest.created = "2026-11-22T10:00:00Z";
  manifest.creator = "trainer 1";
  manifest.step = 1000;
  manifest.n_files = 4;
  manifest.bytes = 123456789012;
  manifest.index_crc32 = 0x0000a0ff;
  manifest.n_update = 998;
  manifest.loss_scale = {.scale = 1024, .good_steps = 17};
  manifest.decay = DecayPlan{900, 300};
  manifest.data_crc32 = 0xfedcba98;
  manifest.arithmetic = "CPU, 1 thread; ddp 2";
  manifest.algorithms = "a GPU, a library 3.1\n8x8x8,n8 00ff\n\n16x8x8,n8 0123\n";
  return manifest;
}

TEST(Manifest, is_read_as_it_was_written) {
  const test::TempDir folder;
  write_manifest(folder.path(), example());
  const CheckpointManifest manifest = read_manifest(folder.path());
  EXPECT_EQ(manifest.run, "a: run");
  EXPECT_EQ(manifest.step, 1000);
  EXPECT_EQ(manifest.n_files, 4);
  EXPECT_EQ(manifest.bytes, 123456789012);
  EXPECT_EQ(manifest.index_crc32, 0x0000a0ffU);
  EXPECT_EQ(manifest.n_update, 998);
  EXPECT_EQ(manifest.loss_scale.scale, 1024);
  EXPECT_EQ(manifest.loss_scale.good_steps, 17);
  EXPECT_EQ(manifest.decay, (DecayPlan{900, 300}));
  EXPECT_EQ(manifest.data_crc32, 0xfedcba98U);
  EXPECT_EQ(manifest.arithmetic, "CPU, 1 thread; ddp 2");
  EXPECT_EQ(manifest.algorithms, example().algorithms);
}

TEST(Manifest, of_a_run_that_chose_no_algorithms_has_none) {
  const test::TempDir folder;
  CheckpointManifest manifest = example();
  manifest.algorithms.clear();
  write_manifest(folder.path(), manifest);
  EXPECT_THAT(read_text_file(folder / kManifestName),
              testing::Not(testing::HasSubstr("algorithms")));
  EXPECT_EQ(read_manifest(folder.path()).algorithms, "");
}

TEST(Manifest, with_another_digit_is_damaged) {
  const test::TempDir folder;
  write_manifest(folder.path(), example());
  std::string text = read_text_file(folder / kManifestName);
  text.replace(text.find("1000"), 4, "1001");
  write_text_file(folder / kManifestName, text);
  EXPECT_THAT(test::message_of<FileError>([&] { read_manifest(folder.path()); }),
              testing::HasSubstr("checksum does not hold"));
}

TEST(Manifest, that_is_missing_is_a_file_error) {
  const test::TempDir folder;
  EXPECT_THROW(read_manifest(folder.path()), FileError);
}

}  // namespace
}  // namespace isoflop
