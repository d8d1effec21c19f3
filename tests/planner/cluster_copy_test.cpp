// SPDX-License-Identifier: MIT
#include "planner/cluster_copy.hpp"

#include "core/base/text_file.hpp"
#include "planner/planner_fixtures.hpp"
#include "support/temp_dir.hpp"

#include <gmock/gmock.h>

namespace isoflop {
namespace {

using testing::HasSubstr;

TEST(ClusterCopy, without_a_device_file_is_the_same_text) {
  const test::TempDir dir;
  write_text_file(dir / "a.yaml", "# mine\nname: a\n");
  EXPECT_EQ(copy_cluster_file(dir / "a.yaml", dir.path() / "x/cluster.yaml"),
            dir.path() / "x/cluster.yaml");
  EXPECT_EQ(read_text_file(dir.path() / "x/cluster.yaml"), "# mine\nname: a\n");
}

TEST(ClusterCopy, takes_the_devices_along) {
  const test::TempDir dir;
  write_text_file(dir / "measured.yaml", "devices: {}\n");
  write_text_file(dir.path() / "c/a.yaml", "# device_file\ndevice_file: ../measured.yaml  # x\n");
  copy_cluster_file(dir.path() / "c/a.yaml", dir.path() / "x/cluster.yaml");
  EXPECT_EQ(read_text_file(dir.path() / "x/cluster.yaml"),
            "# device_file\ndevice_file: devices.yaml  # x\n");
  EXPECT_EQ(read_text_file(dir.path() / "x/devices.yaml"), "devices: {}\n");
}

TEST(ClusterCopy, knows_where_devices_will_be_measured) {
  const test::TempDir dir;
  write_text_file(dir.path() / "c/a.yaml", "device_file: ../later.yaml\n");
  copy_cluster_file(dir.path() / "c/a.yaml", dir.path() / "x/cluster.yaml");
  EXPECT_EQ(read_text_file(dir.path() / "x/cluster.yaml"),
            "device_file: " + (dir / "later.yaml").string() + "\n");
}

TEST(ClusterCopy, json_stays_json_and_a_copy_is_not_copied) {
  const test::TempDir dir;
  write_text_file(dir / "a.jsonc", "{\"name\": \"a\"} // mine\n");
  const std::filesystem::path copy =
      copy_cluster_file(dir / "a.jsonc", dir.path() / "x/cluster.yaml");
  EXPECT_EQ(copy, dir.path() / "x/cluster.jsonc");
  EXPECT_EQ(copy_cluster_file(copy, dir.path() / "x/cluster.yaml"), copy);
}

}  // namespace
}  // namespace isoflop
