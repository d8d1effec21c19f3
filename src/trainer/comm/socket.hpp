// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace isoflop {

/// When a wait is given up.
using WaitLimit = std::chrono::steady_clock::time_point;
inline constexpr WaitLimit kNoLimit = WaitLimit::max();

inline WaitLimit from_now(std::chrono::milliseconds time) {
  return std::chrono::steady_clock::now() + time;
}

/// Owns a TCP socket. Sockets never block in the kernel, are not inherited by other programs, send
/// at once (TCP_NODELAY) and probe a silent peer: a node that lost power is noticed after minutes,
/// a slow one never.
class Socket {
 public:
  Socket() = default;
  /// Takes over `fd` and sets its options.
  explicit Socket(int fd);
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  Socket(Socket&& other) noexcept;
  Socket& operator=(Socket&& other) noexcept;
  ~Socket();

  int fd() const { return fd_; }
  bool is_open() const { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

/// A host's name or address, and a port.
struct Endpoint {
  std::string host;
  int port = 0;
};

/// "node07:29500", "[fd00::7]:29500".
std::string to_string(const Endpoint& endpoint);
/// Reads what to_string() writes. Absent when `text` is something else.
std::optional<Endpoint> parse_endpoint(std::string_view text);

// All of these throw CommunicationError with the system's reason; callers add who wanted what.

/// Tries every address of the host.
Socket connect_to(const Endpoint& endpoint, WaitLimit until);
/// Listens on every network of this machine, IPv4 and IPv6, or only on the loopback device where
/// `host` is localhost or a number of it. Port 0 takes a free one.
Socket listen_at(const std::string& host, int port);
/// Absent when nobody came until then.
std::optional<Socket> accept_one(const Socket& listener, WaitLimit until);

int local_port(const Socket& socket);
/// The address of the other side as a number; absent where it is this machine's loopback device,
/// whose addresses mean another machine elsewhere.
std::optional<std::string> remote_address(const Socket& socket);

void send_all(const Socket& socket, std::span<const std::byte> bytes, WaitLimit until = kNoLimit);
void receive_all(const Socket& socket, std::span<std::byte> bytes, WaitLimit until = kNoLimit);
/// Text up to a line feed, which is not part of it.
void send_line(const Socket& socket, const std::string& line, WaitLimit until);
std::string receive_line(const Socket& socket, WaitLimit until);

/// Lets this process have as many open files as the system allows at all: rank 0 of 1,024 ranks
/// needs 2,048.
void raise_open_file_limit();

}  // namespace isoflop
