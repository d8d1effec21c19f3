// SPDX-License-Identifier: MIT
#include "trainer/comm/socket_launch.hpp"

#include "trainer/comm/communication_error.hpp"
#include "trainer/comm/job_place.hpp"
#include "trainer/comm/make_nccl_collectives.hpp"
#include "trainer/comm/meeting_file.hpp"
#include "trainer/comm/single_launch.hpp"
#include "trainer/comm/socket_collectives.hpp"
#include "trainer/comm/tcp_meeting.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <utility>

namespace isoflop {
namespace {

std::vector<RankInfo> infos_of(const std::vector<Member>& members) {
  std::vector<std::string> hosts;
  for (const Member& member : members) hosts.push_back(member.host);
  return rank_infos(hosts);
}

/// The first port that is free; others may run at the first choice.
Socket listen_at_first_free(const TcpMeeting& meeting) {
  std::string reason;
  for (const int port : meeting.ports) {
    try {
      return listen_at(meeting.host, port);
    } catch (const CommunicationError& error) {
      reason = error.what();
    }
  }
  throw CommunicationError(fmt::format(
      "--bootstrap tcp: rank 0 cannot listen at '{}' ({}); if another program is there, choose "
      "another port in MASTER_PORT or --bootstrap tcp:HOST:PORT",
      to_string(Endpoint{meeting.host, meeting.ports.back()}), reason));
}

Membership meet_by_tcp(const std::string& place, const JobPlace& job, const Applicant& me,
                       const EnvironmentLookup& environment, std::chrono::milliseconds limit) {
  const TcpMeeting meeting = find_tcp_meeting(place, job, environment);
  // Without any identity the place is all that ranks of one job have in common.
  const std::string token =
      job.job_id.empty() ? fmt::format("{}:{}", meeting.host, meeting.ports.front()) : job.job_id;
  if (me.rank == 0) return await_ranks(listen_at_first_free(meeting), token, me, limit);
  Meeting known;
  known.token = token;
  for (const int port : meeting.ports) known.endpoints.push_back({meeting.host, port});
  return join_ranks([&] { return known; }, me, limit);
}

Membership meet_by_file(const std::string& folder, const JobPlace& job, const Applicant& me,
                        std::chrono::milliseconds limit) {
  const std::filesystem::path path = meeting_path(folder, job.job_id);
  if (me.rank != 0) return join_ranks([&] { return read_meeting_file(path); }, me, limit);
  Socket listener = listen_at("", 0);
  const MeetingFile file(path, me.host, local_port(listener));
  return await_ranks(std::move(listener), file.token(), me, limit);
}

}  // namespace

SocketLaunch::SocketLaunch(Membership membership)
    : rank_(membership.rank),
      ranks_(infos_of(membership.members)),
      control_(std::move(membership.control)),
      lifelines_(info(), ranks_, std::move(membership.lifelines)),
      links_(rank_, std::move(membership.members), std::move(membership.token),
             std::move(membership.listener), lifelines_) {}

SocketLaunch::~SocketLaunch() {
  if (std::uncaught_exceptions() > 0) return;
  try {
    max_over_ranks(0);
  } catch (const CommunicationError&) {  // the others are gone already
  }
}

std::unique_ptr<Collectives> SocketLaunch::make_collectives(Device& device, const Layout& layout) {
  check_layout_matches(layout, info());
  if (auto* const cpu = dynamic_cast<CpuDevice*>(&device))
    return std::make_unique<SocketCollectives>(*cpu, links_, layout, *this);
  return make_nccl_collectives(device, layout, *this);
}

std::vector<double> SocketLaunch::gather_to_all(double value) {
  std::vector<double> values = gather_to_first(value);
  broadcast_from_first(std::as_writable_bytes(std::span(values)));
  return values;
}

double SocketLaunch::max_over_ranks(double value) {
  const std::vector<double> values = gather_to_first(value);
  double largest = *std::max_element(values.begin(), values.end());
  broadcast_from_first(std::as_writable_bytes(std::span(&largest, 1)));
  return largest;
}

void SocketLaunch::broadcast_from_first(std::span<std::byte> bytes) {
  if (rank_ > 0) return receive(0, bytes);
  for (const RankInfo& other : ranks_)
    if (other.rank > 0) send(other.rank, bytes);
}

/// Rank 0 has every rank's value, the others their own.
std::vector<double> SocketLaunch::gather_to_first(double value) const {
  std::vector<double> values(ranks_.size(), value);
  if (rank_ > 0) {
    send(0, std::as_bytes(std::span(&value, 1)));
    return values;
  }
  for (std::size_t rank = 1; rank < values.size(); ++rank)
    receive(static_cast<int>(rank), std::as_writable_bytes(std::span(&values[rank], 1)));
  return values;
}

void SocketLaunch::send(int rank, std::span<const std::byte> bytes) const {
  try {
    send_all(control_[static_cast<std::size_t>(rank)], bytes);
  } catch (const CommunicationError& error) {
    lose(rank, error.what());
  }
}

void SocketLaunch::receive(int rank, std::span<std::byte> bytes) const {
  try {
    receive_all(control_[static_cast<std::size_t>(rank)], bytes);
  } catch (const CommunicationError& error) {
    lose(rank, error.what());
  }
}

void SocketLaunch::lose(int rank, const std::string& reason) const {
  lifelines_.await_verdict(
      fmt::format("{}: lost {} ({}); look for the first rank that stopped and at its node's "
                  "network, then start the job again",
                  links_.who(rank_), links_.who(rank), reason));
}

std::unique_ptr<Launch> make_socket_launch(const Bootstrap& bootstrap,
                                           const EnvironmentLookup& environment,
                                           std::chrono::milliseconds limit) {
  const JobPlace job = find_job_place(environment);
  const std::string host = node_name(environment);
  if (job.world_size == 1) return std::make_unique<SingleLaunch>(host);
  raise_open_file_limit();
  const Applicant me{job.rank, job.world_size, host};
  return std::make_unique<SocketLaunch>(
      bootstrap.kind == BootstrapKind::tcp
          ? meet_by_tcp(bootstrap.place, job, me, environment, limit)
          : meet_by_file(bootstrap.place, job, me, limit));
}

}  // namespace isoflop
