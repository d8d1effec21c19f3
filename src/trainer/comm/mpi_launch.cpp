// SPDX-License-Identifier: MIT
#include "trainer/comm/mpi_launch.hpp"

#include "core/base/error.hpp"
#include "trainer/comm/make_nccl_collectives.hpp"
#include "trainer/comm/mpi_collectives.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <exception>
#include <string_view>

namespace isoflop {
namespace {

constexpr std::size_t kHostNameBytes = 256;
using HostName = std::array<char, kHostNameBytes>;

bool is_open_mpi() {
  std::array<char, MPI_MAX_LIBRARY_VERSION_STRING> version{};
  int length = 0;
  MPI_Get_library_version(version.data(), &length);
  return std::string_view(version.data()).starts_with("Open MPI");
}

/// Open MPI ends the process inside MPI_Init when srun gave it no PMIx, with a page about how it
/// was built; say what to do instead.
void check_open_mpi_can_start(const EnvironmentLookup& environment) {
  if (detect_launcher(environment) != Launcher::slurm_tasks || !is_open_mpi()) return;
  const int tasks = slurm_step_tasks(environment);
  throw FileError(
      fmt::format("srun started '{}' tasks without telling MPI about them (no PMIX_RANK in the "
                  "environment); {}",
                  tasks, launch_advice(tasks)));
}

/// True when it initialised MPI itself.
bool initialise_mpi(int* argc, char*** argv) {
  int initialised = 0;
  MPI_Initialized(&initialised);
  if (initialised) return false;
  int provided = MPI_THREAD_SINGLE;
  check_mpi(MPI_Init_thread(argc, argv, MPI_THREAD_FUNNELED, &provided), "launch",
            "MPI_Init_thread");
  if (provided < MPI_THREAD_FUNNELED)
    throw FileError(
        "the MPI library supports only MPI_THREAD_SINGLE (the trainer computes with threads); use "
        "a build with thread support");
  return true;
}

HostName fixed_host_name(const std::string& name) {
  HostName fixed{};
  std::memcpy(fixed.data(), name.data(), std::min(name.size(), kHostNameBytes - 1));
  return fixed;
}

std::vector<RankInfo> exchange_rank_info(const MpiCommunicator& world, const std::string& host) {
  const HostName mine = fixed_host_name(host);
  std::vector<HostName> hosts(static_cast<std::size_t>(world.size()));
  check_mpi(MPI_Allgather(mine.data(), kHostNameBytes, MPI_CHAR, hosts.data(), kHostNameBytes,
                          MPI_CHAR, world.handle()),
            fmt::format("rank {} on {}", world.rank(), host), "MPI_Allgather of host names");
  std::vector<std::string> names;
  for (const HostName& name : hosts) names.emplace_back(name.data());
  return rank_infos(names);
}

}  // namespace

MpiLaunch::MpiLaunch(int* argc, char*** argv, const EnvironmentLookup& environment) {
  check_open_mpi_can_start(environment);
  finalises_ = initialise_mpi(argc, argv);
  const std::string host = node_name(environment);
  host_.emplace(MpiCommunicator::split(MPI_COMM_WORLD, 0, 0, "launch on " + host));
  check_world_size(environment, host_->size());
  ranks_ = exchange_rank_info(*host_, host);
}

MpiLaunch::~MpiLaunch() {
  host_.reset();
  if (finalises_ && std::uncaught_exceptions() == 0) MPI_Finalize();
}

const RankInfo& MpiLaunch::info() const { return ranks_[static_cast<std::size_t>(host_->rank())]; }

std::unique_ptr<Collectives> MpiLaunch::make_collectives(Device& device, const Layout& layout) {
  check_layout_matches(layout, info());
  if (auto* const cpu = dynamic_cast<CpuDevice*>(&device))
    return std::make_unique<MpiCollectives>(*cpu, MPI_COMM_WORLD, layout, who());
  return make_nccl_collectives(device, layout, *this);
}

std::vector<double> MpiLaunch::gather_to_all(double value) {
  std::vector<double> values(ranks_.size());
  check_mpi(MPI_Allgather(&value, 1, MPI_DOUBLE, values.data(), 1, MPI_DOUBLE, host_->handle()),
            who(), "MPI_Allgather of one double");
  return values;
}

double MpiLaunch::max_over_ranks(double value) {
  double largest = value;
  check_mpi(MPI_Allreduce(&value, &largest, 1, MPI_DOUBLE, MPI_MAX, host_->handle()), who(),
            "MPI_Allreduce of one double");
  return largest;
}

void MpiLaunch::broadcast_from_first(std::span<std::byte> bytes) {
  check_mpi(MPI_Bcast(bytes.data(), static_cast<int>(bytes.size()), MPI_BYTE, 0, host_->handle()),
            who(), fmt::format("MPI_Bcast of {} bytes", bytes.size()));
}

void MpiLaunch::abort(int exit_code) noexcept { abort_mpi_job(exit_code); }

std::string MpiLaunch::who() const {
  return fmt::format("rank {} on {}", info().rank, info().host);
}

}  // namespace isoflop
