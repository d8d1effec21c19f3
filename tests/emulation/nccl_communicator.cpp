// SPDX-License-Identifier: MIT
// NCCL's communicators: ranks meet on the host.
#include "emulation/nccl_clique.hpp"
#include "emulation/node.hpp"

#include <algorithm>
#include <cstring>
#include <functional>
#include <numeric>
#include <stdexcept>

namespace isoflop::emulation {
namespace {

std::map<int, std::string>& last_errors() {
  static std::map<int, std::string> errors;
  return errors;
}

/// By the text of their unique id.
std::map<std::string, std::shared_ptr<NcclClique>>& cliques_by_id() {
  static std::map<std::string, std::shared_ptr<NcclClique>> cliques;
  return cliques;
}

std::string id_text(const ncclUniqueId& id) {
  return {id.internal, strnlen(id.internal, sizeof(id.internal))};
}

/// Null, and a finding, when the caller cannot be `rank` of the clique of `id`.
std::shared_ptr<NcclClique> join(const ncclUniqueId& id, int n_rank, int rank) {
  const char* const call = "ncclCommInitRank";
  const auto found = cliques_by_id().find(id_text(id));
  if (found == cliques_by_id().end()) {
    report_misuse(call, "the id was not made by ncclGetUniqueId (or not broadcast)");
    return nullptr;
  }
  std::shared_ptr<NcclClique>& clique = found->second;
  if (!clique) clique = std::make_shared<NcclClique>(n_rank);
  if (n_rank != clique->size())
    report_misuse(call, fmt::format("{} ranks, other ranks said {}", n_rank, clique->size()));
  else if (rank < 0 || rank >= n_rank || clique->members[static_cast<std::size_t>(rank)] != -1)
    report_misuse(call, fmt::format("rank {} of {} is {}", rank, n_rank,
                                    rank < 0 || rank >= n_rank ? "outside" : "taken"));
  else
    return clique;
  clique->is_broken = true;
  return nullptr;
}

ncclResult_t check_config(const ncclConfig_t* config, const char* call) {
  if (config == nullptr) return ncclSuccess;
  if (config->size != sizeof(ncclConfig_t) || config->magic != 0xcafebeef)
    return fail_nccl(ncclInvalidArgument, call, "config was not set to NCCL_CONFIG_INITIALIZER");
  if (config->blocking != NCCL_CONFIG_UNDEF_INT && config->blocking != 1)
    return fail_nccl(ncclInvalidArgument, call, "config asks for blocking = 0 (not emulated)");
  return ncclSuccess;
}

void take_config(ncclComm& communicator, const ncclConfig_t* config) {
  if (config != nullptr && config->CTAPolicy == NCCL_CTA_POLICY_ZERO)
    communicator.gathers_by_copy = true;
  if (config != nullptr && config->maxCTAs != NCCL_CONFIG_UNDEF_INT)
    communicator.most_ctas = config->maxCTAs;
}

ncclResult_t initialise(ncclComm_t* communicator, int n_rank, const ncclUniqueId& id, int rank) {
  const std::shared_ptr<NcclClique> clique = join(id, n_rank, rank);
  if (!clique) return ncclInvalidArgument;
  if (executes())
    clique->members[static_cast<std::size_t>(rank)] = current_rank();
  else
    std::iota(clique->members.begin(), clique->members.end(), 0);
  ++clique->n_joined;
  const auto all_joined = [&] { return clique->n_joined == clique->size() || clique->is_broken; };
  if (!wait_for_ranks(all_joined, "ncclCommInitRank")) return ncclRemoteError;
  if (executes() && clique->n_joined < clique->size()) return ncclInvalidUsage;
  *communicator = nccl_communicators().create();
  **communicator = {.clique = clique, .rank = rank};
  return ncclSuccess;
}

/// Once all ranks have chosen: a clique for each color, ranks by key, then by old rank.
void divide(NcclSplit& split, const NcclClique& parent) {
  std::sort(split.choices.begin(), split.choices.end(), [](const auto& a, const auto& b) {
    return std::pair(a.key, a.rank) < std::pair(b.key, b.rank);
  });
  std::map<int, std::vector<int>> members;
  for (const NcclSplit::Choice& choice : split.choices)
    if (choice.color != NCCL_SPLIT_NOCOLOR)
      members[choice.color].push_back(parent.members[static_cast<std::size_t>(choice.rank)]);
  for (auto& [color, ranks] : members) {
    const auto clique = std::make_shared<NcclClique>(static_cast<int>(ranks.size()));
    clique->members = std::move(ranks);
    clique->n_joined = clique->size();
    split.cliques[color] = clique;
  }
}

/// Of shapes_only, whose rank cannot ask the others. Null when nobody has said which ranks these
/// are.
std::shared_ptr<NcclClique> stated_split(ncclComm& parent) {
  const auto& splits = current_node().options.nccl_splits;
  const auto number = static_cast<std::size_t>(parent.n_split++);
  if (number >= splits.size()) return nullptr;
  const auto clique = std::make_shared<NcclClique>(static_cast<int>(splits[number].size()));
  std::transform(
      splits[number].begin(), splits[number].end(), clique->members.begin(),
      [&](int rank) { return parent.clique->members.at(static_cast<std::size_t>(rank)); });
  clique->n_joined = clique->size();
  return clique;
}

int index_of(const std::vector<int>& members, int rank) {
  return static_cast<int>(std::find(members.begin(), members.end(), rank) - members.begin());
}

/// All ranks' numbers of calls must agree by then; what waits for a call that never comes is let
/// go.
void compare_calls(NcclClique& clique) {
  const auto [least, most] = std::minmax_element(clique.n_called.begin(), clique.n_called.end());
  if (*least == *most) return;
  const auto rank_at = [&](auto it) {
    return clique.members[static_cast<std::size_t>(it - clique.n_called.begin())];
  };
  add_finding(fmt::format("NCCL communicator {}: rank {} made {} collective calls, rank {} {}",
                          clique.number, rank_at(most), *most, rank_at(least), *least));
  clique.is_broken = true;
}

/// Likewise of messages.
void compare_transfers(NcclClique& clique) {
  const auto rank_at = [&](int rank) { return clique.members[static_cast<std::size_t>(rank)]; };
  for (const auto& [ranks, channel] : clique.channels) {
    if (channel.n_sent == channel.n_received) continue;
    add_finding(
        fmt::format("NCCL communicator {}: rank {} sent {} messages to rank {}, which received {}",
                    clique.number, rank_at(ranks.first), channel.n_sent, rank_at(ranks.second),
                    channel.n_received));
    clique.is_broken = true;
  }
}

ncclResult_t finalise(ncclComm& communicator, const char* call) {
  NcclClique& clique = *communicator.clique;
  communicator.is_finalised = true;
  if (++clique.n_finalised == clique.size()) {
    compare_calls(clique);
    compare_transfers(clique);
  }
  const bool is_over =
      wait_for_ranks([&] { return clique.n_finalised == clique.size() || clique.is_broken; },
                     call) &&
      wait_for_ranks([&] { return !communicator.has_work(); }, call);
  return is_over ? ncclSuccess : ncclRemoteError;
}

}  // namespace

NcclClique::NcclClique(int n_rank)
    : members(static_cast<std::size_t>(std::max(n_rank, 0)), -1), n_called(members.size()) {
  static int last_number = 0;
  number = ++last_number;
}

bool NcclClique::crosses_nodes() const {
  const int per_node = current_node().options.nccl_ranks_per_node;
  if (per_node == 0) return false;
  return std::any_of(members.begin(), members.end(),
                     [&](int rank) { return rank / per_node != members.front() / per_node; });
}

Handles<ncclComm>& nccl_communicators() {
  static Handles<ncclComm> communicators("communicator");
  return communicators;
}

bool wait_for_ranks(const std::function<bool()>& ready, const char* call) {
  if (!executes()) return true;
  try {
    block_until(ready, fmt::format("rank {} in {}", current_rank(), call));
    return true;
  } catch (const std::runtime_error&) {
    return false;
  }
}

ncclResult_t fail_nccl(ncclResult_t result, const std::string& call, const std::string& problem) {
  report_misuse(call, problem);
  last_errors()[current_rank()] = call + ": " + problem;
  return result;
}

}  // namespace isoflop::emulation

