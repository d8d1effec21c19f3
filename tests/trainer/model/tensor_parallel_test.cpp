// SPDX-License-Identifier: MIT
// What blocks call at the borders of their sub-layers, and that it is enough: threads in the place
// of ranks, each with a part of a block, make what one makes alone.
#include "trainer/model/tensor_parallel.hpp"

#include "core/model/architecture.hpp"
#include "core/model/parameter_list.hpp"
#include "trainer/model/model_under_test.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <barrier>
#include <cstring>
#include <limits>
#include <map>
#include <thread>

namespace isoflop {
namespace {

using test::kBatch;
using test::kSeqLen;
using testing::ElementsAre;

constexpr int64_t kRows = kBatch * kSeqLen;

/// Memory of its own on the inside: what a block relies on without being promised shows.
class CopyingHooks final : public TensorParallel {
 public:
  TensorView gather(const Exec& exec, TensorView outside) override {
    const TensorView inside = partial(exec, outside);
    exec.device.copy(inside.data, outside.data, outside.bytes(), exec.stream);
    return inside;
  }
  TensorView partial(const Exec& exec, TensorView outside) override {
    return exec.arena.allocate(outside.dtype, outside.shape);
  }
  void reduce(const Exec& exec, TensorView outside, TensorView partial) override {
    exec.device.copy(outside.data, partial.data, partial.bytes(), exec.stream);
  }
};

TEST(TensorParallelHooks, copies_in_and_out_change_no_bit) {
  for (const ModelShape& shape : test::tiny_variants()) {
    for (const Recompute recompute : {Recompute::none, Recompute::selective, Recompute::full}) {
      SCOPED_TRACE(shape.name);
      CopyingHooks hooks;
      const int64_t hook_bytes = 4 * aligned_bytes(kRows * shape.d_model * 8);
      test::ModelUnderTest copied({shape, recompute, ""}, &hooks, hook_bytes);
      test::ModelUnderTest plain({shape, recompute, ""});
      EXPECT_EQ(copied.backward(0.25), plain.backward(0.25));
      EXPECT_EQ(copied.parameters().all_gradients(), plain.parameters().all_gradients());
      EXPECT_EQ(copied.loss(), plain.loss());
    }
  }
}

/// Writes down what it is called for, tensors by the names that were given to their memory.
class RecordingHooks final : public TensorParallel {
 public:
  void name(TensorView tensor, const std::string& name) { names_[tensor.data] = name; }
  TensorView gather(const Exec&, TensorView outside) override {
    calls_.push_back("gather " + name_of(outside));
    return outside;
  }
  TensorView partial(const Exec&, TensorView outside) override { return outside; }
  void reduce(const Exec&, TensorView outside, TensorView) override {
    calls_.push_back("reduce " + name_of(outside));
  }
  std::vector<std::string> take() { return std::exchange(calls_, {}); }

 private:
  std::string name_of(TensorView tensor) const {
    const auto found = names_.find(tensor.data);
    return found == names_.end() ? "temporary" : found->second;
  }
  std::map<const void*, std::string> names_;
  std::vector<std::string> calls_;
};

ModelShape shape_with(NormPosition position) {
  ModelShape shape = test::tiny_gpt2();
  shape.norm_position = position;
  return shape;
}

TEST(TensorParallelHooks, a_model_calls_two_a_sublayer_in_forward_and_three_in_backward) {
  for (const NormPosition position : {NormPosition::pre, NormPosition::post}) {
    RecordingHooks hooks;
    test::ModelUnderTest model({shape_with(position), Recompute::none, ""}, &hooks);
    model.loss();
    EXPECT_EQ(hooks.take().size(), 2 * 2 * 2);
    model.backward(1);
    EXPECT_EQ(hooks.take().size(), 2 * 2 * (2 + 3));
  }
}

// Of two blocks the last is not run again.
TEST(TensorParallelHooks, a_block_that_is_run_again_calls_again) {
  const auto calls = [](NormPosition position, RecomputePlan plan) {
    RecordingHooks hooks;
    test::ModelUnderTest({shape_with(position), plan, ""}, &hooks).backward(1);
    return hooks.take().size();
  };
  EXPECT_EQ(calls(NormPosition::pre, Recompute::selective), 20);
  EXPECT_EQ(calls(NormPosition::pre, Recompute::full), 20 + 3);
  EXPECT_EQ(calls(NormPosition::post, Recompute::full), 20 + 4);
}

/// A rank's part of a group, as the modes of tensor_parallel.hpp have it.
struct Part {
  int rank = 0;
  int n_rank = 1;
  bool splits_rows = false;  ///< sequence parallel

