// SPDX-License-Identifier: MIT
#include "planner/nccl_reasons.hpp"

#include <algorithm>
#include <array>

namespace isoflop {
namespace {

struct Reason {
  std::string_view variable;
  std::string_view text;
};

constexpr std::array kReasons = {
    Reason{"NCCL_CROSS_NIC", "whether a ring may leave a node by another port than it came in by"},
    Reason{"NCCL_DEBUG", "says why communication failed, and nothing else"},
    Reason{"NCCL_IB_GID_INDEX", "RoCE: which address of a port is used"},
    Reason{"NCCL_IB_HCA", "the ports that carry data; those for storage and management stay out"},
    Reason{"NCCL_IB_RETRY_CNT", "how often a lost packet is sent again before the job fails"},
    Reason{"NCCL_IB_SL", "InfiniBand's service level for this traffic at the site"},
    Reason{"NCCL_IB_TC", "RoCE: the traffic class that the switches keep free of losses"},
    Reason{"NCCL_IB_TIMEOUT", "how long a packet may take before it counts as lost"},
    Reason{"NCCL_NET_GDR_LEVEL", "how far a GPU may be from a port that reads its memory directly"},
    Reason{"NCCL_NET_PLUGIN", "the site's network library"},
    Reason{
        "NCCL_SOCKET_IFNAME",
        "the network by which ranks find each other; NCCL may else take one between other nodes"},
    Reason{"NCCL_TOPO_FILE", "the topology of a virtual machine, which hides its own"},
};

}  // namespace

std::optional<std::string_view> nccl_reason(std::string_view variable) {
  const auto found = std::find_if(kReasons.begin(), kReasons.end(), [&](const Reason& reason) {
    return reason.variable == variable;
  });
  return found == kReasons.end() ? std::nullopt : std::optional(found->text);
}

}  // namespace isoflop
