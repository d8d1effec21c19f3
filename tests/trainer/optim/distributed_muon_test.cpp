// SPDX-License-Identifier: MIT
// Runs on 1, 2 and 4 ranks: Muon's updates on every grid of them are those of one rank, to the bit.
#include "trainer/optim/distributed_muon.hpp"

#include "core/parallel/communication.hpp"
#include "trainer/comm/counting_collectives.hpp"
#include "trainer/comm/process_grid.hpp"
#include "trainer/comm/self_collectives.hpp"
#include "trainer/fsdp/toy_training.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <map>
#include <memory>
#include <utility>
#include <vector>

namespace isoflop {
namespace {

constexpr int64_t kSteps = 3;

std::unique_ptr<Launch> launch() { return make_launch(nullptr, nullptr); }

/// Every n_replica x n_shard of so many ranks.
std::vector<Layout> grids(int64_t n_rank) {
  std::vector<Layout> layouts;
  for (int64_t n_shard = 1; n_shard <= n_rank; ++n_shard)
    if (n_rank % n_shard == 0)
      layouts.push_back({.n_replica = n_rank / n_shard, .n_shard = n_shard});
  return layouts;
}

/// Where the shard may lie: packed, or among the parameters or gradients of the whole model.
std::vector<FlatPlacement> placements(const Layout& layout) {
  if (layout.n_shard == 1) return {{}};
  return {{}, {.whole_params = true}, {.whole_grads = true}, {true, true}};
}

/// By tensor and element in it.
using Parameters = std::map<std::pair<int64_t, int64_t>, double>;

/// Parameters and final gradients are functions of tensor and element, gradients of the step too;
/// the work of compute writes them just before the update.
class MuonRun {
 public:
  MuonRun(const ModelShape& shape, const Layout& layout, const Backend& backend,
          Collectives& collectives, FlatPlacement placement = {},
          int64_t group_size = kCpuMuonGroupSize)
      : device_(toy_device(backend)),
        collectives_(collectives),
        shard_(backend, make_flat_layout(shape, layout), collectives.rank(Group::shard),
               OptimizerKind::muon, placement),
        muon_(backend, collectives, shard_, {.lr = 0.1}, group_size),
        workspace_(device_,
                   DistributedMuon::arena_bytes(shard_.layout(), layout.world_size(), group_size,
                                                DType::f64),
                   MemoryCategory::workspace),
        norms_(
            device_.allocate(2 * shard_.n_tensor() * size_of(DType::f64), MemoryCategory::state)) {
    device_.enqueue(device_.compute_stream(), [this] {
      state_.input.lr = 0.1;
      state_.output.clip_scale = 0.5;
      for_pieces([&](const ShardPiece& piece, int64_t i) {
        at(shard_.params_of(piece.unit), piece, i) = value(piece, i, 0);
      });
    });
  }

  void step(int64_t number) {
    device_.enter("before");
    device_.enqueue(device_.compute_stream(), [this, number] {
      for_pieces([&](const ShardPiece& piece, int64_t i) {
        at(shard_.grads_of(piece.unit), piece, i) = value(piece, i, number);
      });
    });
    device_.zero(norms_.data(), norms_.bytes(), device_.compute_stream());
    device_.enter("step");
    muon_.step(&state_, norms(), workspace_);
    device_.enter("after");
  }

  /// This rank's; the host waits.
  Parameters parameters() {
    for (const Stream stream : {device_.compute_stream(), device_.communication_stream()})
      device_.synchronize(device_.record(stream));
    Parameters result;
    for_pieces([&](const ShardPiece& piece, int64_t i) {
      result[key(piece, i)] = at(shard_.params_of(piece.unit), piece, i);
    });
    return result;
  }

  /// Of all tensors, summed over shards.
  std::vector<double> all_norms() {
    const Event done = collectives_.all_reduce(norms(), norms(), ReduceOp::sum, Group::shard,
                                               device_.communication_stream(),
                                               device_.record(device_.compute_stream()));
    device_.synchronize(done);
    const auto* const data = norms().as<double>();
    return {data, data + norms().size()};
  }

