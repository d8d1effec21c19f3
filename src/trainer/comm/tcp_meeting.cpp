// SPDX-License-Identifier: MIT
#include "trainer/comm/tcp_meeting.hpp"

#include "core/base/error.hpp"
#include "trainer/comm/slurm_nodes.hpp"
#include "trainer/comm/socket.hpp"

#include <fmt/format.h>

#include <charconv>
#include <cstdint>

namespace isoflop {
namespace {

// Below 32768, where Linux takes ports for outgoing connections from, and above those of services.
constexpr int64_t kFirstPort = 20'000;
constexpr int64_t kPorts = 12'000;
constexpr int kTries = 4;

[[noreturn]] void fail(const char* what, const char* name) {
  throw FileError(fmt::format(
      "--bootstrap tcp: nothing tells rank 0's {} (Slurm is asked only where SLURM_PROCID numbers "
      "the ranks); set {} for every process, or give --bootstrap tcp:HOST:PORT",
      what, name));
}

/// Slurm puts task 0 onto the step's first node, unless it is told otherwise.
std::string first_slurm_node(const JobPlace& job, const EnvironmentLookup& environment) {
  for (const char* name : {"SLURM_STEP_NODELIST", "SLURM_JOB_NODELIST"}) {
    const std::optional<std::string> nodes = environment(name);
    if (!nodes) continue;
    if (job.rank == 0 && environment("SLURM_NODEID").value_or("0") != "0")
      throw FileError(
          fmt::format("--bootstrap tcp: rank 0 is not on the first node of '{}' (the others would "
                      "look for it there); name its node in MASTER_ADDR",
                      *nodes));
    return expand_node_list(*nodes).front();
  }
  fail("node", "MASTER_ADDR");
}

int64_t slurm_number(const EnvironmentLookup& environment, const char* name) {
  const std::string text = environment(name).value_or("");
  int64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

std::vector<int> slurm_ports(const EnvironmentLookup& environment) {
  const int64_t start =
      17 * slurm_number(environment, "SLURM_JOB_ID") + slurm_number(environment, "SLURM_STEP_ID");
  std::vector<int> ports;
  for (int i = 0; i < kTries; ++i)
    ports.push_back(static_cast<int>(kFirstPort + (start + i) % kPorts));
  return ports;
}

}  // namespace

TcpMeeting find_tcp_meeting(const std::string& place, const JobPlace& job,
                            const EnvironmentLookup& environment) {
  if (!place.empty()) {
    const Endpoint endpoint = parse_endpoint(place).value();
    return {endpoint.host, {endpoint.port}};
  }
  const bool in_slurm_step = job.source == JobPlace::Source::slurm;
  TcpMeeting meeting;
  if (const auto host = environment("MASTER_ADDR"))
    meeting.host = *host;
  else if (in_slurm_step)
    meeting.host = first_slurm_node(job, environment);
  else
    fail("node", "MASTER_ADDR");
  if (const auto port = environment("MASTER_PORT")) {
    const auto endpoint = parse_endpoint("host:" + *port);
    if (!endpoint)
      throw FileError(fmt::format(
          "environment: MASTER_PORT is '{}' (must be 1 to 65535); correct or unset it", *port));
    meeting.ports = {endpoint->port};
  } else if (in_slurm_step) {
    meeting.ports = slurm_ports(environment);
  } else {
    fail("port", "MASTER_PORT");
  }
  return meeting;
}

}  // namespace isoflop
