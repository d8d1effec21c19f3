// SPDX-License-Identifier: MIT
#pragma once

#include "trainer/comm/lifelines.hpp"
#include "trainer/comm/rendezvous.hpp"
#include "trainer/tensor/dtype.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace isoflop {

/// A collective call under way. `number` counts them: ranks that are not at the same one notice.
struct CallIdentity {
  const char* name = "";
  int64_t n_elements = 0;
  DType dtype = DType::f32;
  uint64_t number = 0;
};

/// Goes before every message.
struct MessageHead {
  uint64_t call_number = 0;
  uint64_t n_bytes = 0;
};

/// Connections between any two ranks, made when first used: the rank with the higher number
/// connects, so that nothing is needed from the other one but that it once comes to the same call.
class PeerLinks {
 public:
  /// `lifelines` must outlive this object.
  PeerLinks(int rank, std::vector<Member> members, std::string token, Socket listener,
            const Lifelines& lifelines);

  int rank() const { return rank_; }
  int size() const { return static_cast<int>(members_.size()); }
  /// "rank 3 on node07".
  std::string who(int rank) const;

  struct Outgoing {
    int to = 0;
    std::span<const std::byte> bytes;
  };
  struct Incoming {
    int from = 0;
    std::span<std::byte> bytes;
  };
  /// Sends and receives at the same time; returns when both are done, which takes as long as the
  /// peers need. Without bytes a side is left out. Throws CommunicationError when a peer sends
  /// something else than is expected, or is lost.
  void transfer(Outgoing out, Incoming in, const CallIdentity& call);

 private:
  void run_transfer(Outgoing out, Incoming in, const CallIdentity& call);
  /// Before a longer message is taken for what follows it.
  void check_head(const MessageHead& head, const Incoming& in, const CallIdentity& call) const;
  const Socket& link(int peer);
  void connect(int peer);
  void accept_next();

  int rank_;
  std::vector<Member> members_;
  std::string token_;
  Socket listener_;
  std::vector<Socket> links_;  // by rank; closed until needed
  const Lifelines& lifelines_;
};

}  // namespace isoflop
