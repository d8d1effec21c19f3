// SPDX-License-Identifier: MIT
// Memory of NCCL's and its registration: what is right, and that each misuse is found.
#include "emulation/test_gpu.hpp"

#include <nccl.h>

namespace isoflop::emulation {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr std::size_t kBytes = 64 * sizeof(float);

enum class Kind { local, window };

/// A rank's buffer of NCCL's memory, known to a communicator.
class KnownBuffer {
 public:
  KnownBuffer(ncclComm_t comm, Kind kind, std::size_t bytes = kBytes) : comm_(comm), kind_(kind) {
    EXPECT_EQ(ncclMemAlloc(&memory_, bytes), ncclSuccess);
    if (kind == Kind::window)
      result = ncclCommWindowRegister(comm, memory_, bytes, &window_, NCCL_WIN_COLL_SYMMETRIC);
    else
      result = ncclCommRegister(comm, memory_, bytes, &handle_);
  }
  float* data() const { return static_cast<float*>(memory_); }
  ncclResult_t deregister() const {
    return kind_ == Kind::window ? ncclCommWindowDeregister(comm_, window_)
                                 : ncclCommDeregister(comm_, handle_);
  }
  ncclResult_t free() const { return ncclMemFree(memory_); }
  void release(TestGpu& gpu) const {
    cudaStreamSynchronize(gpu.stream());
    EXPECT_EQ(deregister(), ncclSuccess);
    EXPECT_EQ(free(), ncclSuccess);
  }

  ncclResult_t result = ncclSuccess;

