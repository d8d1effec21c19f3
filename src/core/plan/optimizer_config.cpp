// SPDX-License-Identifier: MIT
#include "core/plan/optimizer_config.hpp"

#include "core/base/error.hpp"
#include "core/plan/config_values.hpp"

#include <fmt/format.h>

namespace isoflop {
namespace {

/// Each multiplies by some matrices; five are enough for any (Jordan et al. 2024).
constexpr int64_t kMaxIterations = 100;

int64_t read_iterations(MapReader& map, int64_t fallback) {
  const int64_t iterations = at_least(map, "iterations", 1, fallback);
  if (iterations > kMaxIterations)
    map.required_node("iterations").fail(fmt::format("must be at most {}", kMaxIterations));
  return iterations;
}

void read_muon(MapReader& map, OptimizerConfig& optimizer) {
  if (optimizer.kind != OptimizerKind::muon) {
    const std::string problem =
        fmt::format("means nothing with kind {}", enum_name(kOptimizerKindNames, optimizer.kind));
    for (const char* const key : {"momentum", "nesterov", "iterations"})
      refuse(map, key, problem, "remove it or set kind to muon");
    return;
  }
  optimizer.momentum = in_range(map, "momentum", optimizer.momentum, 1, UpperEnd::open);
  optimizer.nesterov = map.value_or("nesterov", optimizer.nesterov);
  optimizer.iterations = read_iterations(map, optimizer.iterations);
}

}  // namespace

OptimizerConfig read_optimizer(const ConfigNode& node) {
  MapReader map(node);
  OptimizerConfig optimizer;
  if (const auto kind = map.find_node("kind"))
    optimizer.kind = read_enum(*kind, kOptimizerKindNames);
  optimizer.lr = map.required_positive("lr");
  optimizer.beta1 = in_range(map, "beta1", optimizer.beta1, 1, UpperEnd::open);
  optimizer.beta2 = in_range(map, "beta2", optimizer.beta2, 1, UpperEnd::open);
  optimizer.eps = map.find_positive("eps").value_or(optimizer.eps);
  optimizer.weight_decay = not_negative(map, "weight_decay", optimizer.weight_decay);
  optimizer.grad_clip = not_negative(map, "grad_clip", optimizer.grad_clip);
  read_muon(map, optimizer);
  map.finish();
  return optimizer;
}

void write_optimizer(YamlWriter& writer, const OptimizerConfig& optimizer) {
  writer.begin_map("optimizer")
      .entry("kind", enum_name(kOptimizerKindNames, optimizer.kind))
      .entry("lr", optimizer.lr)
      .entry("beta1", optimizer.beta1)
      .entry("beta2", optimizer.beta2)
      .entry("eps", optimizer.eps)
      .entry("weight_decay", optimizer.weight_decay)
      .entry("grad_clip", optimizer.grad_clip);
  if (optimizer.kind == OptimizerKind::muon)
    writer.entry("momentum", optimizer.momentum)
        .entry("nesterov", optimizer.nesterov)
        .entry("iterations", optimizer.iterations, "of Newton-Schulz");
  writer.end_map();
}

}  // namespace isoflop