using namespace isoflop::emulation;

ncclResult_t ncclGetVersion(int* version) {
  const int told = current_node().options.nccl_version;
  *version = told > 0 ? told : NCCL_VERSION_CODE;
  return ncclSuccess;
}

ncclResult_t ncclGetUniqueId(ncclUniqueId* id) {
  static int last_id = 0;
  *id = {};
  fmt::format_to_n(id->internal, sizeof(id->internal) - 1, "emulated clique {}", ++last_id);
  cliques_by_id()[id_text(*id)] = nullptr;
  return ncclSuccess;
}

ncclResult_t ncclCommInitRank(ncclComm_t* comm, int n_rank, ncclUniqueId id, int rank) {
  return initialise(comm, n_rank, id, rank);
}

ncclResult_t ncclCommInitRankConfig(ncclComm_t* comm, int n_rank, ncclUniqueId id, int rank,
                                    ncclConfig_t* config) {
  const ncclResult_t checked = check_config(config, "ncclCommInitRankConfig");
  if (checked != ncclSuccess) return checked;
  const ncclResult_t result = initialise(comm, n_rank, id, rank);
  if (result == ncclSuccess) take_config(**comm, config);
  return result;
}

ncclResult_t ncclCommSplit(ncclComm_t comm, int color, int key, ncclComm_t* new_comm,
                           ncclConfig_t* config) {
  const char* const call = "ncclCommSplit";
  ncclComm* const parent = nccl_communicators().find(comm, call);
  if (parent == nullptr) return ncclInvalidArgument;
  if (const ncclResult_t checked = check_config(config, call); checked != ncclSuccess)
    return checked;
  if (color < NCCL_SPLIT_NOCOLOR)
    return fail_nccl(ncclInvalidArgument, call, fmt::format("color {} is negative", color));
  if (!executes()) {
    const std::shared_ptr<NcclClique> clique = stated_split(*parent);
    if (!clique)
      return fail_nccl(ncclInvalidUsage, call,
                       "a rank of shapes_only does not know the others' groups: "
                       "Options::nccl_splits has none for this call");
    *new_comm = nccl_communicators().create();
    **new_comm = {.clique = clique};
    take_config(**new_comm, config);
    return ncclSuccess;
  }
  if (parent->has_work())
    return fail_nccl(ncclInvalidUsage, call, "collectives of the communicator are under way");
  NcclClique& clique = *parent->clique;
  std::shared_ptr<NcclSplit>& entry = clique.splits[parent->n_split++];
  if (!entry) entry = std::make_shared<NcclSplit>();
  const std::shared_ptr<NcclSplit> split = entry;
  split->choices.push_back({color, key, parent->rank});
  const std::size_t n_rank = clique.members.size();
  if (split->choices.size() == n_rank) divide(*split, clique);
  const auto all_chose = [&] { return split->choices.size() == n_rank || clique.is_broken; };
  if (!wait_for_ranks(all_chose, call)) return ncclRemoteError;
  if (split->choices.size() < n_rank) return ncclInvalidUsage;
  *new_comm = nullptr;
  if (color == NCCL_SPLIT_NOCOLOR) return ncclSuccess;
  const std::shared_ptr<NcclClique>& mine = split->cliques.at(color);
  *new_comm = nccl_communicators().create();
  **new_comm = {.clique = mine, .rank = index_of(mine->members, current_rank())};
  take_config(**new_comm, config);
  return ncclSuccess;
}