 private:
  ncclComm_t comm_;
  Kind kind_;
  void* memory_ = nullptr;
  void* handle_ = nullptr;
  ncclWindow_t window_ = nullptr;
};

std::string run_with_world(int n_rank, const std::function<void(TestGpu&, ncclComm_t, int)>& body,
                           Options options = {}) {
  ncclUniqueId id{};
  options.n_rank = n_rank;
  return run_and_find(options, [&](TestGpu& gpu, int rank) {
    if (rank == 0) ncclGetUniqueId(&id);
    block_until([&] { return id.internal[0] != 0; }, "waiting for the id");
    ncclComm_t comm = nullptr;
    ncclCommInitRank(&comm, n_rank, id, rank);
    body(gpu, comm, rank);
    cudaStreamSynchronize(gpu.stream());
    ncclCommDestroy(comm);
  });
}

class NcclRegistered : public testing::TestWithParam<Kind> {};
INSTANTIATE_TEST_SUITE_P(Kinds, NcclRegistered, testing::Values(Kind::local, Kind::window),
                         [](const auto& test) {
                           return test.param == Kind::local ? "local" : "window";
                         });

TEST_P(NcclRegistered, collectives_in_place_work_on_registered_memory) {
  EXPECT_THAT(run_with_world(2,
                             [&](TestGpu& gpu, ncclComm_t comm, int rank) {
                               const KnownBuffer buffer(comm, GetParam());
                               gpu.write<float>(buffer.data(), {1.0f + rank, 1.0f + rank});
                               ncclAllGather(buffer.data() + rank, buffer.data(), 1, ncclFloat32,
                                             comm, gpu.stream());
                               EXPECT_THAT(gpu.download(buffer.data(), 2), ElementsAre(1, 2));
                               ncclReduceScatter(buffer.data(), buffer.data() + rank, 1,
                                                 ncclFloat32, ncclSum, comm, gpu.stream());
                               EXPECT_THAT(gpu.download(buffer.data() + rank, 1),
                                           ElementsAre(rank == 0 ? 2 : 4));
                               buffer.release(gpu);
                             }),
              IsEmpty());
}

TEST_P(NcclRegistered, memory_of_another_allocator_is_found) {
  EXPECT_THAT(run_with_world(1,
                             [&](TestGpu& gpu, ncclComm_t comm, int) {
                               float* const memory = gpu.allocate<float>(64);
                               void* handle = nullptr;
                               ncclWindow_t window = nullptr;
                               EXPECT_EQ(GetParam() == Kind::local
                                             ? ncclCommRegister(comm, memory, kBytes, &handle)
                                             : ncclCommWindowRegister(comm, memory, kBytes, &window,
                                                                      NCCL_WIN_DEFAULT),
                                         ncclInvalidArgument);
                             }),
              HasSubstr("is not memory of ncclMemAlloc of this GPU"));
}

TEST_P(NcclRegistered, memory_freed_before_deregistration_is_found) {
  EXPECT_THAT(run_with_world(1,
                             [&](TestGpu& gpu, ncclComm_t comm, int) {
                               const KnownBuffer buffer(comm, GetParam());
                               EXPECT_EQ(buffer.free(), ncclInvalidArgument);
                               buffer.release(gpu);
                             }),
              HasSubstr("is still registered"));
}

TEST_P(NcclRegistered, a_communicator_destroyed_with_registrations_is_found) {
  EXPECT_THAT(run_with_world(1,
                             [&](TestGpu&, ncclComm_t comm, int) {
                               const KnownBuffer buffer(comm, GetParam());
                               ncclUniqueId id{};
                               ncclGetUniqueId(&id);
                               ncclComm_t other = nullptr;
                               ncclCommInitRank(&other, 1, id, 0);
                               const KnownBuffer second(other, GetParam());
                               ncclCommDestroy(other);
                               EXPECT_EQ(second.free(), ncclSuccess);
                               EXPECT_EQ(buffer.deregister(), ncclSuccess);
                               EXPECT_EQ(buffer.free(), ncclSuccess);
                             }),
              HasSubstr("1 buffers are still registered"));
}

TEST_P(NcclRegistered, deregistration_under_work_is_found_and_so_is_a_second_one) {
  const std::string findings = run_with_world(
      1,
      [&](TestGpu& gpu, ncclComm_t comm, int) {
        const KnownBuffer buffer(comm, GetParam());
        gpu.write<float>(buffer.data(), {1.0f});
        ncclAllReduce(buffer.data(), buffer.data(), 1, ncclFloat32, ncclSum, comm, gpu.stream());
        EXPECT_EQ(buffer.deregister(), ncclInvalidUsage);
        buffer.release(gpu);
        EXPECT_EQ(buffer.deregister(), ncclInvalidUsage);
      },
      {.eagerness = Eagerness::lazy});
  EXPECT_THAT(findings, HasSubstr("work that uses"));
  EXPECT_THAT(findings, HasSubstr("is of no buffer that communicator"));
}

TEST_P(NcclRegistered, memory_freed_under_work_or_by_another_allocator_is_found) {
  const std::string findings =
      run_with_world(1,
                     [&](TestGpu& gpu, ncclComm_t comm, int) {
                       const KnownBuffer buffer(comm, GetParam());
                       EXPECT_EQ(buffer.deregister(), ncclSuccess);
                       cudaMemsetAsync(buffer.data(), 0, kBytes, gpu.stream());
                       EXPECT_EQ(buffer.free(), ncclInvalidArgument);
                       EXPECT_NE(cudaFreeAsync(buffer.data(), gpu.stream()), cudaSuccess);
                       EXPECT_EQ(ncclMemFree(gpu.allocate<float>(1)), ncclInvalidArgument);
                       cudaStreamSynchronize(gpu.stream());
                       EXPECT_EQ(buffer.free(), ncclSuccess);
                       EXPECT_EQ(buffer.free(), ncclInvalidArgument);
                     },
                     {.eagerness = Eagerness::lazy});
  EXPECT_THAT(findings, HasSubstr("is freed before the host has waited for"));
  EXPECT_THAT(findings, HasSubstr("is of ncclMemAlloc"));
  EXPECT_THAT(findings, HasSubstr("is not the start of memory of ncclMemAlloc"));
  EXPECT_THAT(findings, HasSubstr("was freed before"));
}

TEST_P(NcclRegistered, registered_and_other_memory_in_one_collective_is_found) {
  EXPECT_THAT(run_with_world(2,
                             [&](TestGpu& gpu, ncclComm_t comm, int rank) {
                               const KnownBuffer buffer(comm, GetParam());
                               float* const other = gpu.upload<float>({1.0f});
                               gpu.write<float>(buffer.data(), {1.0f});
                               float* const data = rank == 0 ? buffer.data() : other;
                               ncclAllReduce(data, data, 1, ncclFloat32, ncclSum, comm,
                                             gpu.stream());
                               buffer.release(gpu);
                             }),
              AllOf(HasSubstr("send buffer registered, receive buffer registered"),
                    HasSubstr("send buffer not registered, receive buffer not registered")));
}

TEST_P(NcclRegistered, a_message_from_registered_to_other_memory_is_found) {
  EXPECT_THAT(run_with_world(2,
                             [&](TestGpu& gpu, ncclComm_t comm, int rank) {
                               const KnownBuffer buffer(comm, GetParam());
                               float* const other = gpu.upload<float>({1.0f});
                               gpu.write<float>(buffer.data(), {1.0f});
                               if (rank == 0)
                                 ncclSend(buffer.data(), 1, ncclFloat32, 1, comm, gpu.stream());
                               else
                                 ncclRecv(other, 1, ncclFloat32, 0, comm, gpu.stream());
                               buffer.release(gpu);
                             }),
              HasSubstr("memory, rank"));
}

TEST_P(NcclRegistered, a_rank_may_be_refused) {
  set_faults({.refuse_nccl_registration_of = 1});
  EXPECT_THAT(run_with_world(2,
                             [&](TestGpu&, ncclComm_t comm, int rank) {
                               const KnownBuffer buffer(comm, GetParam());
                               // a window takes all ranks
                               const bool fails = rank == 1 || GetParam() == Kind::window;
                               EXPECT_EQ(buffer.result == ncclSuccess, !fails);
                               EXPECT_EQ(fails || buffer.deregister() == ncclSuccess, true);
                               EXPECT_EQ(buffer.free(), ncclSuccess);
                             }),
              IsEmpty());
}

TEST(NcclMemory, is_taken_in_granules_and_may_be_refused) {
  set_faults({.refuse_nccl_memory_of = 1});
  EXPECT_THAT(run_and_find(2,
                           [](TestGpu&, int rank) {
                             std::size_t before = 0, after = 0, total = 0;
                             cudaMemGetInfo(&before, &total);
                             void* memory = nullptr;
                             const ncclResult_t result = ncclMemAlloc(&memory, 3 << 20);
                             cudaMemGetInfo(&after, &total);
                             EXPECT_EQ(result == ncclSuccess, rank == 0);
                             EXPECT_EQ(before - after, rank == 0 ? 4U << 20 : 0U);
                             if (memory) ncclMemFree(memory);
                           }),
              IsEmpty());
}

TEST(NcclMemory, more_than_there_is_is_refused_and_what_is_not_freed_is_found) {
  EXPECT_THAT(run_and_find(1,
                           [](TestGpu&, int) {
                             void* memory = nullptr;
                             EXPECT_NE(ncclMemAlloc(&memory, std::size_t{1} << 40), ncclSuccess);
                             EXPECT_EQ(ncclMemAlloc(&memory, 12), ncclSuccess);
                           }),
              HasSubstr("(12 bytes) was not freed"));
}

TEST(NcclRegistration, more_than_the_memory_and_a_handle_of_the_other_kind_are_found) {
  const std::string findings = run_with_world(1, [](TestGpu& gpu, ncclComm_t comm, int) {
    const KnownBuffer buffer(comm, Kind::local);
    void* handle = nullptr;
    EXPECT_EQ(ncclCommRegister(comm, buffer.data(), kBytes + 1, &handle), ncclInvalidArgument);
    const KnownBuffer window(comm, Kind::window);
    ncclWindow_t other = nullptr;
    EXPECT_EQ(ncclCommWindowRegister(comm, window.data() + 1, 4, &other, NCCL_WIN_DEFAULT),
              ncclInvalidArgument);
    EXPECT_EQ(ncclCommRegister(comm, window.data(), 4, &handle), ncclSuccess);
    EXPECT_EQ(ncclCommWindowDeregister(comm, static_cast<ncclWindow_t>(handle)), ncclInvalidUsage);
    EXPECT_EQ(ncclCommDeregister(comm, handle), ncclSuccess);
    buffer.release(gpu);
    window.release(gpu);
  });
  EXPECT_THAT(findings, HasSubstr("257 bytes from allocation"));
  EXPECT_THAT(findings, HasSubstr("is not aligned to 4096 bytes"));
  EXPECT_THAT(findings, HasSubstr("the handle is of ncclCommRegister"));
}

TEST(NcclWindow, ranks_that_register_in_another_order_are_found) {
  EXPECT_THAT(run_with_world(
                  2,
                  [](TestGpu&, ncclComm_t comm, int rank) {
                    const KnownBuffer first(comm, Kind::window, rank == 0 ? kBytes : 2 * kBytes);
                    const KnownBuffer second(comm, Kind::window, rank == 0 ? 2 * kBytes : kBytes);
                    EXPECT_NE(first.result, ncclSuccess);
                    first.free();
                    second.free();
                  }),
              HasSubstr("registers"));
}

TEST(NcclWindow, a_rank_that_does_not_register_lets_the_others_wait) {
  EXPECT_THAT(run_with_world(2,
                             [](TestGpu&, ncclComm_t comm, int rank) {
                               if (rank == 0) KnownBuffer(comm, Kind::window).free();
                             }),
              HasSubstr("rank 0 in ncclCommWindowRegister"));
}

TEST(NcclWindow, another_place_in_the_window_is_found) {
  EXPECT_THAT(run_with_world(2,
                             [](TestGpu& gpu, ncclComm_t comm, int rank) {
                               const KnownBuffer buffer(comm, Kind::window);
                               gpu.write<float>(buffer.data(), {1.0f, 2.0f});
                               float* const data = buffer.data() + rank;
                               ncclAllReduce(data, data, 1, ncclFloat32, ncclSum, comm,
                                             gpu.stream());
                               buffer.release(gpu);
                             }),
              HasSubstr("of its window, rank"));
}

}  // namespace
}  // namespace isoflop::emulation
