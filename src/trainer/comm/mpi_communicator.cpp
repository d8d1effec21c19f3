// SPDX-License-Identifier: MIT
#include "trainer/comm/mpi_communicator.hpp"

#include "trainer/comm/communication_error.hpp"

#include <fmt/format.h>

#include <array>
#include <csignal>
#include <cstdio>
#include <exception>
#include <unistd.h>
#include <utility>

namespace isoflop {
namespace {

constexpr unsigned kAbortGraceSeconds = 20;

volatile std::sig_atomic_t abort_exit_code = 1;

extern "C" void exit_after_hung_abort(int) { ::_exit(abort_exit_code); }

std::string mpi_reason(int code) {
  std::array<char, MPI_MAX_ERROR_STRING> text{};
  int length = 0;
  if (MPI_Error_string(code, text.data(), &length) != MPI_SUCCESS)
    return fmt::format("MPI error {}", code);
  return {text.data(), static_cast<std::size_t>(length)};
}

}  // namespace

void check_mpi(int code, const std::string& who, const std::string& operation) {
  if (code == MPI_SUCCESS) return;
  throw CommunicationError(
      fmt::format("{}: {} failed ({}); look for the first rank that stopped and at its node's "
                  "network, then start the job again",
                  who, operation, mpi_reason(code)));
}

void abort_mpi_job(int exit_code) noexcept {
  std::fflush(nullptr);
  abort_exit_code = exit_code;
  std::signal(SIGALRM, exit_after_hung_abort);
  ::alarm(kAbortGraceSeconds);
  MPI_Abort(MPI_COMM_WORLD, exit_code);
  ::_exit(exit_code);
}

MpiCommunicator MpiCommunicator::split(MPI_Comm parent, int color, int key,
                                       const std::string& who) {
  MPI_Comm handle = MPI_COMM_NULL;
  check_mpi(MPI_Comm_split(parent, color, key, &handle), who, "MPI_Comm_split");
  MpiCommunicator communicator(handle);
  check_mpi(MPI_Comm_set_errhandler(handle, MPI_ERRORS_RETURN), who, "MPI_Comm_set_errhandler");
  return communicator;
}

MpiCommunicator::MpiCommunicator(MPI_Comm handle) : handle_(handle) {
  MPI_Comm_rank(handle_, &rank_);
  MPI_Comm_size(handle_, &size_);
}

MpiCommunicator::MpiCommunicator(MpiCommunicator&& other) noexcept
    : handle_(std::exchange(other.handle_, MPI_COMM_NULL)),
      rank_(other.rank_),
      size_(other.size_) {}

MpiCommunicator& MpiCommunicator::operator=(MpiCommunicator&& other) noexcept {
  std::swap(handle_, other.handle_);
  std::swap(rank_, other.rank_);
  std::swap(size_, other.size_);
  return *this;
}

MpiCommunicator::~MpiCommunicator() {
  int finalized = 0;
  MPI_Finalized(&finalized);
  if (handle_ == MPI_COMM_NULL || finalized || std::uncaught_exceptions() > 0) return;
  MPI_Comm_free(&handle_);
}

}  // namespace isoflop