ncclResult_t ncclCommFinalize(ncclComm_t comm) {
  const char* const call = "ncclCommFinalize";
  ncclComm* const communicator = nccl_communicators().find(comm, call);
  if (communicator == nullptr) return ncclInvalidArgument;
  if (communicator->is_finalised) return fail_nccl(ncclInvalidArgument, call, "was called before");
  return finalise(*communicator, call);
}

ncclResult_t ncclCommDestroy(ncclComm_t comm) {
  const char* const call = "ncclCommDestroy";
  ncclComm* const communicator = nccl_communicators().find(comm, call);
  if (communicator == nullptr) return ncclInvalidArgument;
  if (!communicator->regions.empty())
    report_misuse(call, fmt::format("{} buffers are still registered with communicator {}",
                                    communicator->regions.size(), communicator->clique->number));
  const ncclResult_t result =
      communicator->is_finalised ? ncclSuccess : finalise(*communicator, call);
  communicator->regions.clear();
  nccl_communicators().destroy(comm, call);
  return result;
}

ncclResult_t ncclCommAbort(ncclComm_t comm) {
  ncclComm* const communicator = nccl_communicators().find(comm, "ncclCommAbort");
  if (communicator == nullptr) return ncclInvalidArgument;
  communicator->clique->is_broken = true;
  communicator->regions.clear();
  nccl_communicators().destroy(comm, "ncclCommAbort");
  return ncclSuccess;
}

ncclResult_t ncclCommGetAsyncError(ncclComm_t comm, ncclResult_t* async_error) {
  const ncclComm* const communicator =
      nccl_communicators().find_of_any_rank(comm, "ncclCommGetAsyncError");
  if (communicator == nullptr) return ncclInvalidArgument;
  const NcclClique& clique = *communicator->clique;
  *async_error = clique.is_broken || clique.has_cut_link ? ncclRemoteError : ncclSuccess;
  return ncclSuccess;
}

ncclResult_t ncclCommCount(const ncclComm_t comm, int* count) {
  const ncclComm* const communicator = nccl_communicators().find(comm, "ncclCommCount");
  if (communicator == nullptr) return ncclInvalidArgument;
  *count = communicator->clique->size();
  return ncclSuccess;
}

ncclResult_t ncclCommUserRank(const ncclComm_t comm, int* rank) {
  const ncclComm* const communicator = nccl_communicators().find(comm, "ncclCommUserRank");
  if (communicator == nullptr) return ncclInvalidArgument;
  *rank = communicator->rank;
  return ncclSuccess;
}

const char* ncclGetErrorString(ncclResult_t result) {
  switch (result) {
    case ncclSuccess:
      return "no error";
    case ncclInvalidArgument:
      return "invalid argument";
    case ncclInvalidUsage:
      return "invalid usage";
    case ncclRemoteError:
      return "remote process exited or there was a network error";
    case ncclInProgress:
      return "NCCL operation in progress";
    default:
      return "unknown result code";
  }
}

/// Of the process, whichever communicator is given.
const char* ncclGetLastError(ncclComm_t comm) {
  if (comm != nullptr && comm->clique->has_cut_link) return "the link is cut";
  return last_errors()[current_rank()].c_str();
}
