// SPDX-License-Identifier: MIT
#include "trainer/comm/meeting_file.hpp"

#include "core/base/error.hpp"
#include "core/base/text_file.hpp"
#include "trainer/comm/communication_error.hpp"

#include <fmt/format.h>

#include <array>
#include <ifaddrs.h>
#include <memory>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sstream>
#include <sys/random.h>
#include <unistd.h>
#include <utility>

namespace isoflop {
namespace {

constexpr const char* kFirstWord = "isoflop-bootstrap-1";
constexpr std::string_view kLastWord = "end";

std::string random_token() {
  std::array<unsigned char, 16> bytes{};
  if (::getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size()))
    throw CommunicationError("the system gives no random numbers");
  std::string token;
  for (const unsigned char byte : bytes) token += fmt::format("{:02x}", byte);
  return token;
}

std::string numeric_host(const sockaddr* address, socklen_t size) {
  std::array<char, NI_MAXHOST> text{};
  if (::getnameinfo(address, size, text.data(), text.size(), nullptr, 0, NI_NUMERICHOST) != 0)
    return "";
  return text.data();
}

/// Empty for interfaces that are down or loopback, and for addresses that only make sense here.
std::string usable_address(const ifaddrs& interface) {
  if (interface.ifa_addr == nullptr || (interface.ifa_flags & IFF_UP) == 0 ||
      (interface.ifa_flags & IFF_LOOPBACK) != 0)
    return "";
  if (interface.ifa_addr->sa_family == AF_INET)
    return numeric_host(interface.ifa_addr, sizeof(sockaddr_in));
  if (interface.ifa_addr->sa_family != AF_INET6) return "";
  const auto* const address = reinterpret_cast<const sockaddr_in6*>(interface.ifa_addr);
  return IN6_IS_ADDR_LINKLOCAL(&address->sin6_addr)
             ? ""
             : numeric_host(interface.ifa_addr, sizeof(sockaddr_in6));
}

std::string file_text(const Meeting& meeting) {
  std::string text = fmt::format("{}\n{}\n", kFirstWord, meeting.token);
  for (const Endpoint& endpoint : meeting.endpoints) text += to_string(endpoint) + "\n";
  return text + std::string(kLastWord) + "\n";
}

}  // namespace

std::vector<std::string> own_addresses() {
  ifaddrs* found = nullptr;
  if (::getifaddrs(&found) != 0) return {"127.0.0.1"};
  const std::unique_ptr<ifaddrs, decltype(&::freeifaddrs)> owner(found, ::freeifaddrs);
  std::vector<std::string> addresses;
  for (const ifaddrs* interface = found; interface != nullptr; interface = interface->ifa_next)
    if (std::string address = usable_address(*interface); !address.empty())
      addresses.push_back(std::move(address));
  if (addresses.empty()) addresses.emplace_back("127.0.0.1");
  return addresses;
}

MeetingFile::MeetingFile(std::filesystem::path path, const std::string& host, int port)
    : path_(std::move(path)), token_(random_token()) {
  Meeting meeting{.endpoints = {}, .token = token_};
  for (const std::string& address : own_addresses()) meeting.endpoints.push_back({address, port});
  meeting.endpoints.push_back({host, port});
  write_text_file(path_, file_text(meeting), 0600);  // who knows the token can join
}

MeetingFile::~MeetingFile() {
  std::error_code ignored;
  std::filesystem::remove(path_, ignored);
}

std::filesystem::path meeting_path(const std::filesystem::path& folder, const std::string& job_id) {
  if (job_id.empty())
    throw FileError(
        "--bootstrap file: nothing tells this start of the job from others (whatever set the "
        "ranks gives the job no identity); set ISOFLOP_JOB_ID to the same new name in every "
        "process");
  return folder / (".bootstrap-" + job_id);
}

Meeting read_meeting_file(const std::filesystem::path& path) {
  std::istringstream lines(read_text_file(path));
  Meeting meeting;
  std::string word;
  if (!(lines >> word >> meeting.token) || word != kFirstWord)
    throw FileError(fmt::format("{}: holds no address of rank 0", path.string()));
  while (lines >> word && word != kLastWord)
    if (std::optional<Endpoint> endpoint = parse_endpoint(word))
      meeting.endpoints.push_back(std::move(*endpoint));
  if (word != kLastWord) throw FileError(fmt::format("{}: is not complete yet", path.string()));
  return meeting;
}

}  // namespace isoflop
