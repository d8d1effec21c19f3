// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <span>

namespace isoflop::emulation {

/// A function with a stack of its own that can stop in the middle and go on later; all on one
/// thread. Exceptions do not leave it: the function must catch its own. Known to the address
/// sanitizer; the state of exception handling travels with it.
class Fibre {
 public:
  /// The stack has a guard page, and is taken from and given back to a pool.
  explicit Fibre(std::size_t stack_bytes);
  /// In the middle of its function: what is on its stack is dropped, no destructor of it runs.
  ~Fibre();
  Fibre(const Fibre&) = delete;
  Fibre& operator=(const Fibre&) = delete;

  /// Makes it ready to run `function` from the start; it must not be in the middle of another.
  void start(std::function<void()> function);
  /// Runs it until it suspends or ends. Not from inside itself; nesting is fine.
  void resume();
  bool ended() const;
  std::span<const std::byte> stack() const;

  /// Returns from the innermost running fibre's resume().
  static void suspend();
  /// The innermost running fibre; null outside of all.
  static Fibre* current();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace isoflop::emulation
