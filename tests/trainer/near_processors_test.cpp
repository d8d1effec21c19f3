// SPDX-License-Identifier: MIT
#include "trainer/near_processors.hpp"

#include "core/base/text_file.hpp"
#include "support/temp_dir.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sched.h>
#include <thread>

namespace isoflop {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::set<int> allowed() {
  cpu_set_t set;
  CPU_ZERO(&set);
  sched_getaffinity(0, sizeof set, &set);
  std::set<int> processors;
  for (int i = 0; i < CPU_SETSIZE; ++i)
    if (CPU_ISSET(i, &set)) processors.insert(i);
  return processors;
}

TEST(NearProcessors, are_those_of_the_devices_list) {
  const test::TempDir sysfs;
  const auto list = sysfs / "bus/pci/devices/0000:1b:00.0/local_cpulist";
  write_text_file(list, "0-2,8,10-11\n");
  EXPECT_THAT(near_processors("0000:1B:00.0", sysfs.path()), ElementsAre(0, 1, 2, 8, 10, 11));
  EXPECT_THAT(near_processors("0000:1C:00.0", sysfs.path()), IsEmpty());
  write_text_file(list, "\n");
  EXPECT_THAT(near_processors("0000:1B:00.0", sysfs.path()), IsEmpty());
}

/// Each on a thread of its own, which keeps its processors to itself.
template <typename Body>
void on_thread(const Body& body) {
  std::thread(body).join();
}

TEST(Binding, keeps_to_those_near_that_the_process_may_use) {
  on_thread([] {
    const int first = *allowed().begin();
    EXPECT_EQ(bind_to({first, CPU_SETSIZE + 1}), Binding::near);
    EXPECT_THAT(allowed(), ElementsAre(first));
  });
}

TEST(Binding, changes_nothing_where_none_is_near_or_nobody_knows) {
  on_thread([] {
    const std::set<int> before = allowed();
    EXPECT_EQ(bind_to({CPU_SETSIZE - 1}), Binding::none_near);
    EXPECT_EQ(bind_to({}), Binding::unknown);
    EXPECT_EQ(allowed(), before);
  });
}

}  // namespace
}  // namespace isoflop
