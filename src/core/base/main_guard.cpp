// SPDX-License-Identifier: MIT
#include "core/base/main_guard.hpp"

#include "core/base/error.hpp"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <exception>
#include <filesystem>
#include <new>
#include <string>

namespace isoflop {
namespace {

int report(const std::string& program, const char* message, ExitCode code) {
  std::fflush(stdout);
  std::fprintf(stderr, "%s: error: %s\n", program.c_str(), message);
  return static_cast<int>(code);
}

/// A table printed onto a full disk is not a success.
void flush_results() {
  if (std::fflush(stdout) != 0)
    throw FileError(std::string("standard output: cannot write (") + std::strerror(errno) + ")");
  if (std::ferror(stdout) != 0)
    throw FileError("standard output: cannot write (an earlier write failed)");
}

int run_and_report(const std::string& program, const std::function<int()>& body, bool& failed) {
  failed = true;
  try {
    const int exit_code = body();
    flush_results();
    failed = false;
    return exit_code;
  } catch (const ReportedElsewhereError& error) {
    return static_cast<int>(error.exit_code());
  } catch (const Error& error) {
    return report(program, error.what(), error.exit_code());
  } catch (const std::filesystem::filesystem_error& error) {
    const std::string remedy = "; check the path, and that the working folder still exists";
    return report(program, (error.what() + remedy).c_str(), ExitCode::kFile);
  } catch (const std::bad_alloc&) {
    return report(program, "out of host memory; use a smaller input or a node with more memory",
                  ExitCode::kOutOfMemory);
  } catch (const std::exception& error) {
    return report(program, (std::string("internal error: ") + error.what()).c_str(),
                  ExitCode::kInternal);
  } catch (...) {
    return report(program, "internal error: an exception of unknown type", ExitCode::kInternal);
  }
}

}  // namespace

int run_main(const std::string& program, const std::function<int()>& body,
             const std::function<void(int)>& on_error) {
  bool failed = false;
  const int exit_code = run_and_report(program, body, failed);
  if (failed && on_error) on_error(exit_code);
  return exit_code;
}

}  // namespace isoflop
