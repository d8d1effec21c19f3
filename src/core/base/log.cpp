// SPDX-License-Identifier: MIT
#include "core/base/log.hpp"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <array>
#include <memory>
#include <unistd.h>

namespace isoflop::log {
namespace {

struct Voice {
  int rank = 0;
  int world_size = 1;
  std::shared_ptr<spdlog::logger> logger;
};

Voice& voice() {
  static Voice instance = [] {
    Voice created;
    created.logger = std::make_shared<spdlog::logger>(
        "isoflop", std::make_shared<spdlog::sinks::stderr_sink_mt>());
    created.logger->set_pattern("%H:%M:%S %L %v");
    created.logger->flush_on(spdlog::level::info);
    return created;
  }();
  return instance;
}

spdlog::level::level_enum to_spdlog(Level level) {
  switch (level) {
    case Level::debug:
      return spdlog::level::debug;
    case Level::info:
      return spdlog::level::info;
    case Level::warn:
      return spdlog::level::warn;
    case Level::error:
      return spdlog::level::err;
  }
  return spdlog::level::info;
}

std::string host_name() {
  std::array<char, 256> name{};
  return gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "unknown-host";
}

}  // namespace

void configure(int rank, int world_size, Level level) {
  voice().rank = rank;
  voice().world_size = world_size;
  voice().logger->set_level(to_spdlog(level));
}

void world(Level level, std::string_view line) {
  if (voice().rank == 0) voice().logger->log(to_spdlog(level), line);
}

void local(Level level, std::string_view line) {
  if (voice().world_size == 1) return voice().logger->log(to_spdlog(level), line);
  voice().logger->log(to_spdlog(level), "[rank {} {}] {}", voice().rank, host_name(), line);
}

}  // namespace isoflop::log
