// SPDX-License-Identifier: MIT
#include "trainer/comm/socket.hpp"

#include "trainer/comm/communication_error.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <fcntl.h>
#include <memory>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>

namespace isoflop {
namespace {

constexpr int kBacklog = 4096;  // the kernel lowers it to net.core.somaxconn
constexpr std::size_t kMaxLine = 4096;

// A peer whose machine is gone does not answer probes: lost after 60 s + 9 x 20 s. The kernel
// answers for a process that is busy or stopped.
constexpr int kKeepAliveIdleSeconds = 60;
constexpr int kKeepAliveProbeSeconds = 20;
constexpr int kKeepAliveProbes = 9;

[[noreturn]] void fail(int error_number) { throw CommunicationError(std::strerror(error_number)); }

void set_option(int fd, int level, int name, int value) {
  ::setsockopt(fd, level, name, &value, sizeof(value));
}

/// poll()'s milliseconds, rounded up; -1 for none.
int milliseconds_until(WaitLimit until) {
  if (until == kNoLimit) return -1;
  const auto left =
      std::chrono::ceil<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
  return static_cast<int>(std::clamp<int64_t>(left.count(), 0, 3'600'000));
}

/// False when the time is over.
bool wait_for(const Socket& socket, short events, WaitLimit until) {
  while (true) {
    pollfd entry{socket.fd(), events, 0};
    const int milliseconds = milliseconds_until(until);
    const int n = ::poll(&entry, 1, milliseconds);
    if (n > 0) return true;
    if (n < 0 && errno != EINTR) fail(errno);
    if (n == 0 && std::chrono::steady_clock::now() >= until) return false;
  }
}

void wait_or_fail(const Socket& socket, short events, WaitLimit until) {
  if (!wait_for(socket, events, until)) throw CommunicationError("no answer in time");
}

struct FreeAddresses {
  void operator()(addrinfo* addresses) const { ::freeaddrinfo(addresses); }
};
using Addresses = std::unique_ptr<addrinfo, FreeAddresses>;

Addresses resolve_host(const Endpoint& endpoint) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int error =
      ::getaddrinfo(endpoint.host.c_str(), std::to_string(endpoint.port).c_str(), &hints, &found);
  if (error != 0) throw CommunicationError(::gai_strerror(error));
  return Addresses(found);
}

Socket new_socket(int family) {
  const int fd = ::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) fail(errno);
  return Socket(fd);
}

Socket connect_address(const addrinfo& address, WaitLimit until) {
  Socket socket = new_socket(address.ai_family);
  if (::connect(socket.fd(), address.ai_addr, address.ai_addrlen) == 0) return socket;
  if (errno != EINPROGRESS) fail(errno);
  wait_or_fail(socket, POLLOUT, until);
  int error = 0;
  socklen_t size = sizeof(error);
  ::getsockopt(socket.fd(), SOL_SOCKET, SO_ERROR, &error, &size);
  if (error != 0) fail(error);
  return socket;
}

Socket listen_on(const sockaddr* address, socklen_t size) {
  Socket socket = new_socket(address->sa_family);
  set_option(socket.fd(), SOL_SOCKET, SO_REUSEADDR, 1);
  if (address->sa_family == AF_INET6) set_option(socket.fd(), IPPROTO_IPV6, IPV6_V6ONLY, 0);
  if (::bind(socket.fd(), address, size) != 0 || ::listen(socket.fd(), kBacklog) != 0) fail(errno);
  return socket;
}

Socket listen_everywhere(int port) {
  sockaddr_in6 any6{};
  any6.sin6_family = AF_INET6;
  any6.sin6_port = htons(static_cast<uint16_t>(port));
  sockaddr_in any4{};
  any4.sin_family = AF_INET;
  any4.sin_port = any6.sin6_port;
  try {
    return listen_on(reinterpret_cast<const sockaddr*>(&any6), sizeof(any6));
  } catch (const CommunicationError&) {  // no IPv6 here, or the port is taken there
    return listen_on(reinterpret_cast<const sockaddr*>(&any4), sizeof(any4));
  }
}

/// Source: RFC 5735 (127.0.0.0/8), RFC 4291 (::1, and ::ffff:0:0/96 for IPv4 addresses).
bool is_loopback(const sockaddr* address) {
  if (address->sa_family == AF_INET)
    return ntohl(reinterpret_cast<const sockaddr_in*>(address)->sin_addr.s_addr) >> 24 == 127;
  if (address->sa_family != AF_INET6) return false;
  const in6_addr& host = reinterpret_cast<const sockaddr_in6*>(address)->sin6_addr;
  return IN6_IS_ADDR_LOOPBACK(&host) || (IN6_IS_ADDR_V4MAPPED(&host) && host.s6_addr[12] == 127);
}

/// By its text: some systems give a machine's own name a loopback address (127.0.1.1), and there
/// the others would not find it.
bool names_loopback(const std::string& host) {
  return host == "localhost" || host == "::1" || host.starts_with("127.");
}

