// SPDX-License-Identifier: MIT
#pragma once

#include "emulation/test_gpu.hpp"

#include <functional>
#include <string>

namespace isoflop::emulation {

/// What is found while one rank runs body and everything that it enqueues; empty when nothing.
inline std::string findings_of(const Options& options, const std::function<void(TestGpu&)>& body) {
  return run_and_find(options, [&body](TestGpu& gpu, int) { body(gpu); });
}

inline std::string findings_of(const std::function<void(TestGpu&)>& body) {
  return findings_of(Options{}, body);
}

}  // namespace isoflop::emulation
