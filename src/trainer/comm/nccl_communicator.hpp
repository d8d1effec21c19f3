// SPDX-License-Identifier: MIT
#pragma once

#include <nccl.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>

namespace isoflop {

/// CTAs, and so multiprocessors, that a collective may take of the GPU: training's products run
/// beside it.
inline constexpr int kMostNcclCtas = 16;

/// What makes an all-gather between symmetric windows. copy_engines: on NVLink, from 2.28 on and
/// with a driver for CUDA 12.5, without CTAs (NCCL_CTA_POLICY_ZERO; NCCL 2.28 user guide, "Zero-CTA
/// Optimization"); elsewhere as ctas.
enum class GatherBy { ctas, copy_engines };

/// Throws CommunicationError with NCCL's last words unless `result` is ncclSuccess, and
/// LibraryMemoryError where they tell of memory, for which NCCL has no code. `who` is "rank 3 on
/// node07", `operation` what was tried ("ncclAllReduce of 4096 f32").
void check_nccl(ncclResult_t result, ncclComm_t communicator, const std::string& who,
                std::string_view operation);

/// Owns an NCCL communicator. Destroying one takes all its ranks, and aborting one may wait for
/// ever (github.com/NVIDIA/nccl/issues/549): when an exception is on its way, and others may not
/// come, it is left to the end of the process, whose message and exit code must not be lost.
class NcclCommunicator {
 public:
  /// Collective over n_rank ranks that hold the same `id`, each with a GPU of its own selected.
  static NcclCommunicator initialise(const ncclUniqueId& id, int rank, int n_rank, std::string who,
                                     GatherBy gather_by);
  /// Collective over the ranks of this communicator: those that pass the same `color`, by `key`.
  NcclCommunicator split(int color, int key, GatherBy gather_by) const;

  ncclComm_t handle() const { return handle_.get(); }
  int rank() const { return rank_; }
  int size() const { return size_; }
  /// Why work under way has failed, if it has; does not wait. From any thread.
  std::optional<std::string> failure() const;

 private:
  NcclCommunicator(ncclComm_t handle, std::string who);

  struct Release {
    void operator()(ncclComm_t communicator) const noexcept;
  };

  std::unique_ptr<std::remove_pointer_t<ncclComm_t>, Release> handle_;
  std::string who_;
  int rank_ = 0;
  int size_ = 1;
};

}  // namespace isoflop
