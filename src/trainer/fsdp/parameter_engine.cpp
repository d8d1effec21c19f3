// SPDX-License-Identifier: MIT
#include "trainer/fsdp/parameter_engine.hpp"

#include "core/base/error.hpp"
#include "trainer/fsdp/replicated_parameters.hpp"
#include "trainer/fsdp/sharded_parameters.hpp"

#include <fmt/format.h>

namespace isoflop {
namespace {

void check_grid(const Layout& layout) {
  if (layout.strategy != ParallelStrategy::ddp && layout.strategy != ParallelStrategy::fsdp)
    throw ConfigError(fmt::format(
        "layout.strategy is '{}' (this build trains with ddp and fsdp only); set one of these",
        enum_name(kStrategyNames, layout.strategy)));
  const bool replicates = layout.strategy == ParallelStrategy::ddp;
  if (replicates && layout.n_shard != 1)
    throw ConfigError(
        fmt::format("layout: n_shard is '{}' under ddp (every rank holds the whole model); set it "
                    "to 1 or use strategy fsdp",
                    layout.n_shard));
  if (!replicates && layout.n_replica != 1)
    throw ConfigError(
        fmt::format("layout: n_replica is '{}' under fsdp (the model is sharded over all ranks); "
                    "set it to 1 and n_shard to the number of ranks",
                    layout.n_replica));
}

}  // namespace

std::unique_ptr<ParameterEngine> make_parameter_engine(const ModelShape& shape,
                                                       const Layout& layout, const Backend& backend,
                                                       Collectives& collectives,
                                                       OptimizerKind optimizer) {
  check_grid(layout);
  FlatLayout flat = make_flat_layout(shape, layout.n_shard);
  if (layout.strategy == ParallelStrategy::ddp)
    return std::make_unique<ReplicatedParameters>(backend, std::move(flat), collectives, optimizer);
  return std::make_unique<ShardedParameters>(backend, std::move(flat), collectives, optimizer);
}

}  // namespace isoflop
