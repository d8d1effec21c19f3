// SPDX-License-Identifier: MIT
#pragma once

#include "trainer/backend/cpu/cpu_device.hpp"
#include "trainer/backend/reference/reference_ops.hpp"
#include "trainer/fsdp/parameter_engine.hpp"

#include <cmath>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

/// A model without mathematics: it leases units as a transformer does, checks that every parameter
/// has the value of the current version, and adds gradients that are functions of rank, step, micro
/// step, tensor and element. The optimizer writes the next version. All values are whole numbers
/// below 128, exact in every dtype down to bf16, so one wrong element is one counted error.
namespace isoflop {

inline ModelShape toy_shape(bool tied) {
  ModelShape shape;
  shape.name = "toy";
  shape.n_layer = 3;
  shape.d_model = 12;
  shape.n_head = shape.n_kv_head = 3;
  shape.d_head = 4;
  shape.d_ff = 20;
  shape.vocab_size = 50;
  shape.max_seq_len = 8;
  shape.tied_embeddings = tied;
  return shape;
}

/// Where a wait is asked for: what the model calls, which stream waits, and the place among the
/// waits of that stream in one call.
struct WaitSite {
  std::string call;
  int stream = 0;
  int index = 0;
  friend bool operator==(const WaitSite&, const WaitSite&) = default;
};

/// A CPU device that ignores the waits of one site.
class DroppingDevice final : public CpuDevice {
 public:
  using CpuDevice::CpuDevice;

  void drop(WaitSite site) { dropped_site_ = std::move(site); }
  int64_t n_dropped() const { return n_dropped_; }
  void enter(const std::string& call) {
    call_ = call;
    n_wait_ = {};
  }
  void wait(Stream stream, Event event) override {
    const WaitSite site{call_, stream.id, n_wait_.at(static_cast<std::size_t>(stream.id))++};
    if (site == dropped_site_) {
      if (event.stream >= 0) ++n_dropped_;
      return;
    }
    CpuDevice::wait(stream, event);
  }

 private:
  std::string call_;
  WaitSite dropped_site_;
  std::array<int, 3> n_wait_{};
  int64_t n_dropped_ = 0;
};

inline Backend toy_backend(const CpuDeviceOptions& options, DType compute = DType::f64) {
  return {std::make_unique<DroppingDevice>(options), std::make_unique<ReferenceOps>(), compute,
          DType::f64};
}

inline DroppingDevice& toy_device(const Backend& backend) {
  return static_cast<DroppingDevice&>(*backend.device);
}

class ToyTraining {
 public:
  ToyTraining(const ModelShape& shape, const Layout& layout, const Backend& backend,
              Collectives& collectives)
      : tied_(shape.tied_embeddings),
        device_(toy_device(backend)),
        collectives_(collectives),
        engine_(std::make_unique<ParameterEngine>(shape, layout, backend, collectives)) {
    optimize();
  }

  ParameterEngine& engine() { return *engine_; }
  /// Elements that had a wrong value so far; the host waits.
  int64_t n_wrong() {
    device_.synchronize(device_.record(device_.compute_stream()));
    device_.synchronize(device_.record(device_.communication_stream()));
    return n_wrong_;
  }

  void step(int64_t n_micro_step) {
    for (int64_t i = 0; i < n_micro_step; ++i) {
      engine_->begin_micro_step({i, n_micro_step});
      micro_step_ = i;
      UnitLease embedding = forward();
      backward(std::move(embedding));
    }
    device_.enter("gradients_final");
    device_.wait(device_.compute_stream(), engine_->gradients_final());
    check_gradients(n_micro_step);
    optimize();
  }

  /// A forward pass whose last unit is leased too, as for a validation loss.
  void evaluate() {
    UnitLease embedding = forward();
    check(head(), lease_parameters(head(), Pass::forward));
  }

 private:
  int64_t n_unit() const { return std::ssize(layout().model_units); }
  int64_t head() const { return n_unit() - 1; }
  const FlatLayout& layout() const { return engine_->shard().layout(); }

  UnitLease lease_parameters(int64_t unit, Pass pass) {
    device_.enter("parameters");
    UnitLease lease = engine_->parameters(unit, pass);
    device_.enter("release");
    return lease;
  }
  UnitLease lease_gradients(int64_t unit) {
    device_.enter("gradients");
    UnitLease lease = engine_->gradients(unit);
    device_.enter("release");
    return lease;
  }

  UnitLease forward() {
    UnitLease embedding = lease_parameters(0, Pass::forward);
    check(0, embedding);
    if (!tied_) embedding = UnitLease();
    for (int64_t unit = 1; unit < head(); ++unit)
      check(unit, lease_parameters(unit, Pass::forward));
    return embedding;
  }

  void backward(UnitLease embedding) {
    UnitLease embedding_gradients = tied_ ? lease_gradients(0) : UnitLease();
    for (int64_t unit = head(); unit > 0; --unit) {
      const UnitLease params = lease_parameters(unit, Pass::backward);
      const UnitLease grads = lease_gradients(unit);
      check(unit, params);
      add_gradients(unit, grads);
    }
    if (!tied_) embedding_gradients = lease_gradients(0);
    if (tied_) check(0, embedding);
    add_gradients(0, embedding_gradients);
  }

