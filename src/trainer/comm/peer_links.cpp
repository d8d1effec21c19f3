// SPDX-License-Identifier: MIT
#include "trainer/comm/peer_links.hpp"

#include "core/base/check.hpp"
#include "trainer/comm/communication_error.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <utility>

namespace isoflop {
namespace {

constexpr const char* kPurpose = "peer";

/// Thrown within this file only.
struct PeerLost {
  int peer = 0;
  std::string reason;
};

/// One direction of a transfer: a head and the bytes after it.
class Flow {
 public:
  /// Nothing to move.
  Flow() = default;
  Flow(int peer, int fd, MessageHead& head, void* bytes, std::size_t n_bytes)
      : peer_(peer), fd_(fd), left_{iovec{&head, sizeof(head)}, iovec{bytes, n_bytes}} {}

  bool is_done() const { return head_is_done() && left_[1].iov_len == 0; }
  bool head_is_done() const { return left_[0].iov_len == 0; }
  pollfd interest(short events) const { return {is_done() ? -1 : fd_, events, 0}; }

  /// False when the connection is not ready for more.
  bool send() {
    return move([](int fd, msghdr* message) { return ::sendmsg(fd, message, MSG_NOSIGNAL); });
  }
  bool receive() {
    return move([](int fd, msghdr* message) { return ::recvmsg(fd, message, 0); });
  }

 private:
  template <typename Call>
  bool move(const Call& call) {
    if (is_done()) return false;
    msghdr message{};
    message.msg_iov = left_.data();
    message.msg_iovlen = left_.size();
    const ssize_t n = call(fd_, &message);
    if (n == 0) throw PeerLost{peer_, "the connection was closed"};
    if (n < 0 && errno != EAGAIN && errno != EINTR) throw PeerLost{peer_, std::strerror(errno)};
    if (n > 0) advance(static_cast<std::size_t>(n));
    return n > 0;
  }

  void advance(std::size_t n) {
    for (iovec& piece : left_) {
      const std::size_t taken = std::min(n, piece.iov_len);
      piece.iov_base = static_cast<std::byte*>(piece.iov_base) + taken;
      piece.iov_len -= taken;
      n -= taken;
    }
  }

  int peer_ = 0;
  int fd_ = -1;
  std::array<iovec, 2> left_{};
};

void wait_for_either(const Flow& sending, const Flow& receiving) {
  std::array<pollfd, 2> entries = {sending.interest(POLLOUT), receiving.interest(POLLIN)};
  ::poll(entries.data(), entries.size(), -1);
}

}  // namespace

PeerLinks::PeerLinks(int rank, std::vector<Member> members, std::string token, Socket listener,
                     const Lifelines& lifelines)
    : rank_(rank),
      members_(std::move(members)),
      token_(std::move(token)),
      listener_(std::move(listener)),
      links_(members_.size()),
      lifelines_(lifelines) {}

std::string PeerLinks::who(int rank) const {
  return fmt::format("rank {} on {}", rank, members_[static_cast<std::size_t>(rank)].host);
}

const Socket& PeerLinks::link(int peer) {
  ISOFLOP_CHECK(peer != rank_);
  Socket& socket = links_[static_cast<std::size_t>(peer)];
  if (!socket.is_open() && peer < rank_) connect(peer);
  while (!socket.is_open()) accept_next();
  return socket;
}

void PeerLinks::connect(int peer) {
  const Member& member = members_[static_cast<std::size_t>(peer)];
  try {
    Socket socket = connect_to(member.endpoint, from_now(kRendezvousLimit));
    send_greeting(socket, {kPurpose, token_, rank_, size(),
                           members_[static_cast<std::size_t>(rank_)].host, local_port(listener_)});
    links_[static_cast<std::size_t>(peer)] = std::move(socket);
  } catch (const CommunicationError& error) {
    throw PeerLost{
        peer, fmt::format("no connection to {}: {}", to_string(member.endpoint), error.what())};
  }
}

/// The next rank that comes, whichever it is; strangers are turned away.
void PeerLinks::accept_next() {
  std::optional<Socket> guest = accept_one(listener_, kNoLimit);
  try {
    const Greeting greeting = receive_greeting(*guest);
    if (greeting.purpose != kPurpose || greeting.token != token_ || greeting.rank <= rank_ ||
        greeting.rank >= size())
      return;
    links_[static_cast<std::size_t>(greeting.rank)] = std::move(*guest);
  } catch (const CommunicationError&) {
  }
}

void PeerLinks::transfer(Outgoing out, Incoming in, const CallIdentity& call) {
  try {
    run_transfer(out, in, call);
  } catch (const PeerLost& lost) {
    lifelines_.await_verdict(fmt::format(
        "{}: lost {} in {} of {} {} ({}); look for the first rank that stopped and at its node's "
        "network, then start the job again",
        who(rank_), who(lost.peer), call.name, call.n_elements, to_string(call.dtype),
        lost.reason));
  }
}

void PeerLinks::run_transfer(Outgoing out, Incoming in, const CallIdentity& call) {
  MessageHead out_head{call.number, out.bytes.size()};
  MessageHead in_head;
  Flow sending;
  Flow receiving;
  if (!out.bytes.empty())  // sendmsg() reads only, although its type says otherwise
    sending = {out.to, link(out.to).fd(), out_head, const_cast<std::byte*>(out.bytes.data()),
               out.bytes.size()};
  if (!in.bytes.empty())
    receiving = {in.from, link(in.from).fd(), in_head, in.bytes.data(), in.bytes.size()};
  while (!sending.is_done() || !receiving.is_done()) {
    const bool sent = sending.send();
    const bool received = receiving.receive();
    if (received && receiving.head_is_done()) check_head(in_head, in, call);
    if (!sent && !received) wait_for_either(sending, receiving);
  }
}

void PeerLinks::check_head(const MessageHead& head, const Incoming& in,
                           const CallIdentity& call) const {
  if (head.call_number == call.number && head.n_bytes == in.bytes.size()) return;
  throw CommunicationError(fmt::format(
      "{}: {} of {} {} failed ({} is at collective {} with a message of {} bytes, this rank at {} "
      "expects {}); give all ranks the same program and configuration",
      who(rank_), call.name, call.n_elements, to_string(call.dtype), who(in.from), head.call_number,
      head.n_bytes, call.number, in.bytes.size()));
}

}  // namespace isoflop
