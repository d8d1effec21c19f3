// SPDX-License-Identifier: MIT
#pragma once

#include <stdexcept>
#include <string>

namespace isoflop {

/// Exit codes of all four programs; documented in README.md.
enum class ExitCode : int {
  kSuccess = 0,
  kInternal = 1,       ///< a defect of ours: an exception that no one expected
  kUsage = 2,          ///< a wrong option, key or value
  kFile = 3,           ///< data, or a file, folder, disk, network or launch environment problem
  kNothingFits = 4,    ///< no layout or model satisfies the request
  kDeviceMissing = 5,  ///< the device that was asked for is not there, or failed
  kSkippedInput = 6,   ///< done, but some inputs were skipped and named
  kDiverged = 7,       ///< loss or gradients became non-finite
  kOutOfMemory = 8,    ///< an allocation did not fit on host or device
  kStalled = 9,        ///< training stood still: a rank, its node, disk or network hangs
  kUnreliable = 10,  ///< a scaling law was fitted, but must not be relied on; the reasons are said
  kStopRequested =
      85,  ///< stopped by a signal or deadline, steps left; checkpointed, may be started again
};

/// A failure a user can act on. what() is one line: "where: problem with 'value' (why) what to do".
class Error : public std::runtime_error {
 public:
  Error(ExitCode exit_code, const std::string& message)
      : std::runtime_error(message), exit_code_(exit_code) {}
  ExitCode exit_code() const { return exit_code_; }

 private:
  ExitCode exit_code_;
};

/// A wrong command line, key or value.
struct ConfigError : Error {
  explicit ConfigError(const std::string& message) : Error(ExitCode::kUsage, message) {}
};

/// A file, disk, network or launch environment problem.
struct FileError : Error {
  explicit FileError(const std::string& message) : Error(ExitCode::kFile, message) {}
};

/// No layout, model or partition satisfies the request.
struct NothingFitsError : Error {
  explicit NothingFitsError(const std::string& message) : Error(ExitCode::kNothingFits, message) {}
};

/// The requested device (GPU, backend) is not available here.
struct DeviceMissingError : Error {
  explicit DeviceMissingError(const std::string& message)
      : Error(ExitCode::kDeviceMissing, message) {}
};

/// Training produced a non-finite loss or gradient.
struct DivergedError : Error {
  explicit DivergedError(const std::string& message) : Error(ExitCode::kDiverged, message) {}
};

/// An allocation did not fit.
struct OutOfMemoryError : Error {
  explicit OutOfMemoryError(const std::string& message) : Error(ExitCode::kOutOfMemory, message) {}
};

/// Another rank of the job reports this failure: main prints nothing and exits with the same code.
struct ReportedElsewhereError : Error {
  explicit ReportedElsewhereError(ExitCode exit_code)
      : Error(exit_code, "failed on another rank") {}
};

}  // namespace isoflop
