// SPDX-License-Identifier: MIT
#include "core/base/log.hpp"

#include <spdlog/sinks/base_sink.h>
#include <spdlog/spdlog.h>

#include <array>
#include <cstdio>
#include <memory>
#include <mutex>
#include <unistd.h>

namespace isoflop::log {
namespace {

/// stderr, with a status line behind the last line. It is erased with blanks, not by an escape
/// sequence.
class StderrSink final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  void show_status(std::string_view line) {
    const std::lock_guard lock(mutex_);
    const std::string erased = erasure();
    status_ = line;
    write(erased + status_);
    flush_();
  }

 private:
  void sink_it_(const spdlog::details::log_msg& message) override {
    spdlog::memory_buf_t line;
    formatter_->format(message, line);
    write(erasure() + std::string(line.data(), line.size()) + status_);
  }
  void flush_() override { std::fflush(stderr); }

  std::string erasure() const {
    return status_.empty() ? "" : "\r" + std::string(status_.size(), ' ') + "\r";
  }
  static void write(const std::string& text) { std::fwrite(text.data(), 1, text.size(), stderr); }

  std::string status_;
};

struct Voice {
  int rank = 0;
  int world_size = 1;
  std::shared_ptr<StderrSink> sink = std::make_shared<StderrSink>();
  std::shared_ptr<spdlog::logger> logger;
};

Voice& voice() {
  static Voice instance = [] {
    Voice created;
    created.logger = std::make_shared<spdlog::logger>("isoflop", created.sink);
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

void status(std::string_view line) {
  if (voice().rank == 0) voice().sink->show_status(line);
}

}  // namespace isoflop::log
