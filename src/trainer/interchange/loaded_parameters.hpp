// SPDX-License-Identifier: MIT
#pragma once

#include "trainer/backend/backend.hpp"
#include "trainer/interchange/saved_model.hpp"
#include "trainer/model/parameter_source.hpp"

#include <cstdint>
#include <vector>

namespace isoflop {

/// A saved model's parameters, all on one device in its compute type: what a forward pass needs and
/// nothing that training does.
class LoadedParameters final : public ParameterSource {
 public:
  /// The host waits for the copies. Throws OutOfMemoryError, FileError.
  LoadedParameters(const SavedModel& model, const Backend& backend);

  UnitLease parameters(int64_t unit, Pass pass) override;
  /// There are none: throws std::logic_error.
  UnitLease gradients(int64_t unit) override;

 private:
  void release_parameters(int64_t) noexcept override {}
  void release_gradients(int64_t) noexcept override {}

  Buffer memory_;
  std::vector<std::vector<TensorView>> units_;
};

}  // namespace isoflop
