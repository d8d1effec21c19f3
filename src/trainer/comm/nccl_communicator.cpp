// SPDX-License-Identifier: MIT
#include "trainer/comm/nccl_communicator.hpp"

#include "trainer/comm/communication_error.hpp"

#include <fmt/format.h>

#include <exception>
#include <utility>

namespace isoflop {

void check_nccl(ncclResult_t result, ncclComm_t communicator, const std::string& who,
                const std::string& operation) {
  if (result == ncclSuccess) return;
  const std::string details = ncclGetLastError(communicator);
  throw CommunicationError(
      fmt::format("{}: {} failed: {}{}{}; NCCL_DEBUG=INFO in the job's environment shows more", who,
                  operation, ncclGetErrorString(result), details.empty() ? "" : "; ", details));
}

NcclCommunicator NcclCommunicator::initialise(const ncclUniqueId& id, int rank, int n_rank,
                                              std::string who) {
  ncclComm_t handle = nullptr;
  check_nccl(ncclCommInitRank(&handle, n_rank, id, rank), nullptr, who,
             fmt::format("ncclCommInitRank of {} ranks", n_rank));
  return {handle, std::move(who)};
}

NcclCommunicator NcclCommunicator::split(int color, int key) const {
  ncclComm_t handle = nullptr;
  check_nccl(ncclCommSplit(handle_, color, key, &handle, nullptr), handle_, who_, "ncclCommSplit");
  return {handle, who_};
}

NcclCommunicator::NcclCommunicator(ncclComm_t handle, std::string who)
    : handle_(handle), who_(std::move(who)) {
  check_nccl(ncclCommUserRank(handle_, &rank_), handle_, who_, "ncclCommUserRank");
  check_nccl(ncclCommCount(handle_, &size_), handle_, who_, "ncclCommCount");
}

NcclCommunicator::NcclCommunicator(NcclCommunicator&& other) noexcept
    : handle_(std::exchange(other.handle_, nullptr)),
      who_(std::move(other.who_)),
      rank_(other.rank_),
      size_(other.size_) {}

NcclCommunicator& NcclCommunicator::operator=(NcclCommunicator&& other) noexcept {
  std::swap(handle_, other.handle_);
  std::swap(who_, other.who_);
  std::swap(rank_, other.rank_);
  std::swap(size_, other.size_);
  return *this;
}

NcclCommunicator::~NcclCommunicator() {
  if (handle_ == nullptr) return;
  if (std::uncaught_exceptions() > 0)
    ncclCommAbort(handle_);
  else
    ncclCommDestroy(handle_);
}

void NcclCommunicator::poll() const {
  ncclResult_t state = ncclSuccess;
  check_nccl(ncclCommGetAsyncError(handle_, &state), handle_, who_, "ncclCommGetAsyncError");
  check_nccl(state, handle_, who_, "a collective under way");
}

void NcclCommunicator::abort() noexcept { ncclCommAbort(std::exchange(handle_, nullptr)); }

}  // namespace isoflop