  int64_t n_owned() const { return std::ssize(muon_.owned()); }
  const FlatLayout& layout() const { return shard_.layout(); }
  StepState& state() { return state_; }

 private:
  static std::pair<int64_t, int64_t> key(const ShardPiece& piece, int64_t i) {
    return {piece.unit * 100 + piece.segment, piece.tensor_offset + i};
  }
  static double value(const ShardPiece& piece, int64_t i, int64_t version) {
    const auto [tensor, element] = key(piece, i);
    const auto phase = static_cast<double>(tensor * 31 + element * element + version * 7 + 1);
    return std::sin(phase) + 0.1 * std::cos(3 * phase);
  }
  double& at(TensorView unit_shard, const ShardPiece& piece, int64_t i) const {
    const int64_t begin = layout().units[static_cast<std::size_t>(piece.unit)].shard_offset;
    return unit_shard.as<double>()[piece.shard_offset - begin + i];
  }
  template <typename Visit>
  void for_pieces(const Visit& visit) const {
    for (const ShardPiece& piece : shard_.pieces())
      for (int64_t i = 0; i < piece.size; ++i) visit(piece, i);
  }
  TensorView norms() const { return norms_.view(DType::f64, {shard_.n_tensor(), 2}); }

  DroppingDevice& device_;
  Collectives& collectives_;
  FlatShard shard_;
  DistributedMuon muon_;
  Arena workspace_;
  Buffer norms_;
  StepState state_;
};

struct Outcome {
  Parameters parameters;
  std::vector<double> norms;
};

Outcome run_alone() {
  const Backend backend = toy_backend({});
  SelfCollectives collectives(*backend.device);
  MuonRun run(toy_shape(false), {}, backend, collectives);
  for (int64_t step = 1; step <= kSteps; ++step) run.step(step);
  return {run.parameters(), run.all_norms()};
}

int64_t n_different(const Parameters& part, const Parameters& all) {
  int64_t n = 0;
  for (const auto& [key, value] : part) n += value != all.at(key);  // NaN is
  return n;
}

void expect_outcome_of_one_rank(Launch& job, const Layout& layout, const CpuDeviceOptions& options,
                                FlatPlacement placement = {},
                                int64_t group_size = kCpuMuonGroupSize) {
  static const Outcome alone = run_alone();
  const Backend backend = toy_backend(options);
  const auto collectives = job.make_collectives(*backend.device, layout);
  MuonRun run(toy_shape(false), layout, backend, *collectives, placement, group_size);
  for (int64_t step = 1; step <= kSteps; ++step) run.step(step);
  EXPECT_EQ(n_different(run.parameters(), alone.parameters), 0)
      << layout.n_replica << " x " << layout.n_shard << ", seed " << options.schedule_seed
      << ", groups of " << group_size;
  const std::vector<double> norms = run.all_norms();
  for (std::size_t i = 0; i < norms.size(); ++i)
    EXPECT_NEAR(norms[i], alone.norms[i], 1e-12 * alone.norms[i]) << i;
}

TEST(DistributedMuon, parameters_are_those_of_one_rank_to_the_bit) {
  const auto job = launch();
  for (const Layout& layout : grids(job->info().world_size))
    for (const CpuStreamMode mode : {CpuStreamMode::run_inline, CpuStreamMode::deferred})
      for (const uint64_t seed : {1u, 2u, 3u})
        expect_outcome_of_one_rank(*job, layout, {.mode = mode, .schedule_seed = seed});
}

TEST(DistributedMuon, it_does_not_matter_where_the_shard_lies) {
  const auto job = launch();
  for (const Layout& layout : grids(job->info().world_size))
    for (const FlatPlacement& placement : placements(layout))
      expect_outcome_of_one_rank(*job, layout, {.mode = CpuStreamMode::deferred}, placement);
}

// 21 matrices of 256 aligned elements: groups of two, of three, and one of all.
TEST(DistributedMuon, matrices_in_groups_give_the_same_bits) {
  const auto job = launch();
  for (const Layout& layout : grids(job->info().world_size))
    for (const int64_t group_size : {600, 1000, 1 << 20})
      for (const uint64_t seed : {1u, 2u})
        expect_outcome_of_one_rank(*job, layout,
                                   {.mode = CpuStreamMode::deferred, .schedule_seed = seed},
                                   {.whole_grads = true}, group_size);
}

TEST(DistributedMuon, every_hidden_element_changes_and_no_other) {
  const Backend backend = toy_backend({});
  SelfCollectives collectives(*backend.device);
  MuonRun run(toy_shape(false), {}, backend, collectives);
  const Parameters before = run.parameters();
  run.step(1);
  int64_t hidden = 0;
  for (const FlatMatrix& matrix : flat_matrices(run.layout())) hidden += matrix.size();
  EXPECT_EQ(n_different(run.parameters(), before), hidden);
}

TEST(DistributedMuon, a_skipped_step_changes_nothing_on_any_grid) {
  const auto job = launch();
  for (const Layout& layout : grids(job->info().world_size)) {
    const Backend backend = toy_backend({.mode = CpuStreamMode::deferred});
    const auto collectives = job->make_collectives(*backend.device, layout);
    MuonRun run(toy_shape(false), layout, backend, *collectives);
    const Parameters before = run.parameters();
    run.state().output.skip = 1;
    run.step(1);
    EXPECT_EQ(n_different(run.parameters(), before), 0);
    run.state().output.skip = 0;
    run.step(1);
    MuonRun fresh(toy_shape(false), layout, backend, *collectives);
    fresh.step(1);
    EXPECT_EQ(n_different(run.parameters(), fresh.parameters()), 0);
  }
}

double sum_over_ranks(Launch& job, double value) {
  double sum = 0;
  for (const double part : job.gather_to_all(value)) sum += part;
  return sum;
}

// 21 matrices of one sort each in 3 blocks: 4 x 144 elements (queries to attention output) and 3 x
// 240 (gate, up, down), 256 each with padding.
TEST(DistributedMuon, each_matrix_and_its_momentum_is_on_one_rank) {
  const auto job = launch();
  const auto n_rank = static_cast<double>(job->info().world_size);
  for (const Layout& layout : grids(job->info().world_size)) {
    const Backend backend = toy_backend({});
    const auto collectives = job->make_collectives(*backend.device, layout);
    const FlatShard shard(backend, make_flat_layout(toy_shape(false), layout.n_shard),
                          collectives->rank(Group::shard), OptimizerKind::muon);
    const auto held = [&] {
      return backend.device->memory_usage()
          .by_category[static_cast<std::size_t>(MemoryCategory::optimizer)];
    };
    const int64_t before = held();
    const DistributedMuon muon(backend, *collectives, shard, {}, kCpuMuonGroupSize);
    const auto momentum = static_cast<double>(held() - before) / size_of(DType::f64);

    EXPECT_EQ(sum_over_ranks(*job, static_cast<double>(std::ssize(muon.owned()))), 21);
    EXPECT_LE(static_cast<double>(std::ssize(muon.owned())), 21 / n_rank + 1);
    EXPECT_EQ(sum_over_ranks(*job, momentum), 21 * 256);
    EXPECT_LE(momentum, 256 * (21 / n_rank + 1));
  }
}

/// Elements.
double n_sent(const test::CountingCollectives& collectives, CollectiveKind kind) {
  int64_t bytes = 0;
  for (const Traffic& traffic : collectives.traffic())
    if (traffic.kind == kind) bytes += traffic.bytes;
  return static_cast<double>(bytes) / static_cast<double>(size_of(DType::f64));
}

// A gradient's elements go to the owner and the update's come back, but for those it holds itself;
// every other replica gets the update once.
TEST(DistributedMuon, each_element_travels_once_each_way_and_once_to_each_replica) {
  const auto job = launch();
  for (const Layout& layout : grids(job->info().world_size)) {
    const Backend backend = toy_backend({});
    test::CountingCollectives collectives(job->make_collectives(*backend.device, layout));
    MuonRun run(toy_shape(false), layout, backend, collectives);
    run.step(1);
    static_cast<void>(run.parameters());
    std::vector<Traffic> expected = muon_traffic(run.layout(), layout, job->info().rank);
    for (Traffic& traffic : expected) traffic.bytes *= 2;  // in f64
    EXPECT_THAT(collectives.traffic(), testing::UnorderedElementsAreArray(expected));

    const std::vector<FlatMatrix> matrices = flat_matrices(run.layout());
    const MuonOwners owners = muon_owners(matrices, layout.world_size());
    int64_t hidden = 0, held_by_owners = 0;
    for (int64_t rank = 0; rank < layout.world_size(); ++rank)
      for (const int64_t number : owners.matrices_of(rank)) {
        const FlatMatrix& matrix = matrices[static_cast<std::size_t>(number)];
        const auto piece = piece_of(run.layout(), matrix, rank % layout.n_shard);
        hidden += matrix.size();
        held_by_owners += piece ? piece->size : 0;
      }
    EXPECT_EQ(sum_over_ranks(*job, n_sent(collectives, CollectiveKind::exchange)),
              2 * static_cast<double>(hidden - held_by_owners));
    EXPECT_EQ(sum_over_ranks(*job, n_sent(collectives, CollectiveKind::broadcast)),
              static_cast<double>((layout.n_replica - 1) * hidden));
  }
}

/// Wrong elements over all ranks and some schedules when the waits of a site are ignored; `index`
/// of the place among the waits of that stream in one step, by the matrices this rank owns.
double n_wrong_without(Launch& job, const Layout& layout, int stream,
                       const std::function<int(int64_t n_owned)>& index) {
  const Outcome alone = run_alone();
  double n_wrong = 0, n_dropped = 0;
  for (uint64_t seed = 1; seed <= 8; ++seed) {
    const Backend backend = toy_backend({.mode = CpuStreamMode::deferred, .schedule_seed = seed});
    const auto collectives = job.make_collectives(*backend.device, layout);
    MuonRun run(toy_shape(false), layout, backend, *collectives);
    toy_device(backend).drop({"step", stream, index(run.n_owned())});
    for (int64_t step = 1; step <= kSteps; ++step) run.step(step);
    n_wrong +=
        job.max_over_ranks(static_cast<double>(n_different(run.parameters(), alone.parameters)));
    n_dropped += job.max_over_ranks(static_cast<double>(toy_device(backend).n_dropped()));
  }
  EXPECT_GT(n_dropped, 0) << "no such wait";
  return n_wrong;
}

constexpr int kCompute = 0;
constexpr int kCommunication = 1;

// One test for each row of the table in distributed_muon.hpp that an event of its own protects. A
// rank that is alone moves nothing. Without shards the wait at the start protects ranks that own no
// matrix; all of these do.
class DroppedWait : public testing::Test {
 protected:
  /// On every grid with messages, or with broadcasts only.
  void expect_noticed(bool with_shards, int stream, const std::function<int(int64_t)>& index) {
    const auto job = launch();
    for (const Layout& layout : grids(job->info().world_size))
      if (layout.world_size() > 1 && (layout.n_shard > 1) == with_shards) {
        EXPECT_GT(n_wrong_without(*job, layout, stream, index), 0)
            << layout.n_replica << " x " << layout.n_shard;
      }
  }
};

TEST_F(DroppedWait, notices_messages_before_gradients_are_final) {
  expect_noticed(true, kCommunication, [](int64_t) { return 0; });
}
TEST_F(DroppedWait, notices_an_update_before_its_matrix_is_gathered) {
  expect_noticed(true, kCompute, [](int64_t) { return 0; });
}
// Waits of communication: at the start, two rounds gathered (for nothing: they follow in order),
// then the first round given back.
TEST_F(DroppedWait, notices_pieces_given_back_before_they_are_updated) {
  expect_noticed(true, kCommunication, [](int64_t) { return 3; });
}
TEST_F(DroppedWait, notices_a_broadcast_before_the_update) {
  expect_noticed(false, kCommunication, [](int64_t) { return 1; });
}
// Waits of compute: one for each owned matrix, then for the last pieces.
TEST_F(DroppedWait, notices_parameters_updated_before_the_last_pieces_came) {
  expect_noticed(true, kCompute, [](int64_t n_owned) { return static_cast<int>(n_owned); });
  expect_noticed(false, kCompute, [](int64_t n_owned) { return static_cast<int>(n_owned); });
}

}  // namespace
}  // namespace isoflop
