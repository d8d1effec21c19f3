// SPDX-License-Identifier: MIT
// Buffers that NCCL's communicators know: a rank's own (ncclCommRegister), and windows, which all
// ranks of a communicator register together.
#include "emulation/nccl_clique.hpp"
#include "emulation/node.hpp"

#include <algorithm>
#include <optional>

namespace isoflop::emulation {
namespace {

Allocation* memory_of(const void* begin) { return current_gpu().device.find(begin); }

/// What is wrong with memory to be registered.
std::optional<std::string> problem_of(const void* begin, int64_t bytes) {
  const Allocation* const allocation = memory_of(begin);
  const std::string what = describe_address(begin);
  if (allocation == nullptr || allocation->pool != nullptr)
    return what + " is not memory of ncclMemAlloc of this GPU";
  if (allocation->is_given_back) return what + " was freed before";
  if (bytes <= 0 || static_cast<const char*>(begin) + bytes > allocation->end())
    return fmt::format("{} bytes from {} on are more than it has", bytes, what);
  return std::nullopt;
}

bool refuses() { return current_node().faults.refuse_nccl_registration_of == current_rank(); }

NcclRegion& add_region(ncclComm& communicator, const void* begin, int64_t bytes) {
  return *communicator.regions.emplace_back(
      std::make_shared<NcclRegion>(*memory_of(begin), begin, bytes));
}

/// The ranks' k-th windows must be of equal size.
std::shared_ptr<NcclWindowCall> match(ncclComm& communicator, int64_t bytes, int flags) {
  NcclClique& clique = *communicator.clique;
  const int64_t number = communicator.n_window++;
  std::shared_ptr<NcclWindowCall>& entry = clique.windows[number];
  if (!entry)
    entry = std::make_shared<NcclWindowCall>(
        NcclWindowCall{.bytes = bytes, .flags = flags, .first_rank = communicator.rank});
  const std::shared_ptr<NcclWindowCall> window = entry;
  if (window->bytes != bytes || window->flags != flags) {
    const auto rank_at = [&](int rank) { return clique.members[static_cast<std::size_t>(rank)]; };
    add_finding(
        fmt::format("NCCL communicator {}, window {}: rank {} registers {} bytes (flags {}), rank "
                    "{} {} bytes (flags {})",
                    clique.number, number, rank_at(window->first_rank), window->bytes,
                    window->flags, rank_at(communicator.rank), bytes, flags));
    window->is_void = true;
  }
  if (++window->n_called == clique.size()) clique.windows.erase(number);
  return window;
}

/// Forgets the region; nothing may be under way that uses it.
ncclResult_t forget_region(ncclComm_t comm, const void* handle, bool is_window, const char* call) {
  ncclComm* const communicator = nccl_communicators().find(comm, call);
  if (communicator == nullptr) return ncclInvalidArgument;
  auto& regions = communicator->regions;
  const auto found = std::find_if(regions.begin(), regions.end(),
                                  [&](const auto& region) { return region.get() == handle; });
  if (found == regions.end())
    return fail_nccl(ncclInvalidUsage, call,
                     fmt::format("the handle is of no buffer that communicator {} knows",
                                 communicator->clique->number));
  if ((*found)->is_window != is_window)
    return fail_nccl(ncclInvalidUsage, call,
                     is_window ? "the handle is of ncclCommRegister" : "the handle is a window");
  if (found->use_count() > 1)
    return fail_nccl(
        ncclInvalidUsage, call,
        fmt::format("work that uses {} is under way", describe_address((*found)->begin)));
  regions.erase(found);
  return ncclSuccess;
}

}  // namespace

NcclRegion::NcclRegion(Allocation& of_memory, const void* first, int64_t n_byte)
    : memory(of_memory), begin(static_cast<const char*>(first)), bytes(n_byte) {
  ++memory.n_registration;
}

NcclRegion::~NcclRegion() { --memory.n_registration; }

}  // namespace isoflop::emulation

using namespace isoflop::emulation;

ncclResult_t ncclCommRegister(const ncclComm_t comm, void* memory, size_t size, void** handle) {
  const char* const call = "ncclCommRegister";
  ncclComm* const communicator = nccl_communicators().find(comm, call);
  if (communicator == nullptr) return ncclInvalidArgument;
  const auto bytes = static_cast<int64_t>(size);
  if (const auto problem = problem_of(memory, bytes))
    return fail_nccl(ncclInvalidArgument, call, *problem);
  if (refuses()) return ncclSystemError;
  *handle = &add_region(*communicator, memory, bytes);
  return ncclSuccess;
}

ncclResult_t ncclCommDeregister(const ncclComm_t comm, void* handle) {
  return forget_region(comm, handle, false, "ncclCommDeregister");
}

/// Fails on all ranks where one refuses or they disagree.
ncclResult_t ncclCommWindowRegister(ncclComm_t comm, void* memory, size_t size, ncclWindow_t* out,
                                    int flags) {
  const char* const call = "ncclCommWindowRegister";
  ncclComm* const communicator = nccl_communicators().find(comm, call);
  if (communicator == nullptr) return ncclInvalidArgument;
  const auto bytes = static_cast<int64_t>(size);
  if (const auto problem = problem_of(memory, bytes))
    return fail_nccl(ncclInvalidArgument, call, *problem);
  if (reinterpret_cast<uintptr_t>(memory) % NCCL_WIN_REQUIRED_ALIGNMENT != 0)
    return fail_nccl(ncclInvalidArgument, call,
                     fmt::format("{} is not aligned to {} bytes", describe_address(memory),
                                 NCCL_WIN_REQUIRED_ALIGNMENT));
  const std::shared_ptr<NcclWindowCall> window = match(*communicator, bytes, flags);
  window->is_void = window->is_void || refuses();
  const NcclClique& clique = *communicator->clique;
  const auto all_called = [&] { return window->n_called == clique.size() || clique.is_broken; };
  if (!wait_for_ranks(all_called, call)) return ncclRemoteError;
  if (window->is_void) return ncclSystemError;
  NcclRegion& region = add_region(*communicator, memory, bytes);
  region.is_window = true;
  region.is_symmetric = (flags & NCCL_WIN_COLL_SYMMETRIC) != 0;
  *out = reinterpret_cast<ncclWindow_t>(&region);
  return ncclSuccess;
}

ncclResult_t ncclCommWindowDeregister(ncclComm_t comm, ncclWindow_t window) {
  return forget_region(comm, window, true, "ncclCommWindowDeregister");
}