  int64_t rows_outside() const { return splits_rows ? kRows / n_rank : kRows; }
  int64_t first_row() const { return splits_rows ? rank * rows_outside() : 0; }
};

/// Of heads and hidden units.
ModelShape part_of(ModelShape shape, const Part& part) {
  shape.n_head /= part.n_rank;
  shape.n_kv_head /= part.n_rank;
  shape.d_ff /= part.n_rank;
  return shape;
}

std::vector<ParameterTensor> block_parameters(const ModelShape& shape) {
  return parameter_units(shape)[1].tensors;
}

/// The group's row of a part's row in rows that come in sections (queries, keys, values; gate and
/// up), each of which is split.
int64_t row_in_sections(const std::vector<int64_t>& sections, const Part& part, int64_t row) {
  int64_t before = 0;
  for (const int64_t n : sections) {
    const int64_t mine = n / part.n_rank;
    if (row < mine) return before + part.rank * mine + row;
    row -= mine;
    before += n;
  }
  return row;
}

/// Sections of the rows of a first product (weight and bias); none of other tensors.
std::vector<int64_t> sections(const ModelShape& whole, const std::string& name) {
  const int64_t kv = whole.n_kv_head * whole.d_head;
  if (name.find("attention.qkv") != std::string::npos) return {whole.n_head * whole.d_head, kv, kv};
  if (name.find("ffn.in") == std::string::npos) return {};
  return std::vector<int64_t>(static_cast<std::size_t>(whole.ffn_in_width() / whole.d_ff),
                              whole.d_ff);
}

bool has_split_columns(const std::string& name) {
  return name.ends_with("attention.out.weight") || name.ends_with("ffn.out.weight");
}

/// All ranks have it, and each has the gradient of what it does with it.
bool is_shared(const std::string& name, const Part& part) {
  if (name.find("q_norm") != std::string::npos || name.find("k_norm") != std::string::npos)
    return true;
  return part.splits_rows && name.find(".norm") != std::string::npos;
}

/// Where element `i` of a part's tensor is in the group's.
int64_t index_in_whole(const ModelShape& whole, const ParameterTensor& mine, const Part& part,
                       int64_t i) {
  const int64_t columns = mine.shape.size() == 2 ? mine.shape[1] : 1;
  const int64_t row = i / columns, column = i % columns;
  if (has_split_columns(mine.name))
    return row * columns * part.n_rank + part.rank * columns + column;
  const std::vector<int64_t> split = sections(whole, mine.name);
  return (split.empty() ? row : row_in_sections(split, part, row)) * columns + column;
}

/// What the ranks of a group show each other.
struct Meeting {
  explicit Meeting(int n_rank) : barrier(n_rank), shown(static_cast<std::size_t>(n_rank)) {}
  std::barrier<> barrier;
  std::vector<TensorView> shown;
};

/// Both modes between threads; the device runs its streams at once.
class ThreadHooks final : public TensorParallel {
 public:
  ThreadHooks(const Part& part, Meeting& meeting) : part_(part), meeting_(meeting) {}

  TensorView gather(const Exec& exec, TensorView outside) override {
    if (!part_.splits_rows) return outside;
    const TensorView inside = partial(exec, outside);
    meet(outside);
    for (int64_t i = 0; i < part_.n_rank; ++i)
      std::memcpy(inside.as<double>() + i * outside.size(),
                  meeting_.shown[static_cast<std::size_t>(i)].data,
                  static_cast<std::size_t>(outside.bytes()));
    meeting_.barrier.arrive_and_wait();
    return inside;
  }
  TensorView partial(const Exec& exec, TensorView outside) override {
    if (!part_.splits_rows) return outside;
    return exec.arena.allocate(outside.dtype, {kRows, outside.extent(1)});
  }
  void reduce(const Exec&, TensorView outside, TensorView partial) override {
    meet(partial);
    const int64_t first = part_.first_row() * outside.extent(1);
    std::vector<double> sum(static_cast<std::size_t>(outside.size()));
    for (const TensorView& one : meeting_.shown)
      for (std::size_t i = 0; i < sum.size(); ++i)
        sum[i] += one.as<double>()[first + static_cast<int64_t>(i)];
    meeting_.barrier.arrive_and_wait();
    std::copy(sum.begin(), sum.end(), outside.as<double>());
  }

