// SPDX-License-Identifier: MIT
#pragma once

#include "core/parallel/layout.hpp"
#include "trainer/backend/cpu/cpu_device.hpp"
#include "trainer/comm/collectives.hpp"
#include "trainer/tensor/bf16.hpp"
#include "trainer/tensor/f16.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <functional>
#include <memory>
#include <ostream>
#include <span>
#include <string>
#include <utility>
#include <vector>

/// What every implementation of Collectives promises; a test program instantiates it with cases.
namespace isoflop {

struct ContractCase {
  /// What one rank does.
  using Body = std::function<void(Device& device, Collectives& collectives)>;

  std::string name;
  DType dtype = DType::f32;
  Layout layout;
  int64_t n = 0;  ///< elements one rank contributes to gathers and receives from scatters
  /// Runs the body on every rank of the layout that this process has.
  std::function<void(const Layout& layout, const Body& body)> run;
};

inline void PrintTo(const ContractCase& contract_case, std::ostream* out) {
  *out << contract_case.name;
}

/// Small whole numbers, so that sums are exact in every dtype and order.
inline double value_of(int rank, int64_t i) {
  return static_cast<double>((rank * 29 + i * 13) % 61 - 30);
}

inline void store(void* element, DType dtype, double value) {
  const auto put = [&](auto typed) { std::memcpy(element, &typed, sizeof(typed)); };
  if (dtype == DType::f32) put(static_cast<float>(value));
  if (dtype == DType::f64) put(value);
  if (dtype == DType::bf16) put(to_bf16(static_cast<float>(value)));
  if (dtype == DType::f16) put(to_f16(static_cast<float>(value)));
  if (dtype == DType::i32) put(static_cast<int32_t>(value));
  if (dtype == DType::i64) put(static_cast<int64_t>(value));
}

inline double load(const void* element, DType dtype) {
  const auto get = [&](auto typed) {
    std::memcpy(&typed, element, sizeof(typed));
    return typed;
  };
  if (dtype == DType::f32) return static_cast<double>(get(float{}));
  if (dtype == DType::f64) return get(double{});
  if (dtype == DType::bf16) return static_cast<double>(to_float(get(Bf16{})));
  if (dtype == DType::f16) return static_cast<double>(to_float(get(F16{})));
  if (dtype == DType::i32) return get(int32_t{});
  return static_cast<double>(get(int64_t{}));
}

/// One rank's device and collectives, with tensors made from and read as numbers.
class ContractRank {
 public:
  ContractRank(const ContractCase& contract_case, Device& device, Collectives& collectives)
      : collectives_(&collectives),
        n_(contract_case.n),
        layout_(contract_case.layout),
        dtype_(contract_case.dtype),
        device_(device) {}

  /// World ranks of this rank's group, in group order.
  std::vector<int> members(Group group) const {
    const int world = collectives_->size(Group::world);
    const int rank = collectives_->rank(Group::world);
    const int n_shard = static_cast<int>(layout_.n_shard);
    std::vector<int> result;
    for (int other = 0; other < world; ++other) {
      const bool same_shard_group = other / n_shard == rank / n_shard;
      const bool same_replica_group = other % n_shard == rank % n_shard;
      if (group == Group::world || (group == Group::shard && same_shard_group) ||
          (group == Group::replica && same_replica_group))
        result.push_back(other);
    }
    return result;
  }

  TensorView tensor(int64_t n) {
    buffers_.push_back(device_.allocate(n * size_of(dtype_), MemoryCategory::workspace));
    return buffers_.back().view(dtype_, {n});
  }

  /// tensor[i] = f(i), as work of the compute stream.
  void fill(TensorView tensor, const std::function<double(int64_t)>& f) {
    buffers_.push_back(device_.allocate_pinned(tensor.bytes()));
    auto* const staging = static_cast<std::byte*>(buffers_.back().data());
    for (int64_t i = 0; i < tensor.size(); ++i) store(staging + i * size_of(dtype_), dtype_, f(i));
    device_.copy(tensor.data, staging, tensor.bytes(), device_.compute_stream());
  }

  void fill_own(TensorView tensor) {
    const int rank = collectives_->rank(Group::world);
    fill(tensor, [rank](int64_t i) { return value_of(rank, i); });
  }

