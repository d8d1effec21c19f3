// SPDX-License-Identifier: MIT
#include "trainer/comm/rendezvous.hpp"

#include "core/base/check.hpp"
#include "core/base/error.hpp"
#include "trainer/comm/communication_error.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <poll.h>
#include <sstream>
#include <thread>
#include <utility>

namespace isoflop {
namespace {

using std::chrono::milliseconds;

constexpr const char* kProtocol = "isoflop-1";
constexpr const char* kJoin = "join";
constexpr const char* kLifeline = "lifeline";
// Answers: first one of these, later the number of bytes of the list of members, or a failure.
constexpr std::string_view kWelcome = "welcome";
constexpr std::string_view kRefused = "refused";
constexpr std::string_view kFailed = "failed";
constexpr std::string_view kMembers = "members ";
/// In the list of members: the machine where rank 0 is, whatever its address is elsewhere.
constexpr std::string_view kHostOfFirst = "-";

constexpr milliseconds kGreetingLimit = std::chrono::seconds(5);
/// Rank 0 may have a thousand others to greet, or to wait for a silent stranger.
constexpr milliseconds kAnswerLimit = std::chrono::seconds(30);
constexpr milliseconds kShortestPause{20};
constexpr milliseconds kLongestPause{1000};

/// A job that cannot come together however long one waits.
struct HopelessJob : CommunicationError {
  using CommunicationError::CommunicationError;
};

bool is_closed(const Socket& socket) {
  pollfd entry{socket.fd(), POLLIN, 0};
  return ::poll(&entry, 1, 0) > 0;  // nobody has anything to say while waiting
}

/// Rank 0 while it waits for the others.
class Reception {
 public:
  Reception(Socket listener, const std::string& token, const Applicant& me) {
    const auto n_rank = static_cast<std::size_t>(me.world_size);
    members_.token = token;
    members_.members.resize(n_rank);
    members_.members.front() = {me.host, {std::string(kHostOfFirst), local_port(listener)}};
    members_.control.resize(n_rank);
    members_.lifelines.resize(n_rank);
    members_.listener = std::move(listener);
  }

  Membership run(WaitLimit until) {
    try {
      while (!missing().empty()) {
        std::optional<Socket> guest = accept_one(members_.listener, until);
        if (!guest) give_up();
        admit(std::move(*guest));
        drop_who_left();
      }
    } catch (...) {
      tell_all(failed_line());
      throw;
    }
    tell_all(member_list());
    return std::move(members_);
  }

 private:
  std::size_t n_rank() const { return members_.members.size(); }

  std::vector<int> missing() const {
    std::vector<int> ranks;
    for (std::size_t rank = 1; rank < n_rank(); ++rank)
      if (!members_.control[rank].is_open() || !members_.lifelines[rank].is_open())
        ranks.push_back(static_cast<int>(rank));
    return ranks;
  }

  [[noreturn]] void give_up() const {
    const std::vector<int> ranks = missing();
    throw CommunicationError(fmt::format(
        "rank 0 on {}: {} of {} did not come (waited at port {}); look at their output and nodes, "
        "and whether they reach this node",
        members_.members.front().host, rank_list(ranks), n_rank(), local_port(members_.listener)));
  }

  /// Whatever a guest does wrong, others are still welcome.
  void admit(Socket guest) {
    try {
      const Greeting greeting = receive_greeting(guest);
      if (greeting.token != members_.token)
        return send_line(guest, std::string(kRefused), from_now(kGreetingLimit));
      check(greeting);
      send_line(guest, std::string(kWelcome), from_now(kGreetingLimit));
      seat(greeting, std::move(guest));
    } catch (const HopelessJob&) {
      tell(guest, failed_line());
      throw;
    } catch (const CommunicationError&) {
    }
  }

  void check(const Greeting& greeting) const {
    const auto size = static_cast<int>(n_rank());
    if (greeting.world_size != size)
      throw HopelessJob(fmt::format(
          "rank {} on {} was started as one of {} ranks, rank 0 on {} as one of {}; start all with "
          "the same number of ranks",
          greeting.rank, greeting.host, greeting.world_size, members_.members.front().host, size));
    if (greeting.rank < 1 || greeting.rank >= size) throw CommunicationError("no such rank");
    const auto rank = static_cast<std::size_t>(greeting.rank);
    const Socket& seat =
        greeting.purpose == kJoin ? members_.control[rank] : members_.lifelines[rank];
    if (seat.is_open() && !is_closed(seat))
      throw HopelessJob(fmt::format(
          "two processes say that they are rank {} (on {} and {}); give each its own rank",
          greeting.rank, members_.members[rank].host, greeting.host));
  }

  void seat(const Greeting& greeting, Socket guest) {
    const auto rank = static_cast<std::size_t>(greeting.rank);
    if (greeting.purpose != kJoin) {
      members_.lifelines[rank] = std::move(guest);
      return;
    }
    const std::string address = remote_address(guest).value_or(std::string(kHostOfFirst));
    members_.members[rank] = {greeting.host, {address, greeting.port}};
    members_.control[rank] = std::move(guest);
  }

  void drop_who_left() {
    for (std::size_t rank = 1; rank < n_rank(); ++rank)
      for (auto* seats : {&members_.control, &members_.lifelines})
        if (Socket& socket = (*seats)[rank]; socket.is_open() && is_closed(socket))
          socket = Socket();
  }

  std::string member_list() const {
    std::string list;
    for (const Member& member : members_.members)
      list += fmt::format("{} {} {}\n", member.host, member.endpoint.host, member.endpoint.port);
    return fmt::format("{}{}\n{}", kMembers, list.size(), list);
  }

  static std::string failed_line() { return std::string(kFailed) + '\n'; }

