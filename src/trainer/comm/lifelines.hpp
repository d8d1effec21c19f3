// SPDX-License-Identifier: MIT
#pragma once

#include "trainer/comm/process_grid.hpp"
#include "trainer/comm/socket.hpp"

#include <string>
#include <vector>

namespace isoflop {

/// Ends a job of processes that no launcher watches over. Between rank 0 and every other rank there
/// is a connection on which nothing is said while all is well; the kernel signals (SIGIO) when one
/// speaks or is cut, so that a rank hears of it at once wherever it is: in a kernel, in a wait for
/// a GPU, in a collective. No thread, nothing in the step.
///
/// One byte is said: 0, farewell, or the exit code with which the job ends; rank 0 passes it on to
/// all. Where a connection is cut without a farewell, rank 0 prints which rank is lost and ends the
/// job with exit code 3 (if rank 0 itself is lost: the first other rank of each node prints it).
class Lifelines {
 public:
  /// `connections` as in Membership. One instance per process
  /// at a time.
  Lifelines(const RankInfo& info, const std::vector<RankInfo>& ranks,
            std::vector<Socket> connections);
  /// Says farewell, unless an exception is on its way: then the others hear that this rank is lost.
  ~Lifelines();
  Lifelines(const Lifelines&) = delete;
  Lifelines& operator=(const Lifelines&) = delete;

  /// Ends every rank with `exit_code`, this one too.
  [[noreturn]] void abort(int exit_code) const noexcept;

  /// To be called when another connection failed: the rank behind it has probably ended, and the
  /// reason is on its way. Throws CommunicationError(message) if no reason comes in 20 s.
  [[noreturn]] void await_verdict(const std::string& message) const;
};

}  // namespace isoflop