  /// What the compute stream reads once `done` is over.
  std::vector<double> read(TensorView tensor, Event done) {
    const Buffer staging = device_.allocate_pinned(tensor.bytes());
    device_.wait(device_.compute_stream(), done);
    device_.copy(staging.data(), tensor.data, tensor.bytes(), device_.compute_stream());
    device_.synchronize(device_.record(device_.compute_stream()));
    std::vector<double> values;
    for (int64_t i = 0; i < tensor.size(); ++i)
      values.push_back(
          load(static_cast<const std::byte*>(staging.data()) + i * size_of(dtype_), dtype_));
    return values;
  }

  Event computed() { return device_.record(device_.compute_stream()); }
  Stream communication() { return device_.communication_stream(); }

  /// Element i of the reduction over `ranks`.
  static double reduced(const std::vector<int>& ranks, ReduceOp op, int64_t i) {
    double result = op == ReduceOp::sum ? 0 : -1e9;
    for (const int rank : ranks) {
      const double value = value_of(rank, i);
      result = op == ReduceOp::sum ? result + value : std::max(result, value);
    }
    return result;
  }

  static constexpr Group kGroups[] = {Group::world, Group::shard, Group::replica};
  static constexpr ReduceOp kOps[] = {ReduceOp::sum, ReduceOp::max};

  void groups_are_rows_and_columns_of_the_grid();
  void all_gather_puts_parts_in_rank_order();
  void all_gather_works_in_place();
  void reduce_scatter_gives_this_ranks_part();
  void reduce_scatter_works_in_place();
  void all_reduce_sums_and_finds_the_largest();
  void all_reduce_works_in_place();
  void broadcast_gives_every_rank_the_roots_values();
  void all_reduce_has_the_same_bits_on_every_rank();
  void chained_collectives_follow_their_events();
  void exchange_moves_a_message_between_any_two_ranks();
  void exchange_leaves_out_who_has_no_message();
  void exchanges_keep_their_order();
  void broadcast_each_gives_every_root_its_share();

  /// Elements of a message between two world ranks: large, and another for the way back.
  int64_t message_size(int from, int to) const { return n_ - (13 * from + 7 * to) % n_; }

