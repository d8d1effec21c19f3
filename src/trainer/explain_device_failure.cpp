// SPDX-License-Identifier: MIT
#include "trainer/explain_device_failure.hpp"

#include "trainer/backend/device_failure.hpp"

#include <fmt/format.h>

namespace isoflop {

int explain_device_failure(const RankInfo& info, const std::function<int()>& work) {
  try {
    return work();
  } catch (const DeviceFailure& failure) {
    throw DeviceFailure(
        fmt::format("rank {} on {} ({}): {}; start the run again without that node "
                    "(--exclude={}); after an ECC error or an Xid in its kernel log the GPU is its "
                    "operator's to reset",
                    info.rank, info.host, failure.device, failure.what(), info.host),
        failure.device);
  } catch (const PinnedMemoryError& error) {
    throw PinnedMemoryError(
        fmt::format("rank {} on {}: {}; ask Slurm for more memory on the node (sbatch --mem; "
                    "--mem=0 is all of it) or leave the node out (--exclude={})",
                    info.rank, info.host, error.what(), info.host));
  }
}

}  // namespace isoflop
