// SPDX-License-Identifier: MIT
#include "trainer/fsdp/sharded_parameters.hpp"

#include <utility>

namespace isoflop {

ShardedParameters::ShardedParameters(const Backend& backend, FlatLayout layout,
                                     Collectives& collectives, OptimizerKind optimizer)
    : ParameterEngine(backend, std::move(layout), collectives.rank(Group::shard), optimizer),
      device_(*backend.device),
      gathered_(backend, shard(), collectives),
      gradient_buffers_(backend, shard(), collectives) {
  ISOFLOP_CHECK(shard().layout().n_shard == collectives.size(Group::shard));
}

UnitLease ShardedParameters::parameters(int64_t unit, Pass pass) {
  throw_kept_failure();
  return {this, unit, UnitLease::Kind::parameters, gathered_.acquire(unit, next_unit(unit, pass))};
}

UnitLease ShardedParameters::gradients(int64_t unit) {
  throw_kept_failure();
  return {this, unit, UnitLease::Kind::gradients, gradient_buffers_.acquire(unit)};
}

void ShardedParameters::begin_micro_step(MicroStep micro_step) {
  throw_kept_failure();
  micro_step_ = micro_step;
}

Event ShardedParameters::gradients_final() {
  throw_kept_failure();
  return device_.record(device_.communication_stream());
}

void ShardedParameters::parameters_changed() {
  gathered_.invalidate(device_.record(device_.compute_stream()));
}

void ShardedParameters::release_parameters(int64_t unit) noexcept {
  keep_failure([&] { gathered_.release(unit); });
}

void ShardedParameters::release_gradients(int64_t unit) noexcept {
  keep_failure([&] { gradient_buffers_.release(unit, micro_step_); });
}

/// Backward needs no parameters of unit 0, the embedding; it is fetched at the end of backward only
/// for the forward pass of another micro step with the same parameters.
std::optional<int64_t> ShardedParameters::next_unit(int64_t unit, Pass pass) const {
  const auto n_unit = static_cast<int64_t>(shard().layout().units.size());
  if (pass == Pass::forward) return unit + 1 < n_unit ? std::optional(unit + 1) : std::nullopt;
  const int64_t lowest = micro_step_.is_last() ? 1 : 0;
  return unit > lowest ? std::optional(unit - 1) : std::nullopt;
}

}  // namespace isoflop