  static double param_value(int64_t version, int64_t unit, int64_t tensor, int64_t element) {
    return static_cast<double>((version * 17 + unit * 31 + tensor * 7 + element * 3) % 101 - 50);
  }
  double grad_value(int64_t rank, int64_t micro_step, int64_t unit, int64_t tensor,
                    int64_t element) const {
    return static_cast<double>(
        (version_ * 5 + rank * 11 + micro_step * 23 + unit * 3 + tensor + element * 13) % 61 - 30);
  }

  static double load(TensorView view, int64_t i) {
    if (view.dtype == DType::f64) return view.as<double>()[i];
    return static_cast<double>(view.as<float>()[i]);
  }

  void check(int64_t unit, const UnitLease& lease) {
    for (int64_t t = 0; t < lease.size(); ++t)
      device_.enqueue(device_.compute_stream(),
                      [this, unit, t, view = lease[t], version = version_] {
                        for (int64_t i = 0; i < view.size(); ++i)
                          n_wrong_ += load(view, i) != param_value(version, unit, t, i);
                      });
  }

  bool is_matrix(int64_t unit, int64_t tensor) const {
    const ModelUnit& place = layout().model_unit(unit);
    const auto segment = static_cast<std::size_t>(place.first_segment + tensor);
    return layout().unit_of(place).segments[segment].tensor.kind == ParameterKind::matrix;
  }

  void add_gradients(int64_t unit, const UnitLease& lease) {
    const int64_t rank = collectives_.rank(Group::world);
    for (int64_t t = 0; t < lease.size(); ++t) {
      const TensorView view = lease[t];
      std::vector<double> values(static_cast<std::size_t>(view.size()));
      for (int64_t i = 0; i < view.size(); ++i)
        values[static_cast<std::size_t>(i)] = grad_value(rank, micro_step_, unit, t, i);
      const bool replaces = lease.accumulate_matrices() == Accumulate::no && is_matrix(unit, t);
      device_.enqueue(device_.compute_stream(), [view, replaces, values = std::move(values)] {
        for (int64_t i = 0; i < view.size(); ++i)
          view.as<double>()[i] =
              (replaces ? 0.0 : view.as<double>()[i]) + values[static_cast<std::size_t>(i)];
      });
    }
  }

  /// A tensor of the model, as units and their tensors are leased.
  struct Place {
    int64_t unit;
    int64_t tensor;
  };
  Place place_of(const ShardPiece& piece) const {
    for (int64_t unit = 0; unit < n_unit(); ++unit) {
      const ModelUnit& place = layout().model_units[static_cast<std::size_t>(unit)];
      const int64_t tensor = piece.segment - place.first_segment;
      if (place.flat_unit == piece.unit && tensor >= 0 && tensor < place.n_segment)
        return {unit, tensor};
    }
    throw std::logic_error("a piece of no unit");
  }

  /// Gradients of this rank's shard of every flat unit, padding (zero) included.
  void check_gradients(int64_t n_micro_step) {
    std::vector<double> expected(static_cast<std::size_t>(layout().total_shard_size), 0.0);
    for (const ShardPiece& piece : engine_->shard().pieces()) {
      const Place place = place_of(piece);
      for (int64_t i = 0; i < piece.size; ++i)
        for (int64_t rank = 0; rank < collectives_.size(Group::world); ++rank)
          for (int64_t micro_step = 0; micro_step < n_micro_step; ++micro_step)
            expected[static_cast<std::size_t>(piece.shard_offset + i)] +=
                grad_value(rank, micro_step, place.unit, place.tensor, piece.tensor_offset + i);
    }
    device_.enqueue(device_.compute_stream(), [this, expected = std::move(expected)] {
      auto next = expected.begin();
      for (int64_t unit = 0; unit < std::ssize(layout().units); ++unit) {
        const TensorView grads = engine_->shard().grads_of(unit);
        for (int64_t i = 0; i < grads.size(); ++i) n_wrong_ += grads.as<double>()[i] != *next++;
      }
    });
  }

  /// Writes the next version of every parameter this rank holds, early units first.
  void optimize() {
    ++version_;
    const int64_t n_unit = std::ssize(layout().units), n_early = engine_->shard().n_early_unit();
    write_units(0, n_early);
    device_.enter("early_units_changed");
    engine_->early_units_changed();
    write_units(n_early, n_unit);
    device_.enter("parameters_changed");
    engine_->parameters_changed();
  }

  /// Of flat units [first, end).
  void write_units(int64_t first, int64_t end) {
    device_.enqueue(device_.compute_stream(), [this, first, end, version = version_] {
      const FlatShard& shard = engine_->shard();
      for (const ShardPiece& piece : shard.pieces()) {
        if (piece.unit < first || piece.unit >= end) continue;
        const Place place = place_of(piece);
        for (int64_t i = 0; i < piece.size; ++i)
          shard.params().as<double>()[shard.params_offset(piece) + i] =
              param_value(version, place.unit, place.tensor, piece.tensor_offset + i);
      }
    });
  }

  bool tied_;
  DroppingDevice& device_;
  Collectives& collectives_;
  std::unique_ptr<ParameterEngine> engine_;
  int64_t version_ = 0;
  int64_t micro_step_ = 0;
  int64_t n_wrong_ = 0;
};

}  // namespace isoflop