  void tell_all(const std::string& text) const {
    for (const Socket& socket : members_.control)
      if (socket.is_open()) tell(socket, text);
  }

  static void tell(const Socket& socket, const std::string& text) {
    try {
      send_all(socket, std::as_bytes(std::span(text)), from_now(kGreetingLimit));
    } catch (const CommunicationError&) {  // gone: its lifeline will tell, if it has one
    }
  }

  Membership members_;
};

/// One visit of another rank to where rank 0 may be.
class Visit {
 public:
  Visit(const Endpoint& first, const std::string& token, const Applicant& me, WaitLimit until)
      : first_(first) {
    Socket control = connect_to(first, std::min(until, from_now(kGreetingLimit)));
    members_.listener = listen_at(first.host, 0);
    members_.rank = me.rank;
    members_.token = token;
    Greeting greeting{kJoin, token, me.rank, me.world_size, me.host, local_port(members_.listener)};
    introduce(control, greeting);
    members_.control.push_back(std::move(control));
    greeting.purpose = kLifeline;
    try {
      Socket lifeline = connect_to(first, std::min(until, from_now(kGreetingLimit)));
      introduce(lifeline, greeting);
      members_.lifelines.push_back(std::move(lifeline));
    } catch (const CommunicationError&) {
      end_if_given_up();
      throw;
    }
  }

  /// Rank 0 decides how long to wait for the others.
  Membership wait_for_all() {
    const std::string answer = receive_line(members_.control.front(), kNoLimit);
    if (answer == kFailed) throw ReportedElsewhereError(ExitCode::kFile);
    if (!answer.starts_with(kMembers)) throw CommunicationError("rank 0 sent no list of ranks");
    std::string list(std::stoul(answer.substr(kMembers.size())), '\0');
    receive_all(members_.control.front(), std::as_writable_bytes(std::span(list)));
    read_members(list);
    return std::move(members_);
  }

 private:
  /// Rank 0 says so on the control connection, whatever it was asked elsewhere.
  void end_if_given_up() const {
    std::string answer;
    try {
      answer = receive_line(members_.control.front(), from_now(kShortestPause));
    } catch (const CommunicationError&) {
    }
    if (answer == kFailed) throw ReportedElsewhereError(ExitCode::kFile);
  }

  static void introduce(const Socket& socket, const Greeting& greeting) {
    send_greeting(socket, greeting);
    const std::string answer = receive_line(socket, from_now(kAnswerLimit));
    if (answer == kFailed) throw ReportedElsewhereError(ExitCode::kFile);
    if (answer == kRefused) throw CommunicationError("there waits another job or start");
    if (answer != kWelcome) throw CommunicationError("there listens another program");
  }

  void read_members(const std::string& list) {
    std::istringstream lines(list);
    Member member;
    while (lines >> member.host >> member.endpoint.host >> member.endpoint.port) {
      if (member.endpoint.host == kHostOfFirst) member.endpoint.host = first_.host;
      members_.members.push_back(member);
    }
  }

  Endpoint first_;
  Membership members_;
};

}  // namespace

Membership await_ranks(Socket listener, const std::string& token, const Applicant& me,
                       milliseconds limit) {
  ISOFLOP_CHECK(me.rank == 0);
  return Reception(std::move(listener), token, me).run(from_now(limit));
}

Membership join_ranks(const std::function<Meeting()>& look_up, const Applicant& me,
                      milliseconds limit) {
  const WaitLimit until = from_now(limit);
  std::string where = "rank 0";
  std::string reason;
  milliseconds pause = kShortestPause;
  while (std::chrono::steady_clock::now() < until) {
    try {
      const Meeting meeting = look_up();
      for (const Endpoint& endpoint : meeting.endpoints) {
        where = "rank 0 at " + to_string(endpoint);
        try {
          return Visit(endpoint, meeting.token, me, until).wait_for_all();
        } catch (const CommunicationError& error) {
          reason = error.what();
        }
      }
    } catch (const FileError& error) {  // look_up()'s
      reason = error.what();
    }
    std::this_thread::sleep_for(pause);
    pause = std::min(2 * pause, kLongestPause);
  }
  throw CommunicationError(fmt::format(
      "rank {} on {}: did not find {} in {:.0f} s ({}); look at rank 0's output, and whether this "
      "node reaches that address",
      me.rank, me.host, where, std::chrono::duration<double>(limit).count(), reason));
}

void send_greeting(const Socket& socket, const Greeting& greeting) {
  send_line(socket,
            fmt::format("{} {} {} {} {} {} {}", kProtocol, greeting.purpose, greeting.token,
                        greeting.rank, greeting.world_size, greeting.host, greeting.port),
            from_now(kGreetingLimit));
}

Greeting receive_greeting(const Socket& socket) {
  std::istringstream line(receive_line(socket, from_now(kGreetingLimit)));
  std::string protocol;
  Greeting greeting;
  line >> protocol >> greeting.purpose >> greeting.token >> greeting.rank >> greeting.world_size >>
      greeting.host >> greeting.port;
  if (!line || protocol != kProtocol)
    throw CommunicationError("what was received is no greeting of this program");
  return greeting;
}

std::string rank_list(const std::vector<int>& ranks) {
  std::string list;
  for (std::size_t begin = 0, end = 0; begin < ranks.size(); begin = end) {
    for (end = begin + 1; end < ranks.size() && ranks[end] == ranks[end - 1] + 1; ++end) {
    }
    list += fmt::format("{}{}", list.empty() ? "" : ", ", ranks[begin]);
    if (end - begin > 1) list += fmt::format("-{}", ranks[end - 1]);
  }
  return (ranks.size() == 1 ? "rank " : "ranks ") + list;
}

}  // namespace isoflop
