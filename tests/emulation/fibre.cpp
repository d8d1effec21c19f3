// SPDX-License-Identifier: MIT
#include "emulation/fibre.hpp"

#include <boost/context/detail/fcontext.hpp>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <cxxabi.h>
#include <map>
#include <sys/mman.h>
#include <system_error>
#include <unistd.h>
#include <utility>
#include <vector>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

namespace isoflop::emulation {
namespace {

namespace context = boost::context::detail;

/// Tells the address sanitizer which stack the thread is on; nothing in other builds.
namespace sanitizer {
#if defined(__SANITIZE_ADDRESS__)
/// About to leave for `stack`; a null `fake_stack` says that the stack left behind has ended.
void leave(void** fake_stack, std::span<const std::byte> stack) {
  __sanitizer_start_switch_fiber(fake_stack, stack.data(), stack.size());
}
/// Has arrived; returns the stack that was left.
std::span<const std::byte> arrive(void* fake_stack) {
  const void* bottom = nullptr;
  std::size_t size = 0;
  __sanitizer_finish_switch_fiber(fake_stack, &bottom, &size);
  return {static_cast<const std::byte*>(bottom), size};
}
void forget_frames(std::span<std::byte> stack) {
  __asan_unpoison_memory_region(stack.data(), stack.size());
}
#else
void leave(void**, std::span<const std::byte>) {}
std::span<const std::byte> arrive(void*) { return {}; }
void forget_frames(std::span<std::byte>) {}
#endif
}  // namespace sanitizer

/// The exceptions in flight and being handled: __cxa_eh_globals of the Itanium C++ ABI (2.2.2),
/// which the C++ runtime keeps once per thread.
struct ExceptionState {
  void* caught = nullptr;
  unsigned int uncaught = 0;
};

ExceptionState swap_exceptions(const ExceptionState& state) {
  void* globals = abi::__cxa_get_globals();
  ExceptionState old;
  std::memcpy(&old, globals, sizeof old);
  std::memcpy(globals, &state, sizeof state);
  return old;
}

std::size_t page_bytes() {
  static const auto bytes = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  return bytes;
}

/// Stacks that no fibre uses, by size; mapped once and kept until the program ends.
std::vector<std::span<std::byte>>& unused_stacks(std::size_t bytes) {
  static auto& pools = *new std::map<std::size_t, std::vector<std::span<std::byte>>>;
  return pools[bytes];
}

std::span<std::byte> map_stack(std::size_t bytes) {
  const std::size_t guard = page_bytes();
  void* memory = mmap(nullptr, guard + bytes, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED || mprotect(memory, guard, PROT_NONE) != 0)
    throw std::system_error(errno, std::generic_category(), "no memory for a fibre's stack");
  return {static_cast<std::byte*>(memory) + guard, bytes};
}

std::span<std::byte> take_stack(std::size_t bytes) {
  const std::size_t rounded = (bytes + page_bytes() - 1) / page_bytes() * page_bytes();
  std::vector<std::span<std::byte>>& pool = unused_stacks(rounded);
  if (pool.empty()) return map_stack(rounded);
  const std::span<std::byte> stack = pool.back();
  pool.pop_back();
  return stack;
}

void give_back_stack(std::span<std::byte> stack) {
  sanitizer::forget_frames(stack);
  unused_stacks(stack.size()).push_back(stack);
}

Fibre* running = nullptr;

}  // namespace

struct Fibre::Impl {
  explicit Impl(std::size_t stack_bytes) : stack(take_stack(stack_bytes)) {}
  ~Impl() { give_back_stack(stack); }

  static void run(context::transfer_t from) noexcept;

  const std::span<std::byte> stack;
  std::function<void()> function;
  bool ended = true;
  context::fcontext_t self = nullptr;     ///< where it goes on
  context::fcontext_t resumer = nullptr;  ///< where its resume() goes on
  Fibre* outer = nullptr;                 ///< the fibre that resumed it
  ExceptionState exceptions;
  std::span<const std::byte> resumer_stack;
  void* fake_stack = nullptr;
};

void Fibre::Impl::run(context::transfer_t from) noexcept {
  auto& impl = *static_cast<Impl*>(from.data);
  impl.resumer_stack = sanitizer::arrive(nullptr);
  impl.resumer = from.fctx;
  impl.function();
  impl.function = nullptr;
  impl.ended = true;
  sanitizer::leave(nullptr, impl.resumer_stack);
  context::jump_fcontext(impl.resumer, nullptr);
  std::abort();  // nothing resumes a fibre that has ended
}

Fibre::Fibre(std::size_t stack_bytes) : impl_(std::make_unique<Impl>(stack_bytes)) {}
Fibre::~Fibre() = default;

void Fibre::start(std::function<void()> function) {
  impl_->function = std::move(function);
  impl_->ended = false;
  impl_->exceptions = {};
  impl_->fake_stack = nullptr;
  impl_->self = context::make_fcontext(impl_->stack.data() + impl_->stack.size(),
                                       impl_->stack.size(), &Impl::run);
}

void Fibre::resume() {
  Impl& impl = *impl_;
  impl.outer = std::exchange(running, this);
  const ExceptionState own = swap_exceptions(impl.exceptions);
  void* fake_stack = nullptr;
  sanitizer::leave(&fake_stack, impl.stack);
  impl.self = context::jump_fcontext(impl.self, &impl).fctx;
  sanitizer::arrive(fake_stack);
  impl.exceptions = swap_exceptions(own);
  running = impl.outer;
}

bool Fibre::ended() const { return impl_->ended; }

std::span<const std::byte> Fibre::stack() const { return impl_->stack; }

void Fibre::suspend() {
  Impl& impl = *running->impl_;
  sanitizer::leave(&impl.fake_stack, impl.resumer_stack);
  impl.resumer = context::jump_fcontext(impl.resumer, nullptr).fctx;
  impl.resumer_stack = sanitizer::arrive(impl.fake_stack);
}

Fibre* Fibre::current() { return running; }

}  // namespace isoflop::emulation