 private:
  void meet(TensorView mine) {
    meeting_.shown[static_cast<std::size_t>(part_.rank)] = mine;
    meeting_.barrier.arrive_and_wait();
  }
  Part part_;
  Meeting& meeting_;
};

/// Row-major (kRows, d_model), the same for every part.
std::vector<double> random_rows(unsigned seed, int64_t d_model) {
  std::mt19937 random(seed);
  std::normal_distribution<double> normal(0.0, 0.5);
  std::vector<double> values(static_cast<std::size_t>(kRows * d_model));
  for (double& value : values) value = normal(random);
  return values;
}

/// The parameters of the block that is split, by name.
std::map<std::string, std::vector<double>> random_parameters(const ModelShape& shape) {
  std::mt19937 random(3);
  std::normal_distribution<double> normal(0.0, 0.5);
  std::map<std::string, std::vector<double>> values;
  for (const ParameterTensor& tensor : block_parameters(shape)) {
    std::vector<double>& all = values[tensor.name];
    for (int64_t i = 0; i < tensor.size(); ++i) all.push_back(normal(random));
  }
  return values;
}

/// A part's block with all memory that it needs.
class BlockRig {
 public:
  BlockRig(const ModelShape& whole, const Part& part, TensorParallel& hooks)
      : whole_(whole),
        part_(part),
        shape_(part_of(whole, part)),
        block_(make_block(shape_, *backend_.ops, hooks)) {
    make_parameters();
    make_saved();
    delta_ = outside();
    d_stream_ = outside_of(random_rows(2, shape_.d_model));
  }

  /// The stream leaving the block.
  std::vector<double> forward() {
    const TensorView input = is_pre() ? outside() : saved_.input;
    fill_outside(input, random_rows(1, shape_.d_model));
    block_->forward(exec(), params_, saved_, {input, TensorView()}, delta_, {});
    const ResidualStream out = block_->output(saved_, delta_);
    std::vector<double> stream = values(out.residual);
    if (out.delta)
      for (std::size_t i = 0; i < stream.size(); ++i) stream[i] += out.delta.as<double>()[i];
    return stream;
  }
  /// From the block's input alone.
  void forward_again() {
    for (const TensorView& tensor : rebuilt_)
      std::fill_n(tensor.as<double>(), tensor.size(), std::numeric_limits<double>::quiet_NaN());
    block_->recompute(exec(), BlockParts(Recompute::full), params_, saved_, delta_, {});
  }
  /// The gradient of the stream entering the block.
  std::vector<double> backward() {
    block_->backward(exec(), params_, grads_, saved_, d_stream_, {});
    return values(d_stream_);
  }

  std::vector<std::vector<double>> gradients() const {
    std::vector<std::vector<double>> all;
    for (const TensorView& tensor : grad_views_) all.push_back(values(tensor));
    return all;
  }
  void name_tensors(RecordingHooks& hooks) const {
    hooks.name(saved_.input, "input");
    hooks.name(saved_.norm1, "norm1");
    hooks.name(saved_.norm2, "norm2");
    hooks.name(delta_, "delta");
    hooks.name(d_stream_, "d_stream");
  }

 private:
  bool is_pre() const { return shape_.norm_position == NormPosition::pre; }
  Exec exec() { return {*backend_.device, backend_.device->compute_stream(), workspace_}; }
  TensorView tensor(Extents extents) {
    const TensorView made = memory_.allocate(DType::f64, extents);
    std::fill_n(made.as<double>(), made.size(), 0.0);
    return made;
  }
  TensorView outside() { return tensor({part_.rows_outside(), shape_.d_model}); }
  void fill_outside(TensorView out, const std::vector<double>& all) const {
    std::copy_n(all.begin() + part_.first_row() * shape_.d_model, out.size(), out.as<double>());
  }
  TensorView outside_of(const std::vector<double>& all) {
    const TensorView made = outside();
    fill_outside(made, all);
    return made;
  }
  static std::vector<double> values(TensorView view) {
    return {view.as<double>(), view.as<double>() + view.size()};
  }

