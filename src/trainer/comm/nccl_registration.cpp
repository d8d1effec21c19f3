// SPDX-License-Identifier: MIT
#include "trainer/comm/nccl_registration.hpp"

#include <exception>

namespace isoflop {
namespace {

#if NCCL_VERSION_CODE >= NCCL_VERSION(2, 27, 0)

constexpr bool kBuildHasWindows = true;

ncclResult_t open_window(ncclComm_t communicator, const Buffer& buffer, void** handle) {
  ncclWindow_t window = nullptr;
  const ncclResult_t result =
      ncclCommWindowRegister(communicator, buffer.data(), static_cast<std::size_t>(buffer.bytes()),
                             &window, NCCL_WIN_COLL_SYMMETRIC);
  *handle = window;
  return result;
}

void close_window(ncclComm_t communicator, void* handle) {
  ncclCommWindowDeregister(communicator, static_cast<ncclWindow_t>(handle));
}

#else

constexpr bool kBuildHasWindows = false;

ncclResult_t open_window(ncclComm_t, const Buffer&, void**) { return ncclInvalidUsage; }
void close_window(ncclComm_t, void*) {}

#endif

void* allocate(int64_t bytes) {
  void* memory = nullptr;
  const ncclResult_t result = ncclMemAlloc(&memory, static_cast<std::size_t>(bytes));
  return result == ncclSuccess ? memory : nullptr;
}

void give_back(void* memory) noexcept { ncclMemFree(memory); }

}  // namespace

CollectiveMemory nccl_memory() { return {.allocate = allocate, .free = give_back}; }

NcclRegistration offered_registration(NcclRegistration asked) {
  constexpr int kFirstWithWindows = NCCL_VERSION(2, 27, 0);
  int version = 0;
  ncclGetVersion(&version);
  const bool has_windows = kBuildHasWindows && version >= kFirstWithWindows;
  return asked == NcclRegistration::symmetric && !has_windows ? NcclRegistration::local : asked;
}

NcclRegisteredBuffers::~NcclRegisteredBuffers() {
  if (std::uncaught_exceptions() > 0) return;
  for (auto entry = entries_.rbegin(); entry != entries_.rend(); ++entry) {
    if (kind_ == NcclRegistration::symmetric)
      close_window(entry->communicator, entry->handle);
    else
      ncclCommDeregister(entry->communicator, entry->handle);
  }
}

/// NCCL may take a call and register nothing, with a null handle: NCCL_LOCAL_REGISTER=0 in the
/// environment, GPUs without access to each other.
bool NcclRegisteredBuffers::add(const NcclCommunicator& communicator, const Buffer& buffer) {
  Entry entry{.communicator = communicator.handle()};
  const ncclResult_t result =
      kind_ == NcclRegistration::symmetric
          ? open_window(entry.communicator, buffer, &entry.handle)
          : ncclCommRegister(entry.communicator, buffer.data(),
                             static_cast<std::size_t>(buffer.bytes()), &entry.handle);
  if (result != ncclSuccess || entry.handle == nullptr) return false;
  entries_.push_back(entry);
  return true;
}

}  // namespace isoflop
