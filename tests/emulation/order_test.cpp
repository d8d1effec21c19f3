// SPDX-License-Identifier: MIT
#include "emulation/emulated_rank.hpp"

namespace isoflop::emulation {
namespace {

using testing::HasSubstr;

class Order : public testing::TestWithParam<Eagerness> {
 protected:
  std::string run(const std::function<void(EmulatedRank&)>& body) const {
    return error_of(body, {.eagerness = GetParam()});
  }
};

TEST_P(Order, read_without_wait_for_the_write_is_found_by_name) {
  EXPECT_THAT(run([](EmulatedRank& rank) {
                float* const memory = rank.allocate(64);
                rank.fill(memory, 1.0F, 64, rank.side);
                rank.use(memory + 32, 32, rank.compute);
              }),
              HasSubstr("rank 0: use (compute, operation 2) reads allocation 1 (256 bytes) + 128, "
                        "which fill (side, operation 1) writes; nothing makes compute wait for "
                        "side operation 1"));
}

TEST_P(Order, write_without_wait_for_the_read_is_found_by_name) {
  EXPECT_THAT(run([](EmulatedRank& rank) {
                float* const memory = rank.allocate(64);
                rank.use(memory, 64, rank.side);
                rank.fill(memory, 1.0F, 64, rank.compute);
              }),
              HasSubstr("fill (compute, operation 2) writes allocation 1 (256 bytes) + 0, which "
                        "use (side, operation 1) reads; nothing makes compute wait for side "
                        "operation 1"));
}

TEST_P(Order, write_without_wait_for_the_write_is_found_by_name) {
  EXPECT_THAT(run([](EmulatedRank& rank) {
                float* const memory = rank.allocate(64);
                rank.fill(memory, 1.0F, 64, rank.side);
                rank.fill(memory, 2.0F, 64, rank.compute);
              }),
              HasSubstr("fill (compute, operation 2) writes allocation 1 (256 bytes) + 0, which "
                        "fill (side, operation 1) writes; nothing makes compute wait for side "
                        "operation 1"));
}

TEST_P(Order, waits_between_streams_make_all_three_right) {
  float result = 0;
  EXPECT_EQ(run([&](EmulatedRank& rank) {
              float* const memory = rank.allocate(64);
              rank.fill(memory, 1.0F, 64, rank.side);
              rank.wait(rank.compute, rank.record(rank.side));
              rank.use(memory, 64, rank.compute);
              rank.wait(rank.side, rank.record(rank.compute));
              rank.fill(memory, 2.0F, 64, rank.side);
              rank.wait(rank.compute, rank.record(rank.side));
              rank.fill(memory, 3.0F, 64, rank.compute);
              float* const pinned = rank.allocate_pinned(64);
              rank.copy(pinned, memory, 64, rank.compute);
              cudaEventSynchronize(rank.record(rank.compute));
              result = pinned[63];
            }),
            "");
  EXPECT_EQ(result, 3.0F);
}

INSTANTIATE_TEST_SUITE_P(AllModes, Order,
                         testing::Values(Eagerness::lazy, Eagerness::eager, Eagerness::random));

}  // namespace
}  // namespace isoflop::emulation
