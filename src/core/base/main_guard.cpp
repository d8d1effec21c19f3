// SPDX-License-Identifier: MIT
#include "core/base/main_guard.hpp"

#include "core/base/error.hpp"

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <exception>
#include <filesystem>
#include <new>
#include <string>
#include <utility>

namespace isoflop {
namespace {

/// How a program's body ended.
struct Outcome {
  int exit_code = 0;
  bool failed = false;
  std::string message = {};  ///< printed; empty when another rank prints it
};

Outcome failure(ExitCode code, std::string message) {
  return {static_cast<int>(code), true, std::move(message)};
}

/// A table printed onto a full disk is not a success.
void flush_results() {
  if (std::fflush(stdout) != 0)
    throw FileError(std::string("standard output: cannot write (") + std::strerror(errno) + ")");
  if (std::ferror(stdout) != 0)
    throw FileError("standard output: cannot write (an earlier write failed)");
}

Outcome outcome_of(const std::function<int()>& body) {
  try {
    const int exit_code = body();
    flush_results();
    return {exit_code};
  } catch (const ReportedElsewhereError& error) {
    return failure(error.exit_code(), "");
  } catch (const Error& error) {
    return failure(error.exit_code(), error.what());
  } catch (const std::filesystem::filesystem_error& error) {
    return failure(
        ExitCode::kFile,
        std::string(error.what()) + "; check the path, and that the working folder still exists");
  } catch (const std::bad_alloc&) {
    return failure(ExitCode::kOutOfMemory,
                   "out of host memory; use a smaller input or a node with more memory");
  } catch (const std::exception& error) {
    return failure(ExitCode::kInternal, std::string("internal error: ") + error.what());
  } catch (...) {
    return failure(ExitCode::kInternal, "internal error: an exception of unknown type");
  }
}

}  // namespace

int run_main(const std::string& program, const std::function<int()>& body,
             const std::function<void(int, const std::string&)>& on_error) {
  std::signal(SIGXFSZ, SIG_IGN);  // a file past `ulimit -f` is an error as a full disk is
  const Outcome outcome = outcome_of(body);
  if (!outcome.message.empty()) {
    std::fflush(stdout);
    std::fprintf(stderr, "%s: error: %s\n", program.c_str(), outcome.message.c_str());
  }
  if (outcome.failed && on_error) on_error(outcome.exit_code, outcome.message);
  return outcome.exit_code;
}

}  // namespace isoflop
