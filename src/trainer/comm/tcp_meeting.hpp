// SPDX-License-Identifier: MIT
#pragma once

#include "trainer/comm/job_place.hpp"

#include <string>
#include <vector>

namespace isoflop {

/// Where rank 0 listens: the first of these ports that is free there.
struct TcpMeeting {
  std::string host;
  std::vector<int> ports;
};

/// `place` ("HOST:PORT") if not empty, else MASTER_ADDR and MASTER_PORT. What is not set is taken
/// from Slurm where the rank is: the first node of the step, and port 20000 + (17 job + step) mod
/// 12000 or one of the three after it. Throws FileError when there is neither.
TcpMeeting find_tcp_meeting(const std::string& place, const JobPlace& job,
                            const EnvironmentLookup& environment);

}  // namespace isoflop