  void make_parameters() {
    const auto whole = random_parameters(whole_);
    for (const ParameterTensor& mine : block_parameters(shape_)) {
      Extents extents;
      for (const int64_t extent : mine.shape) extents[extents.rank++] = extent;
      param_views_.push_back(tensor(extents));
      grad_views_.push_back(tensor(extents));
      for (int64_t i = 0; i < mine.size(); ++i)
        param_views_.back().as<double>()[i] =
            whole.at(mine.name)[static_cast<std::size_t>(index_in_whole(whole_, mine, part_, i))];
    }
    params_ = block_tensors(shape_, {nullptr, 1, UnitLease::Kind::parameters, param_views_});
    grads_ = block_tensors(shape_, {nullptr, 1, UnitLease::Kind::gradients, grad_views_});
    // added before the sum over the group
    if (part_.rank > 0) params_.out_bias = params_.ffn_out_bias = TensorView();
  }

  void make_saved() {
    const int64_t n_normed = shape_.n_head + shape_.n_kv_head;
    const int64_t stats_width = row_of(shape_.norm).stats_width();
    const auto rebuilt = [this](Extents extents) {
      rebuilt_.push_back(tensor(extents));
      return rebuilt_.back();
    };
    saved_.qkv = rebuilt({kBatch, kSeqLen, n_normed + shape_.n_kv_head, shape_.d_head});
    saved_.qk = rebuilt({kRows, n_normed, shape_.d_head});
    saved_.qk_stats = rebuilt({kRows, n_normed, stats_width});
    saved_.attention = rebuilt({kBatch, kSeqLen, shape_.n_head, shape_.d_head});
    saved_.attention_stats = rebuilt({kBatch, shape_.n_head, kSeqLen});
    saved_.norm1_stats = rebuilt({part_.rows_outside(), stats_width});
    saved_.norm1 = rebuilt({part_.rows_outside(), shape_.d_model});
    saved_.residual2 = rebuilt({part_.rows_outside(), shape_.d_model});
    saved_.norm2_stats = rebuilt({part_.rows_outside(), stats_width});
    saved_.norm2 = rebuilt({part_.rows_outside(), shape_.d_model});
    saved_.ffn_in = rebuilt({kRows, shape_.ffn_in_width()});
    saved_.ffn_act = rebuilt({kRows, shape_.d_ff});
    saved_.residual1 = outside();
    if (!is_pre()) {
      rebuilt_.push_back(saved_.residual1);
      saved_.input = outside();
    }
  }

