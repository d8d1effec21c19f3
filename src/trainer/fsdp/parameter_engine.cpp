// SPDX-License-Identifier: MIT
#include "trainer/fsdp/parameter_engine.hpp"

#include "core/base/error.hpp"
#include "trainer/fsdp/gathered_parameters.hpp"
#include "trainer/fsdp/streamed_gradients.hpp"
#include "trainer/fsdp/whole_gradients.hpp"
#include "trainer/fsdp/whole_parameters.hpp"

#include <fmt/format.h>

namespace isoflop {
namespace {

/// The layout, if its strategy runs on its grid.
const Layout& checked(const Layout& layout) {
  const std::string strategy = enum_name(kStrategyNames, layout.strategy);
  if (layout.strategy == ParallelStrategy::ddp && layout.n_shard != 1)
    throw ConfigError(
        fmt::format("layout: n_shard is '{}' under ddp (every rank holds the whole model); set it "
                    "to 1 or use strategy fsdp",
                    layout.n_shard));
  if (layout.strategy != ParallelStrategy::ddp && layout.strategy != ParallelStrategy::hsdp &&
      layout.n_replica != 1)
    throw ConfigError(
        fmt::format("layout: n_replica is '{}' under {} (the model is sharded over all ranks); "
                    "set it to 1 and n_shard to the number of ranks, or use strategy hsdp",
                    layout.n_replica, strategy));
  return layout;
}

/// The master parameters lie in place where whole parameters have their dtype.
FlatPlacement placement_of(const Layout& layout, const Backend& backend) {
  return {.whole_params =
              keeps_whole_parameters(layout) && backend.compute_dtype == backend.master_dtype,
          .whole_grads = keeps_whole_gradients(layout)};
}

}  // namespace

ParameterEngine::ParameterEngine(const ModelShape& shape, const Layout& layout,
                                 const Backend& backend, Collectives& collectives,
                                 OptimizerKind optimizer)
    : device_(*backend.device),
      collectives_(collectives),
      shard_(backend, make_flat_layout(shape, checked(layout)), collectives.rank(Group::shard),
             optimizer, placement_of(layout, backend)) {
  ISOFLOP_CHECK(layout.n_shard == collectives.size(Group::shard));
  if (keeps_whole_parameters(layout)) {
    parameters_ = std::make_unique<WholeParameters>(backend, shard_, collectives);
  } else {
    parameters_ = std::make_unique<GatheredParameters>(backend, shard_, collectives);
  }
  if (keeps_whole_gradients(layout)) {
    gradients_ = std::make_unique<WholeGradients>(device_, shard_, collectives);
  } else {
    gradients_ = std::make_unique<StreamedGradients>(backend, shard_, collectives);
  }
}

void ParameterEngine::register_buffers() {
  std::vector<SharedBuffer> buffers;
  parameters_->add_shared_buffers(buffers);
  gradients_->add_shared_buffers(buffers);
  registered_ = collectives_.register_buffers(buffers);
}

UnitLease ParameterEngine::parameters(int64_t unit, Pass pass) {
  throw_kept_failure();
  return {this, unit, UnitLease::Kind::parameters, parameters_->acquire(unit, pass)};
}

UnitLease ParameterEngine::gradients(int64_t unit) {
  throw_kept_failure();
  const std::span<const TensorView> tensors = gradients_->acquire(unit);
  return {this, unit, UnitLease::Kind::gradients, tensors, gradients_->accumulate_matrices()};
}

void ParameterEngine::begin_micro_step(MicroStep micro_step) {
  throw_kept_failure();
  parameters_->begin_micro_step(micro_step);
  gradients_->begin_micro_step(micro_step);
}

Event ParameterEngine::gradients_final() {
  throw_kept_failure();
  return device_.record(device_.communication_stream());
}

void ParameterEngine::parameters_changed() { parameters_->changed(); }

void ParameterEngine::release_parameters(int64_t unit) noexcept {
  keep_failure([&] { parameters_->release(unit); });
}

void ParameterEngine::release_gradients(int64_t unit) noexcept {
  keep_failure([&] { gradients_->release(unit); });
}

}  // namespace isoflop
