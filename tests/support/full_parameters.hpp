// SPDX-License-Identifier: MIT
#pragma once

#include "core/parallel/flat_layout.hpp"
#include "trainer/backend/backend.hpp"
#include "trainer/model/parameter_source.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace isoflop::test {

/// All parameters and gradients of a model in host memory, in the backend's master dtype (f64
/// here): the simplest source.
class FullParameters final : public ParameterSource {
 public:
  explicit FullParameters(const FlatLayout& layout) : layout_(layout) {
    for (const FlatUnit& unit : layout.units) {
      const auto size = static_cast<std::size_t>(unit.size);
      values_.emplace_back(size);
      gradients_.emplace_back(size);
    }
    for (std::size_t unit = 0; unit < layout.units.size(); ++unit) {
      value_views_.push_back(views(unit, values_[unit]));
      gradient_views_.push_back(views(unit, gradients_[unit]));
    }
  }

  UnitLease parameters(int64_t unit, Pass) override {
    return {this, unit, UnitLease::Kind::parameters, value_views_[static_cast<std::size_t>(unit)]};
  }
  UnitLease gradients(int64_t unit) override {
    return {this, unit, UnitLease::Kind::gradients,
            gradient_views_[static_cast<std::size_t>(unit)]};
  }

  std::vector<std::vector<double>>& values() { return values_; }
  std::vector<std::vector<double>>& all_gradients() { return gradients_; }
  const FlatLayout& layout() const { return layout_; }

 private:
  void release_parameters(int64_t) noexcept override {}
  void release_gradients(int64_t) noexcept override {}

  std::vector<TensorView> views(std::size_t unit, std::vector<double>& memory) const {
    std::vector<TensorView> result;
    for (const FlatSegment& segment : layout_.units[unit].segments) {
      Extents extents;
      for (const int64_t extent : segment.tensor.shape) extents[extents.rank++] = extent;
      result.emplace_back(memory.data() + segment.offset, DType::f64, extents);
    }
    return result;
  }

  const FlatLayout& layout_;
  std::vector<std::vector<double>> values_;
  std::vector<std::vector<double>> gradients_;
  std::vector<std::vector<TensorView>> value_views_;
  std::vector<std::vector<TensorView>> gradient_views_;
};

}  // namespace isoflop::test
