// SPDX-License-Identifier: MIT
#include "trainer/checkpoint/run_lock.hpp"

#include "core/base/error.hpp"
#include "support/error_matchers.hpp"
#include "support/temp_dir.hpp"

#include <optional>

namespace isoflop {
namespace {

TEST(RunLock, keeps_a_second_one_out_and_says_who_holds_it) {
  const test::TempDir folder;
  std::optional<RunLock> first(std::in_place, folder / "runs/a.lock", "process 7 on node 3");
  EXPECT_THAT(test::message_of<FileError>([&] { RunLock(folder / "runs/a.lock", "me"); }),
              testing::HasSubstr("a.lock: process 7 on node 3 is training this run"));
  const RunLock other(folder / "runs/b.lock", "me");
  first.reset();
  const RunLock next(folder / "runs/a.lock", "me");
}

}  // namespace
}  // namespace isoflop