  ModelShape whole_;
  Part part_;
  ModelShape shape_;
  Backend backend_ = make_reference_backend({});
  Arena memory_{*backend_.device, 1 << 18, MemoryCategory::activations};
  Arena workspace_{*backend_.device, 1 << 16, MemoryCategory::workspace};
  std::unique_ptr<Block> block_;
  std::vector<TensorView> param_views_, grad_views_, rebuilt_;
  BlockTensors params_, grads_;
  BlockActivations saved_;
  TensorView delta_, d_stream_;
};

TEST(TensorParallelHooks, a_pre_norm_block_calls_with_the_tensors_outside_of_its_sublayers) {
  RecordingHooks hooks;
  BlockRig rig(shape_with(NormPosition::pre), {}, hooks);
  rig.name_tensors(hooks);
  rig.forward();
  EXPECT_THAT(hooks.take(),
              ElementsAre("gather norm1", "reduce delta", "gather norm2", "reduce delta"));
  rig.forward_again();
  EXPECT_THAT(hooks.take(), ElementsAre("gather norm1", "reduce delta", "gather norm2"));
  rig.backward();
  EXPECT_THAT(hooks.take(), ElementsAre("gather d_stream", "gather norm2", "reduce temporary",
                                        "gather d_stream", "gather norm1", "reduce temporary"));
}

TEST(TensorParallelHooks, a_post_norm_block_calls_with_the_tensors_outside_of_its_sublayers) {
  RecordingHooks hooks;
  BlockRig rig(shape_with(NormPosition::post), {}, hooks);
  rig.name_tensors(hooks);
  rig.forward();
  EXPECT_THAT(hooks.take(),
              ElementsAre("gather input", "reduce delta", "gather norm1", "reduce delta"));
  rig.forward_again();
  EXPECT_THAT(hooks.take(),
              ElementsAre("gather input", "reduce delta", "gather norm1", "reduce delta"));
  rig.backward();
  EXPECT_THAT(hooks.take(), ElementsAre("gather temporary", "gather norm1", "reduce d_stream",
                                        "gather temporary", "gather input", "reduce d_stream"));
}

/// What a part makes.
struct Result {
  std::vector<double> stream, d_stream;
  std::vector<std::vector<double>> gradients;
};

Result run(const ModelShape& whole, const Part& part, TensorParallel& hooks, bool again) {
  BlockRig rig(whole, part, hooks);
  Result result;
  result.stream = rig.forward();
  if (again) rig.forward_again();
  result.d_stream = rig.backward();
  result.gradients = rig.gradients();
  return result;
}

std::vector<Result> run_group(const ModelShape& whole, int n_rank, bool splits_rows, bool again) {
  std::vector<Result> results(static_cast<std::size_t>(n_rank));
  Meeting meeting(n_rank);
  std::vector<std::jthread> ranks;
  for (int rank = 0; rank < n_rank; ++rank)
    ranks.emplace_back([&, rank] {
      const Part part{rank, n_rank, splits_rows};
      ThreadHooks hooks(part, meeting);
      results[static_cast<std::size_t>(rank)] = run(whole, part, hooks, again);
    });
  ranks.clear();
  return results;
}

// f64: sums of some tens of values of order 1 in another order.
constexpr double kTolerance = 1e-12;

void expect_near(double got, double expected) {
  EXPECT_NEAR(got, expected, kTolerance * std::max(1.0, std::abs(expected)));
}

/// A part's rows of what one rank has of all.
void expect_rows(const std::vector<double>& got, const std::vector<double>& all, int64_t first) {
  for (std::size_t i = 0; i < got.size(); ++i)
    expect_near(got[i], all[static_cast<std::size_t>(first) + i]);
}

void expect_gradients(const ModelShape& whole, const std::vector<Result>& group,
                      const Result& alone, const Part& part) {
  const std::vector<ParameterTensor> tensors = block_parameters(part_of(whole, part));
  for (std::size_t t = 0; t < tensors.size(); ++t) {
    SCOPED_TRACE(tensors[t].name);
    const std::vector<double>& mine = group[static_cast<std::size_t>(part.rank)].gradients[t];
    for (std::size_t i = 0; i < mine.size(); ++i) {
      double gradient = mine[i];
      if (is_shared(tensors[t].name, part)) {
        gradient = 0;
        for (const Result& one : group) gradient += one.gradients[t][i];
      }
      const int64_t at = index_in_whole(whole, tensors[t], part, static_cast<int64_t>(i));
      expect_near(gradient, alone.gradients[t][static_cast<std::size_t>(at)]);
    }
  }
}

std::vector<ModelShape> split_shapes() {
  std::vector<ModelShape> shapes = {test::tiny_gpt2(), test::tiny_llama(), test::tiny_llama()};
  shapes[1].n_head = 4;
  shapes[1].n_kv_head = 2;
  shapes[2].n_kv_head = 2;
  shapes[2].qk_norm = true;
  return shapes;
}

void expect_two_ranks_equal_one(ModelShape whole, bool splits_rows) {
  for (const NormPosition position : {NormPosition::pre, NormPosition::post})
    for (const bool again : {false, true}) {
      whole.norm_position = position;
      NoTensorParallel none;
      const Result alone = run(whole, {}, none, false);
      const std::vector<Result> group = run_group(whole, 2, splits_rows, again);
      for (int rank = 0; rank < 2; ++rank) {
        const Part part{rank, 2, splits_rows};
        const Result& one = group[static_cast<std::size_t>(rank)];
        expect_rows(one.stream, alone.stream, part.first_row() * whole.d_model);
        expect_rows(one.d_stream, alone.d_stream, part.first_row() * whole.d_model);
        expect_gradients(whole, group, alone, part);
      }
    }
}

TEST(TensorParallelHooks, are_enough_for_two_ranks_with_half_the_heads_and_hidden_units_each) {
  for (const ModelShape& shape : split_shapes()) expect_two_ranks_equal_one(shape, false);
}

TEST(TensorParallelHooks, are_enough_for_two_ranks_with_half_the_rows_of_the_stream_each) {
  for (const ModelShape& shape : split_shapes()) expect_two_ranks_equal_one(shape, true);
}

}  // namespace
}  // namespace isoflop
