// SPDX-License-Identifier: MIT
#pragma once

#include <mpi.h>

#include <string>

namespace isoflop {

/// Throws CommunicationError unless `code` is MPI_SUCCESS. `who` is "rank 3 on node07", `operation`
/// what was tried ("MPI_Allreduce of 4096 f32").
void check_mpi(int code, const std::string& who, const std::string& operation);

/// Ends every rank of the job with `exit_code`. Goes through MPI_Abort; a process that is still
/// there 20 s later exits by itself, so that a hung network cannot keep the allocation.
[[noreturn]] void abort_mpi_job(int exit_code) noexcept;

/// A communicator of our own, with errors returned instead of fatal, freed on destruction. Freeing
/// needs all its ranks, so it is left out when an exception is on its way (the job is aborted then)
/// or MPI is finalised.
class MpiCommunicator {
 public:
  /// Collective over `parent`: the ranks that pass the same `color`, in order of `key`.
  static MpiCommunicator split(MPI_Comm parent, int color, int key, const std::string& who);

  MpiCommunicator(const MpiCommunicator&) = delete;
  MpiCommunicator& operator=(const MpiCommunicator&) = delete;
  MpiCommunicator(MpiCommunicator&& other) noexcept;
  MpiCommunicator& operator=(MpiCommunicator&& other) noexcept;
  ~MpiCommunicator();

  MPI_Comm handle() const { return handle_; }
  int rank() const { return rank_; }
  int size() const { return size_; }

 private:
  explicit MpiCommunicator(MPI_Comm handle);

  MPI_Comm handle_ = MPI_COMM_NULL;
  int rank_ = 0;
  int size_ = 1;
};

}  // namespace isoflop