 private:
  Collectives* collectives_;
  int64_t n_;
  Layout layout_;
  DType dtype_;
  Device& device_;
  std::vector<Buffer> buffers_;
};

class CollectivesContract : public testing::TestWithParam<ContractCase> {
 protected:
  void on_every_rank(void (ContractRank::*check)()) {
    const ContractCase& contract_case = GetParam();
    contract_case.run(contract_case.layout, [&](Device& device, Collectives& collectives) {
      ContractRank rank(contract_case, device, collectives);
      (rank.*check)();
    });
  }
};

inline void ContractRank::groups_are_rows_and_columns_of_the_grid() {
  const int rank = collectives_->rank(Group::world);
  const Layout& layout = layout_;
  EXPECT_EQ(collectives_->size(Group::world), layout.world_size());
  EXPECT_EQ(collectives_->size(Group::shard), layout.n_shard);
  EXPECT_EQ(collectives_->size(Group::replica), layout.n_replica);
  EXPECT_EQ(collectives_->rank(Group::shard), rank % layout.n_shard);
  EXPECT_EQ(collectives_->rank(Group::replica), rank / layout.n_shard);
}

inline void ContractRank::all_gather_puts_parts_in_rank_order() {
  for (const Group group : kGroups) {
    const TensorView in = tensor(n_);
    const TensorView out = tensor(n_ * collectives_->size(group));
    fill_own(in);
    const auto values =
        read(out, collectives_->all_gather(out, in, group, communication(), computed()));
    const std::vector<int> ranks = members(group);
    for (int64_t i = 0; i < out.size(); ++i)
      ASSERT_EQ(values[static_cast<std::size_t>(i)],
                value_of(ranks[static_cast<std::size_t>(i / n_)], i % n_));
  }
}

inline void ContractRank::all_gather_works_in_place() {
  for (const Group group : kGroups) {
    const TensorView out = tensor(n_ * collectives_->size(group));
    const TensorView in = out.flat_slice(n_ * collectives_->rank(group), {n_});
    fill_own(in);
    const auto values =
        read(out, collectives_->all_gather(out, in, group, communication(), computed()));
    const std::vector<int> ranks = members(group);
    for (int64_t i = 0; i < out.size(); ++i)
      ASSERT_EQ(values[static_cast<std::size_t>(i)],
                value_of(ranks[static_cast<std::size_t>(i / n_)], i % n_));
  }
}

inline void ContractRank::reduce_scatter_gives_this_ranks_part() {
  for (const Group group : kGroups) {
    for (const ReduceOp op : kOps) {
      const TensorView in = tensor(n_ * collectives_->size(group));
      const TensorView out = tensor(n_);
      fill_own(in);
      const auto values =
          read(out, collectives_->reduce_scatter(out, in, op, group, communication(), computed()));
      const std::vector<int> ranks = members(group);
      for (int64_t i = 0; i < n_; ++i)
        ASSERT_EQ(values[static_cast<std::size_t>(i)],
                  reduced(ranks, op, collectives_->rank(group) * n_ + i));
    }
  }
}

inline void ContractRank::reduce_scatter_works_in_place() {
  for (const Group group : kGroups) {
    const TensorView in = tensor(n_ * collectives_->size(group));
    const int64_t begin = collectives_->rank(group) * n_;
    const TensorView mine = in.flat_slice(begin, {n_});
    fill_own(in);
    const auto values = read(mine, collectives_->reduce_scatter(mine, in, ReduceOp::sum, group,
                                                                communication(), computed()));
    const std::vector<int> ranks = members(group);
    for (int64_t i = 0; i < n_; ++i)
      ASSERT_EQ(values[static_cast<std::size_t>(i)], reduced(ranks, ReduceOp::sum, begin + i));
  }
}

inline void ContractRank::all_reduce_sums_and_finds_the_largest() {
  for (const Group group : kGroups) {
    for (const ReduceOp op : kOps) {
      const TensorView in = tensor(n_);
      const TensorView out = tensor(n_);
      fill_own(in);
      const auto values =
          read(out, collectives_->all_reduce(out, in, op, group, communication(), computed()));
      const std::vector<int> ranks = members(group);
      for (int64_t i = 0; i < n_; ++i)
        ASSERT_EQ(values[static_cast<std::size_t>(i)], reduced(ranks, op, i));
    }
  }
}

inline void ContractRank::all_reduce_works_in_place() {
  for (const Group group : kGroups) {
    const TensorView inout = tensor(n_);
    fill_own(inout);
    const auto values = read(inout, collectives_->all_reduce(inout, inout, ReduceOp::sum, group,
                                                             communication(), computed()));
    const std::vector<int> ranks = members(group);
    for (int64_t i = 0; i < n_; ++i)
      ASSERT_EQ(values[static_cast<std::size_t>(i)], reduced(ranks, ReduceOp::sum, i));
  }
}

inline void ContractRank::broadcast_gives_every_rank_the_roots_values() {
  for (const Group group : kGroups) {
    const int root = collectives_->size(group) - 1;
    const TensorView inout = tensor(n_);
    fill_own(inout);
    const auto values =
        read(inout, collectives_->broadcast(inout, root, group, communication(), computed()));
    for (int64_t i = 0; i < n_; ++i)
      ASSERT_EQ(values[static_cast<std::size_t>(i)], value_of(members(group).back(), i));
  }
}

// Replicas stay identical only if every rank rounds alike.
inline void ContractRank::all_reduce_has_the_same_bits_on_every_rank() {
  const int world = collectives_->size(Group::world);
  const TensorView sum = tensor(n_);
  const TensorView all = tensor(n_ * world);
  const int rank = collectives_->rank(Group::world);
  fill(sum, [rank](int64_t i) { return 1e3 / (3.0 + rank + static_cast<double>(i % 97)); });
  const Event summed =
      collectives_->all_reduce(sum, sum, ReduceOp::sum, Group::world, communication(), computed());
  const auto values =
      read(all, collectives_->all_gather(all, sum, Group::world, communication(), summed));
  for (int64_t i = 0; i < all.size(); ++i)
    ASSERT_EQ(values[static_cast<std::size_t>(i)], values[static_cast<std::size_t>(i % n_)]);
}

inline void ContractRank::chained_collectives_follow_their_events() {
  const TensorView shard = tensor(n_);
  const TensorView full = tensor(n_ * collectives_->size(Group::shard));
  fill_own(full);
  const Event scattered = collectives_->reduce_scatter(shard, full, ReduceOp::sum, Group::shard,
                                                       communication(), computed());
  const auto values =
      read(full, collectives_->all_gather(full, shard, Group::shard, communication(), scattered));
  const std::vector<int> ranks = members(Group::shard);
  for (int64_t i = 0; i < full.size(); ++i)
    ASSERT_EQ(values[static_cast<std::size_t>(i)], reduced(ranks, ReduceOp::sum, i));
}

inline void ContractRank::exchange_moves_a_message_between_any_two_ranks() {
  for (const Group group : kGroups) {
    const int rank = collectives_->rank(Group::world);
    const std::vector<int> ranks = members(group);
    std::vector<Message> sends, receives;
    for (int peer = 0; peer < collectives_->size(group); ++peer) {
      const int other = ranks[static_cast<std::size_t>(peer)];
      sends.push_back({peer, tensor(message_size(rank, other))});
      fill(sends.back().view, [=](int64_t i) { return value_of(rank + 3 * other, i); });
      receives.push_back({peer, tensor(message_size(other, rank))});
    }
    const Event done = collectives_->exchange(sends, receives, group, communication(), computed());
    for (const Message& received : receives) {
      const int other = ranks[static_cast<std::size_t>(received.peer)];
      const auto values = read(received.view, done);
      for (int64_t i = 0; i < received.view.size(); ++i)
        ASSERT_EQ(values[static_cast<std::size_t>(i)], value_of(other + 3 * rank, i));
    }
  }
}

// Every rank's message goes to the last one only.
inline void ContractRank::exchange_leaves_out_who_has_no_message() {
  for (const Group group : kGroups) {
    const int last = collectives_->size(group) - 1;
    const std::vector<int> ranks = members(group);
    const Message send{last, tensor(n_)};
    fill_own(send.view);
    std::vector<Message> receives;
    if (collectives_->rank(group) == last)
      for (int peer = 0; peer <= last; ++peer) receives.push_back({peer, tensor(n_)});
    const Event done =
        collectives_->exchange(std::span(&send, 1), receives, group, communication(), computed());
    for (const Message& received : receives) {
      const auto values = read(received.view, done);
      for (int64_t i = 0; i < n_; ++i)
        ASSERT_EQ(values[static_cast<std::size_t>(i)],
                  value_of(ranks[static_cast<std::size_t>(received.peer)], i));
    }
    device_.synchronize(done);
  }
}

// Round the ring and on: the second exchange sends what the first one brings.
inline void ContractRank::exchanges_keep_their_order() {
  for (const Group group : kGroups) {
    const int n_rank = collectives_->size(group), rank = collectives_->rank(group);
    const int next = (rank + 1) % n_rank, previous = (rank + n_rank - 1) % n_rank;
    const TensorView own = tensor(n_), first = tensor(n_), second = tensor(n_);
    fill_own(own);
    const auto pass_on = [&](TensorView out, TensorView in, Event after) {
      const Message send{next, in}, receive{previous, out};
      return collectives_->exchange(std::span(&send, 1), std::span(&receive, 1), group,
                                    communication(), after);
    };
    const auto values = read(second, pass_on(second, first, pass_on(first, own, computed())));
    const int origin = members(group)[static_cast<std::size_t>((rank + 2 * n_rank - 2) % n_rank)];
    for (int64_t i = 0; i < n_; ++i)
      ASSERT_EQ(values[static_cast<std::size_t>(i)], value_of(origin, i));
  }
}

inline void ContractRank::broadcast_each_gives_every_root_its_share() {
  for (const Group group : kGroups) {
    const int rank = collectives_->rank(Group::world);
    const std::vector<int> ranks = members(group);
    std::vector<Share> shares;
    for (int root = collectives_->size(group) - 1; root >= 0; --root) {
      const int other = ranks[static_cast<std::size_t>(root)];
      shares.push_back({tensor(message_size(other, 0)), root});
      fill(shares.back().view, [=](int64_t i) { return value_of(rank + other, i); });
    }
    const Event done = collectives_->broadcast_each(shares, group, communication(), computed());
    for (const Share& share : shares) {
      const int other = ranks[static_cast<std::size_t>(share.root)];
      const auto values = read(share.view, done);
      for (int64_t i = 0; i < share.view.size(); ++i)
        ASSERT_EQ(values[static_cast<std::size_t>(i)], value_of(2 * other, i));
    }
  }
}

TEST_P(CollectivesContract, groups_are_rows_and_columns_of_the_grid) {
  on_every_rank(&ContractRank::groups_are_rows_and_columns_of_the_grid);
}
TEST_P(CollectivesContract, all_gather_puts_parts_in_rank_order) {
  on_every_rank(&ContractRank::all_gather_puts_parts_in_rank_order);
}
TEST_P(CollectivesContract, all_gather_works_in_place) {
  on_every_rank(&ContractRank::all_gather_works_in_place);
}
TEST_P(CollectivesContract, reduce_scatter_gives_this_ranks_part) {
  on_every_rank(&ContractRank::reduce_scatter_gives_this_ranks_part);
}
TEST_P(CollectivesContract, reduce_scatter_works_in_place) {
  on_every_rank(&ContractRank::reduce_scatter_works_in_place);
}
TEST_P(CollectivesContract, all_reduce_sums_and_finds_the_largest) {
  on_every_rank(&ContractRank::all_reduce_sums_and_finds_the_largest);
}
TEST_P(CollectivesContract, all_reduce_works_in_place) {
  on_every_rank(&ContractRank::all_reduce_works_in_place);
}
TEST_P(CollectivesContract, broadcast_gives_every_rank_the_roots_values) {
  on_every_rank(&ContractRank::broadcast_gives_every_rank_the_roots_values);
}
TEST_P(CollectivesContract, all_reduce_has_the_same_bits_on_every_rank) {
  on_every_rank(&ContractRank::all_reduce_has_the_same_bits_on_every_rank);
}
TEST_P(CollectivesContract, chained_collectives_follow_their_events) {
  on_every_rank(&ContractRank::chained_collectives_follow_their_events);
}
TEST_P(CollectivesContract, exchange_moves_a_message_between_any_two_ranks) {
  on_every_rank(&ContractRank::exchange_moves_a_message_between_any_two_ranks);
}
TEST_P(CollectivesContract, exchange_leaves_out_who_has_no_message) {
  on_every_rank(&ContractRank::exchange_leaves_out_who_has_no_message);
}
TEST_P(CollectivesContract, exchanges_keep_their_order) {
  on_every_rank(&ContractRank::exchanges_keep_their_order);
}
TEST_P(CollectivesContract, broadcast_each_gives_every_root_its_share) {
  on_every_rank(&ContractRank::broadcast_each_gives_every_root_its_share);
}

/// A rank that is this process, on a CPU device.
inline auto on_cpu(
    CpuStreamMode mode,
    const std::function<std::unique_ptr<Collectives>(CpuDevice&, const Layout&)>& make) {
  return [mode, make](const Layout& layout, const ContractCase::Body& body) {
    CpuDevice device({.n_threads = 1, .mode = mode, .schedule_seed = 7});
    const std::unique_ptr<Collectives> collectives = make(device, layout);
    body(device, *collectives);
  };
}

/// One case per layout and dtype; `name_prefix` keeps names unique in a program.
struct ContractCases {
  std::string name_prefix;
  std::vector<DType> dtypes;
  std::vector<Layout> layouts;
  int64_t n = 0;
  decltype(ContractCase::run) run;
};

inline auto make_cases(const ContractCases& cases) {
  std::vector<ContractCase> result;
  for (const Layout& layout : cases.layouts)
    for (const DType dtype : cases.dtypes)
      result.push_back({fmt::format("{}_{}x{}_{}", cases.name_prefix, layout.n_replica,
                                    layout.n_shard, to_string(dtype)),
                        dtype, layout, cases.n, cases.run});
  return testing::ValuesIn(result);
}

inline const std::vector<DType> kContractDTypes = {DType::f32, DType::f64, DType::i32, DType::i64};

inline std::string case_name(const testing::TestParamInfo<ContractCase>& info) {
  return info.param.name;
}

}  // namespace isoflop
