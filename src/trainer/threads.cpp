// SPDX-License-Identifier: MIT
#include "trainer/threads.hpp"

#include "core/base/error.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <sched.h>

namespace isoflop {
namespace {

std::optional<int> positive_variable(const char* name) {
  const char* const text = std::getenv(name);
  if (!text || !*text) return std::nullopt;
  int value = 0;
  const auto [end, error] = std::from_chars(text, text + std::strlen(text), value);
  if (error != std::errc{} || *end != '\0' || value < 1) {
    throw ConfigError(fmt::format(
        "environment: {} is '{}' (must be a positive whole number); correct or unset it", name,
        text));
  }
  return value;
}

int usable_processors() {
  cpu_set_t set;
  CPU_ZERO(&set);
  return sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 1;
}

}  // namespace

int threads_of_rank(const RankInfo& info) {
  for (const char* const name : {"OMP_NUM_THREADS", "SLURM_CPUS_PER_TASK"}) {
    if (const std::optional<int> value = positive_variable(name)) return *value;
  }
  return std::max(1, usable_processors() / info.local_size);
}

}  // namespace isoflop
