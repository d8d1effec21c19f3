// SPDX-License-Identifier: MIT
#include "trainer/choose_device.hpp"

#include "core/base/error.hpp"
#include "core/base/log.hpp"
#include "trainer/agree.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

namespace isoflop {
namespace {

ConfigError mixed_ranks(const RankInfo& without, const std::string& why, const RankInfo& with) {
  return ConfigError(fmt::format(
      "device.kind is 'auto' (rank {} on {} has no GPU: {}; rank {} on {} has one); start one rank "
      "per GPU, or set device.kind: cpu",
      without.rank, without.host, why, with.rank, with.host));
}

}  // namespace

DeviceKind choose_device(DeviceKind asked, Launch& launch, const GpuProbe& probe) {
  if (asked != DeviceKind::automatic) return asked;
  const RankInfo& own = launch.info();
  const std::optional<std::string> why_not = probe(own.local_rank);
  const std::vector<double> has_gpu = launch.gather_to_all(why_not ? 0.0 : 1.0);
  const auto first_with = std::find(has_gpu.begin(), has_gpu.end(), 1.0);
  if (first_with == has_gpu.end()) {
    log::info("device: no GPU on node {} ({}); training on the CPU", own.host, *why_not);
    return DeviceKind::cpu;
  }
  run_on_all_ranks(launch, [&] {
    const auto index = static_cast<std::size_t>(first_with - has_gpu.begin());
    if (why_not) throw mixed_ranks(own, *why_not, launch.ranks()[index]);
  });
  return DeviceKind::cuda;
}

}  // namespace isoflop
