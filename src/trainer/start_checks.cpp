// SPDX-License-Identifier: MIT
#include "trainer/start_checks.hpp"

#include "core/base/build_info.hpp"
#include "core/base/error.hpp"
#include "core/base/format.hpp"
#include "core/base/log.hpp"
#include "trainer/agree.hpp"
#include "trainer/comm/make_nccl_collectives.hpp"
#include "trainer/near_processors.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <span>
#include <string>
#include <string_view>

namespace isoflop {
namespace {

/// What a GPU that nobody else uses has taken by itself by now: context and libraries' code.
constexpr int64_t kOwnBytes = int64_t{2} << 30;
/// What NCCL, products, attention and CUDA graphs take in the first steps: runtime_memory_gib of
/// data/calibration.yaml without the context, which is there by now.
constexpr int64_t kLibraryBytes = int64_t{2} << 30;

/// A field of every rank's build, in a size that all ranks know.
using Word = std::array<char, 256>;

Word to_word(std::string_view text) {
  Word word{};
  std::copy_n(text.begin(), std::min(text.size(), word.size() - 1), word.begin());
  return word;
}

/// Rank 0's build on every rank.
RankBuild from_first(const RankBuild& own, Launch& launch) {
  std::array words = {to_word(own.trainer), to_word(own.gpu), to_word(own.libraries),
                      to_word(own.driver)};
  launch.broadcast_from_first(std::as_writable_bytes(std::span(words)));
  return {words[0].data(), words[1].data(), words[2].data(), words[3].data()};
}

/// The hexadecimal digits of "0000:1B:00.0", at most 13, which a double holds exactly.
double to_number(std::string pci_bus_id) {
  std::erase_if(pci_bus_id, [](char c) { return c == ':' || c == '.'; });
  return static_cast<double>(std::stoull(pci_bus_id, nullptr, 16));
}

[[noreturn]] void refuse(const RankInfo& own, const RankInfo& first, const char* what,
                         const std::string& have, const std::string& wanted,
                         const char* what_to_do) {
  throw DeviceMissingError(fmt::format("rank {} on {}: {} {}, rank 0 on {} has {}; {}", own.rank,
                                       own.host, what, have, first.host, wanted, what_to_do));
}

/// By the first rank that has any, with how many others do.
void say(const std::vector<std::string>& warnings, Launch& launch) {
  const std::vector<double> has = launch.gather_to_all(warnings.empty() ? 0.0 : 1.0);
  const auto first = std::find(has.begin(), has.end(), 1.0) - has.begin();
  if (launch.info().rank != first) return;
  for (const std::string& warning : warnings) log::local(log::Level::warn, warning);
  const auto others = std::count(has.begin(), has.end(), 1.0) - 1;
  if (others > 0)
    log::local(log::Level::warn, fmt::format("{} other ranks have such warnings", others));
}

}  // namespace

void check_ranks(const Backend& backend, int64_t needed_bytes, Launch& launch) {
  check_equal_builds(build_of(backend), launch);
  if (!backend.gpu_facts) return;
  const GpuFacts& facts = *backend.gpu_facts;
  check_own_gpu(facts.pci_bus_id, launch);
  run_on_all_ranks(launch, [&] { check_free_memory(facts, needed_bytes, launch.info()); });
  const Binding binding = bind_to(near_processors(facts.pci_bus_id));
  say(warnings_about(facts, needed_bytes, binding != Binding::none_near), launch);
}

RankBuild build_of(const Backend& backend) {
  RankBuild build{.trainer = build_text(),
                  .gpu = backend.gpu_name,
                  .libraries = backend.libraries,
                  .driver = backend.gpu_facts ? backend.gpu_facts->driver : ""};
  if (backend.gpu_facts) build.libraries += ", NCCL " + nccl_version();
  return build;
}

void check_equal_builds(const RankBuild& own, Launch& launch) {
  const RankBuild first = from_first(own, launch);
  run_on_all_ranks(launch, [&] {
    const RankInfo& here = launch.info();
    const RankInfo& there = launch.ranks().front();
    if (own.trainer != first.trainer)
      refuse(here, there, "this is trainer", own.trainer, first.trainer,
             "start the same build on all nodes");
    if (own.gpu != first.gpu)
      refuse(here, there, "the GPU is", own.gpu, first.gpu,
             "ask Slurm for one kind (--constraint, --gres=gpu:TYPE:N) or leave that node out "
             "(--exclude)");
    if (own.libraries != first.libraries)
      refuse(here, there, "there are", own.libraries, first.libraries,
             "load the same modules on all nodes");
  });
  const std::vector<double> differs = launch.gather_to_all(own.driver == first.driver ? 0.0 : 1.0);
  const auto other = std::find(differs.begin(), differs.end(), 1.0);
  if (other == differs.end()) return;
  const auto rank = static_cast<std::size_t>(other - differs.begin());
  log::warn("the driver of rank {} on {} is for another CUDA than rank 0's ({}); {} ranks differ",
            rank, launch.ranks()[rank].host, first.driver,
            std::count(differs.begin(), differs.end(), 1.0));
}

void check_own_gpu(const std::string& pci_bus_id, Launch& launch) {
  const std::vector<double> gpus = launch.gather_to_all(to_number(pci_bus_id));
  run_on_all_ranks(launch, [&] {
    const RankInfo& own = launch.info();
    for (const RankInfo& other : launch.ranks()) {
      if (other.rank >= own.rank) return;
      if (other.host != own.host ||
          gpus[static_cast<std::size_t>(other.rank)] != gpus[static_cast<std::size_t>(own.rank)])
        continue;
      throw DeviceMissingError(fmt::format(
          "ranks {} and {} on {} have one GPU ({}) between them; ask Slurm for as many GPUs on a "
          "node as it has ranks (--gres=gpu:N or --gpus-per-node=N with --ntasks-per-node=N), all "
          "of them visible to each rank",
          other.rank, own.rank, own.host, pci_bus_id));
    }
  });
}

void check_free_memory(const GpuFacts& facts, int64_t needed_bytes, const RankInfo& info) {
  if (needed_bytes <= facts.free_bytes || needed_bytes > facts.total_bytes - kOwnBytes) return;
  throw DeviceMissingError(fmt::format(
      "rank {} on {}: the GPU ({}) has {} free of {}, and the run takes {}: other processes hold "
      "the rest; end them (nvidia-smi lists them) or leave that node out (--exclude)",
      info.rank, info.host, facts.pci_bus_id, format_bytes(facts.free_bytes),
      format_bytes(facts.total_bytes), format_bytes(needed_bytes)));
}

std::vector<std::string> warnings_about(const GpuFacts& facts, int64_t needed_bytes,
                                        bool has_near_processors) {
  std::vector<std::string> warnings;
  if (needed_bytes + kLibraryBytes > facts.free_bytes)
    warnings.push_back(fmt::format(
        "the run takes {} of the {} that the GPU ({}) has free: NCCL, CUDA graphs and libraries "
        "take some {} more in the first steps",
        format_bytes(needed_bytes), format_bytes(facts.free_bytes), facts.pci_bus_id,
        format_bytes(kLibraryBytes)));
  const int64_t in_use = facts.total_bytes - facts.free_bytes;
  if (in_use > kOwnBytes)
    warnings.push_back(fmt::format("{} of the GPU's memory ({}) are in use by other processes",
                                   format_bytes(in_use), facts.pci_bus_id));
  if (!facts.out_of_reach.empty())
    warnings.push_back(fmt::format(
        "the GPU cannot access the memory of GPU {} of its node: what they exchange goes through "
        "the host's memory",
        fmt::join(facts.out_of_reach, ", ")));
  if (!has_near_processors)
    warnings.push_back(fmt::format(
        "no processor beside the GPU ({}) is this rank's; with all of the node's in the job "
        "(--exclusive) and srun's --cpu-bind=none each rank takes those beside its GPU",
        facts.pci_bus_id));
  return warnings;
}

}  // namespace isoflop
