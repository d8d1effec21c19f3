// SPDX-License-Identifier: MIT
// NCCL's groups: calls between ncclGroupStart and ncclGroupEnd start together.
#include "emulation/nccl_group.hpp"

namespace isoflop::emulation {
namespace {

struct CallGroup {
  int depth = 0;
  std::vector<std::function<void()>> calls;
  std::vector<NcclTransfer> transfers;
};

CallGroup& group_of_rank() {
  static std::map<int, CallGroup> groups;
  return groups[current_rank()];
}

}  // namespace

void start_or_defer(std::function<void()> enqueue_call) {
  CallGroup& group = group_of_rank();
  if (group.depth > 0)
    group.calls.push_back(std::move(enqueue_call));
  else
    enqueue_call();
}

void start_or_defer(const NcclTransfer& transfer) {
  CallGroup& group = group_of_rank();
  if (group.depth > 0)
    group.transfers.push_back(transfer);
  else
    enqueue_transfers({transfer});
}

}  // namespace isoflop::emulation

using namespace isoflop::emulation;

ncclResult_t ncclGroupStart() {
  ++group_of_rank().depth;
  return ncclSuccess;
}

ncclResult_t ncclGroupEnd() {
  CallGroup& group = group_of_rank();
  if (group.depth == 0) return fail_nccl(ncclInvalidUsage, "ncclGroupEnd", "no group was started");
  if (--group.depth > 0) return ncclSuccess;
  for (const std::function<void()>& call : std::exchange(group.calls, {})) call();
  enqueue_transfers(std::exchange(group.transfers, {}));
  return ncclSuccess;
}
