// SPDX-License-Identifier: MIT
#pragma once

#include "trainer/backend/accumulate.hpp"
#include "trainer/tensor/tensor_view.hpp"

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace isoflop {

/// forward runs units 0 .. n - 1, backward n - 1 .. 0; a source fetches the next unit of the
/// direction ahead of time.
enum class Pass { forward, backward };

class ParameterSource;

/// Holds a unit's parameters (or gradient accumulators) in full while it lives; gives them back on
/// destruction, so that a release cannot be forgotten. Tensors are in the order of
/// core/model/parameter_list.hpp.
class UnitLease {
 public:
  enum class Kind { parameters, gradients };

  UnitLease() = default;
  UnitLease(ParameterSource* source, int64_t unit, Kind kind, std::span<const TensorView> tensors,
            Accumulate accumulate_matrices = Accumulate::yes)
      : source_(source),
        unit_(unit),
        kind_(kind),
        tensors_(tensors),
        accumulate_matrices_(accumulate_matrices) {}
  UnitLease(const UnitLease&) = delete;
  UnitLease& operator=(const UnitLease&) = delete;
  UnitLease(UnitLease&& other) noexcept { swap(other); }
  UnitLease& operator=(UnitLease&& other) noexcept {
    UnitLease moved(std::move(other));
    swap(moved);
    return *this;
  }
  ~UnitLease();

  TensorView operator[](int64_t tensor) const { return tensors_[static_cast<std::size_t>(tensor)]; }
  int64_t size() const { return static_cast<int64_t>(tensors_.size()); }
  explicit operator bool() const { return source_ != nullptr; }
  /// Of gradients: whether matrices (ParameterKind) hold sums. no: they hold nothing, and the first
  /// product takes its place; all other tensors start as zeros.
  Accumulate accumulate_matrices() const { return accumulate_matrices_; }

 private:
  void swap(UnitLease& other) noexcept {
    std::swap(source_, other.source_);
    std::swap(unit_, other.unit_);
    std::swap(kind_, other.kind_);
    std::swap(tensors_, other.tensors_);
    std::swap(accumulate_matrices_, other.accumulate_matrices_);
  }
  ParameterSource* source_ = nullptr;
  int64_t unit_ = 0;
  Kind kind_ = Kind::parameters;
  std::span<const TensorView> tensors_;
  Accumulate accumulate_matrices_ = Accumulate::yes;
};

/// Where a model's parameters come from and its gradients go; implemented over collectives in
/// trainer/fsdp. All views are safe to use by work enqueued on the compute stream after the call.
class ParameterSource {
 public:
  virtual ~ParameterSource() = default;

  /// The unit's parameters in compute dtype, ready on the compute stream. At most two units may be
  /// leased at a time, besides the embedding unit when embeddings are tied.
  virtual UnitLease parameters(int64_t unit, Pass pass) = 0;
  /// The unit's gradient accumulators (master dtype) to add to, but for what
  /// UnitLease::accumulate_matrices says. When the lease ends the unit's
  /// gradients of this micro step are final and their reduction starts.
  virtual UnitLease gradients(int64_t unit) = 0;

 private:
  friend class UnitLease;
  virtual void release_parameters(int64_t unit) noexcept = 0;
  /// A failure is kept and thrown by the next call that may throw.
  virtual void release_gradients(int64_t unit) noexcept = 0;
};

inline UnitLease::~UnitLease() {
  if (!source_) return;
  if (kind_ == Kind::parameters) {
    source_->release_parameters(unit_);
  } else {
    source_->release_gradients(unit_);
  }
}

}  // namespace isoflop