struct AnyAddress {
  sockaddr_storage storage{};
  socklen_t size = sizeof(storage);
  sockaddr* pointer() { return reinterpret_cast<sockaddr*>(&storage); }
};

}  // namespace

Socket::Socket(int fd) : fd_(fd) {
  ::fcntl(fd, F_SETFD, FD_CLOEXEC);
  ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK);
  set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
  set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, kKeepAliveIdleSeconds);
  set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, kKeepAliveProbeSeconds);
  set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, kKeepAliveProbes);
}

Socket::Socket(Socket&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

Socket& Socket::operator=(Socket&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

Socket::~Socket() {
  if (is_open()) ::close(fd_);
}

std::string to_string(const Endpoint& endpoint) {
  const bool is_ipv6 = endpoint.host.find(':') != std::string::npos;
  return is_ipv6 ? fmt::format("[{}]:{}", endpoint.host, endpoint.port)
                 : fmt::format("{}:{}", endpoint.host, endpoint.port);
}

std::optional<Endpoint> parse_endpoint(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  std::string_view host = text.substr(0, colon);
  const std::string_view port_text = text.substr(colon + 1);
  if (host.starts_with('[') && host.ends_with(']'))
    host = host.substr(1, host.size() - 2);
  else if (host.find(':') != std::string_view::npos)
    return std::nullopt;
  int port = 0;
  const auto [end, error] =
      std::from_chars(port_text.data(), port_text.data() + port_text.size(), port);
  if (host.empty() || error != std::errc() || end != port_text.data() + port_text.size() ||
      port < 1 || port > 65535)
    return std::nullopt;
  return Endpoint{std::string(host), port};
}

Socket connect_to(const Endpoint& endpoint, WaitLimit until) {
  const Addresses addresses = resolve_host(endpoint);
  for (const addrinfo* address = addresses.get();; address = address->ai_next) {
    try {
      return connect_address(*address, until);
    } catch (const CommunicationError&) {
      if (address->ai_next == nullptr) throw;
    }
  }
}

Socket listen_at(const std::string& host, int port) {
  if (!names_loopback(host)) return listen_everywhere(port);
  const Addresses addresses = resolve_host({host, port});
  return listen_on(addresses->ai_addr, addresses->ai_addrlen);
}

std::optional<Socket> accept_one(const Socket& listener, WaitLimit until) {
  while (wait_for(listener, POLLIN, until)) {
    const int fd = ::accept4(listener.fd(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) return Socket(fd);
    if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) fail(errno);
  }
  return std::nullopt;
}

int local_port(const Socket& socket) {
  AnyAddress address;
  if (::getsockname(socket.fd(), address.pointer(), &address.size) != 0) fail(errno);
  return ntohs(address.storage.ss_family == AF_INET6
                   ? reinterpret_cast<const sockaddr_in6*>(&address.storage)->sin6_port
                   : reinterpret_cast<const sockaddr_in*>(&address.storage)->sin_port);
}

std::optional<std::string> remote_address(const Socket& socket) {
  AnyAddress address;
  if (::getpeername(socket.fd(), address.pointer(), &address.size) != 0) fail(errno);
  if (is_loopback(address.pointer())) return std::nullopt;
  std::array<char, NI_MAXHOST> text{};
  const int error = ::getnameinfo(address.pointer(), address.size, text.data(), text.size(),
                                  nullptr, 0, NI_NUMERICHOST);
  if (error != 0) throw CommunicationError(::gai_strerror(error));
  constexpr std::string_view kMapped = "::ffff:";
  const std::string_view number = text.data();
  return std::string(number.starts_with(kMapped) ? number.substr(kMapped.size()) : number);
}

void send_all(const Socket& socket, std::span<const std::byte> bytes, WaitLimit until) {
  while (!bytes.empty()) {
    const ssize_t n = ::send(socket.fd(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n >= 0)
      bytes = bytes.subspan(static_cast<std::size_t>(n));
    else if (errno == EAGAIN)
      wait_or_fail(socket, POLLOUT, until);
    else if (errno != EINTR)
      fail(errno);
  }
}

void receive_all(const Socket& socket, std::span<std::byte> bytes, WaitLimit until) {
  while (!bytes.empty()) {
    const ssize_t n = ::recv(socket.fd(), bytes.data(), bytes.size(), 0);
    if (n > 0)
      bytes = bytes.subspan(static_cast<std::size_t>(n));
    else if (n == 0)
      throw CommunicationError("the connection was closed");
    else if (errno == EAGAIN)
      wait_or_fail(socket, POLLIN, until);
    else if (errno != EINTR)
      fail(errno);
  }
}

void send_line(const Socket& socket, const std::string& line, WaitLimit until) {
  const std::string text = line + '\n';
  send_all(socket, std::as_bytes(std::span(text)), until);
}

std::string receive_line(const Socket& socket, WaitLimit until) {
  std::string line;
  while (line.size() < kMaxLine) {
    char next = 0;
    receive_all(socket, std::as_writable_bytes(std::span(&next, 1)), until);
    if (next == '\n') return line;
    line += next;
  }
  throw CommunicationError("what was received is not a line of text");
}

void raise_open_file_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace isoflop
