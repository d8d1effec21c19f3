// SPDX-License-Identifier: MIT
#include "trainer/out_of_memory.hpp"

#include "core/base/error.hpp"
#include "support/error_matchers.hpp"
#include "support/published_shapes.hpp"
#include "trainer/backend/device_memory_error.hpp"
#include "trainer/memory_report.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <new>

namespace isoflop {
namespace {

using testing::HasSubstr;

constexpr int64_t kGib = int64_t{1} << 30;

/// A model of 0.2 B parameters, 64 sequences a step.
class OutOfMemory : public testing::Test {
 protected:
  OutOfMemory() {
    config_.model = test::llama({12, 1024, 16, 16, 2816, 32000, 2048});
    config_.data.seq_len = 2048;
    config_.layout.micro_batch_size = 8;
    config_.layout.global_batch_size = 64;
  }
  int64_t bytes_of(const LayoutConfig& layout, int64_t world_size) const {
    return predicted_memory(config_, resolve_layout(layout, world_size), backend_).total();
  }
  std::vector<std::string> changes(int64_t world_size, int64_t capacity) const {
    std::vector<std::string> changes;
    for (const MemoryRemedy& remedy : memory_remedies(config_, world_size, backend_, capacity)) {
      changes.push_back(remedy.change);
      EXPECT_EQ(remedy.bytes, bytes_of(remedy.layout, world_size));
      EXPECT_LE(remedy.bytes, capacity);
      EXPECT_EQ(remedy.layout.global_batch_size, 64);
    }
    return changes;
  }
  std::string message_of(const std::function<void()>& work) const {
    const RankInfo info{.rank = 3, .world_size = 4, .host = "node07"};
    return test::message_of<OutOfMemoryError>(
        [&] { explain_out_of_memory(config_, backend_, info, work); });
  }
  TrainConfig config_;
  const Backend backend_ = make_cpu_backend({});
};

// One byte too much: each remedy is enough, in the order of what it costs.
TEST_F(OutOfMemory, remedies_come_in_order) {
  const int64_t now = bytes_of(config_.layout, 4);
  EXPECT_THAT(changes(4, now - 1),
              testing::ElementsAre("layout.micro_batch_size 4 (accumulation 4 keeps the batch)",
                                   "layout.recompute selective", "layout.recompute full",
                                   "layout.strategy zero1", "layout.strategy fsdp"));
}

TEST_F(OutOfMemory, one_rank_has_nothing_to_shard) {
  EXPECT_THAT(changes(1, bytes_of(config_.layout, 1) - 1),
              testing::ElementsAre("layout.micro_batch_size 4 (accumulation 16 keeps the batch)",
                                   "layout.recompute selective", "layout.recompute full"));
}

TEST_F(OutOfMemory, the_largest_micro_batch_that_fits_is_named) {
  LayoutConfig two = config_.layout;
  two.micro_batch_size = 2;
  EXPECT_THAT(changes(4, bytes_of(two, 4)).front(), HasSubstr("layout.micro_batch_size 2 "));
}

// Below what micro batches of one leave and what fsdp alone leaves, two changes are needed.
TEST_F(OutOfMemory, remedies_are_joined_when_none_is_enough) {
  LayoutConfig joined = config_.layout;
  joined.micro_batch_size = 1;
  joined.recompute = Recompute::full;
  const int64_t capacity = bytes_of(joined, 4);
  EXPECT_THAT(
      changes(4, capacity),
      testing::ElementsAre("layout.micro_batch_size 1 (accumulation 16 keeps the batch) and "
                           "layout.recompute full"));
}

TEST_F(OutOfMemory, nothing_is_promised_that_does_not_fit) {
  EXPECT_TRUE(changes(4, 100 << 20).empty());
}

TEST_F(OutOfMemory, the_message_names_rank_host_category_bytes_and_remedies) {
  const std::string message = message_of([] {
    throw DeviceMemoryError({.category = MemoryCategory::activations,
                             .asked = 6 * kGib,
                             .free = 2 * kGib,
                             .in_use = 5 * kGib,
                             .of = "of 8.00 GiB on the GPU"});
  });
  EXPECT_THAT(message, testing::StartsWith(
                           "rank 3 on node07: out of memory: 6.00 GiB for activations with 2.00 "
                           "GiB free of 8.00 GiB on the GPU, 5.00 GiB in use by this rank; the run "
                           "takes "));
  EXPECT_THAT(message, HasSubstr("; set layout.micro_batch_size "));
}

TEST_F(OutOfMemory, what_a_library_cannot_get_is_explained_too) {
  const std::string message = message_of([] { throw std::bad_alloc(); });
  EXPECT_THAT(message, testing::StartsWith("rank 3 on node07: out of memory: the system"));
  EXPECT_THAT(message, HasSubstr("layout.recompute full"));
  const std::string on_gpu =
      message_of([] { throw LibraryMemoryError("cudaGraphLaunch failed: out of memory"); });
  EXPECT_THAT(on_gpu,
              testing::StartsWith(
                  "rank 3 on node07: cudaGraphLaunch failed: out of memory; the run takes "));
  EXPECT_THAT(on_gpu, HasSubstr("layout.recompute full"));
}

TEST_F(OutOfMemory, other_failures_pass) {
  EXPECT_THROW(explain_out_of_memory(config_, backend_, {}, [] { throw FileError("disk"); }),
               FileError);
  int runs = 0;
  explain_out_of_memory(config_, backend_, {}, [&] { ++runs; });
  EXPECT_EQ(runs, 1);
}

}  // namespace
}  // namespace isoflop
