// SPDX-License-Identifier: MIT
#pragma once

#include "trainer/comm/socket.hpp"

#include <chrono>
#include <functional>
#include <string>
#include <vector>

namespace isoflop {

/// How long ranks wait for each other at the start: nodes of one job may be minutes apart.
inline constexpr std::chrono::milliseconds kRendezvousLimit = std::chrono::minutes(5);

/// One process that wants to be a rank.
struct Applicant {
  int rank = 0;
  int world_size = 1;
  std::string host;
};

/// A rank as the others know it.
struct Member {
  std::string host;
  Endpoint endpoint;  ///< where it listens for the other ranks
};

/// What a rank holds once all have met: a star around rank 0 (its vectors are indexed by rank, with
/// nothing at 0; those of the others hold one socket, to rank 0), and the address of everyone.
struct Membership {
  int rank = 0;
  std::vector<Member> members;
  std::string token;              ///< what a rank says to prove that it belongs to this job
  std::vector<Socket> control;    ///< host-side calls
  std::vector<Socket> lifelines;  ///< silent while all is well
  Socket listener;                ///< for connections from other ranks
};

/// Where a rank looks for rank 0, which is at one of the endpoints.
struct Meeting {
  std::vector<Endpoint> endpoints;
  std::string token;
};

/// Rank 0: waits at `listener` until every other rank has come and tells each about all. Processes
/// without the token are turned away. Throws CommunicationError, on the ranks that came too, when
/// some are missing after `limit` (naming them) or two disagree on ranks.
Membership await_ranks(Socket listener, const std::string& token, const Applicant& me,
                       std::chrono::milliseconds limit = kRendezvousLimit);

/// The other ranks. Tries what `look_up` says, anew each time, until rank 0 answers there; it may
/// throw FileError to say that nothing is known yet. Throws CommunicationError after `limit` with
/// the last reason, ReportedElsewhereError when rank 0 gave up and has said why.
Membership join_ranks(const std::function<Meeting()>& look_up, const Applicant& me,
                      std::chrono::milliseconds limit = kRendezvousLimit);

/// What a rank says first on a connection to another rank.
struct Greeting {
  std::string purpose;
  std::string token;
  int rank = 0;
  int world_size = 0;
  std::string host;
  int port = 0;  ///< where the sender listens
};

void send_greeting(const Socket& socket, const Greeting& greeting);
/// Throws CommunicationError when something else arrives, or nothing in a few seconds.
Greeting receive_greeting(const Socket& socket);

/// "rank 3", "ranks 3, 5-7".
std::string rank_list(const std::vector<int>& ranks);

}  // namespace isoflop
