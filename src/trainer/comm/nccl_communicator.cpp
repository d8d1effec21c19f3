// SPDX-License-Identifier: MIT
#include "trainer/comm/nccl_communicator.hpp"

#include "trainer/backend/device_memory_error.hpp"
#include "trainer/comm/communication_error.hpp"

#include <fmt/format.h>

#include <exception>
#include <utility>

namespace isoflop {

namespace {

std::string describe_failure(ncclResult_t result, ncclComm_t communicator, const std::string& who,
                             std::string_view operation) {
  const std::string details = ncclGetLastError(communicator);
  return fmt::format("{}: {} failed: {}{}{}; NCCL_DEBUG=INFO in the job's environment shows more",
                     who, operation, ncclGetErrorString(result), details.empty() ? "" : "; ",
                     details);
}

#if NCCL_VERSION_CODE >= NCCL_VERSION(2, 28, 0)
void gather_without_ctas(ncclConfig_t& config) { config.CTAPolicy = NCCL_CTA_POLICY_ZERO; }
#else
void gather_without_ctas(ncclConfig_t&) {}
#endif

ncclConfig_t config(GatherBy gather_by) {
  ncclConfig_t config = NCCL_CONFIG_INITIALIZER;
  config.maxCTAs = kMostNcclCtas;
  if (gather_by == GatherBy::copy_engines) gather_without_ctas(config);
  return config;
}

}  // namespace

void check_nccl(ncclResult_t result, ncclComm_t communicator, const std::string& who,
                std::string_view operation) {
  if (result == ncclSuccess) return;
  const std::string failure = describe_failure(result, communicator, who, operation);
  if (failure.find("out of memory") != std::string::npos) throw LibraryMemoryError(failure);
  throw CommunicationError(failure);
}

NcclCommunicator NcclCommunicator::initialise(const ncclUniqueId& id, int rank, int n_rank,
                                              std::string who, GatherBy gather_by) {
  ncclComm_t handle = nullptr;
  ncclConfig_t capped = config(gather_by);
  check_nccl(ncclCommInitRankConfig(&handle, n_rank, id, rank, &capped), nullptr, who,
             fmt::format("ncclCommInitRank of {} ranks", n_rank));
  return {handle, std::move(who)};
}

NcclCommunicator NcclCommunicator::split(int color, int key, GatherBy gather_by) const {
  ncclComm_t handle = nullptr;
  ncclConfig_t capped = config(gather_by);
  check_nccl(ncclCommSplit(handle_.get(), color, key, &handle, &capped), handle_.get(), who_,
             "ncclCommSplit");
  return {handle, who_};
}

NcclCommunicator::NcclCommunicator(ncclComm_t handle, std::string who)
    : handle_(handle), who_(std::move(who)) {
  check_nccl(ncclCommUserRank(handle, &rank_), handle, who_, "ncclCommUserRank");
  check_nccl(ncclCommCount(handle, &size_), handle, who_, "ncclCommCount");
}

void NcclCommunicator::Release::operator()(ncclComm_t communicator) const noexcept {
  if (std::uncaught_exceptions() == 0) ncclCommDestroy(communicator);
}

/// The thread that trains may be within a call of this communicator, which is in progress then.
std::optional<std::string> NcclCommunicator::failure() const {
  ncclResult_t state = ncclSuccess;
  const ncclResult_t asked = ncclCommGetAsyncError(handle_.get(), &state);
  if (asked != ncclSuccess)
    return describe_failure(asked, handle_.get(), who_, "ncclCommGetAsyncError");
  if (state == ncclSuccess || state == ncclInProgress) return std::nullopt;
  return describe_failure(state, handle_.get(), who_, "a collective under way");
}

}  // namespace isoflop
