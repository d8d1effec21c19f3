// SPDX-License-Identifier: MIT
#pragma once

#include "core/parallel/layout.hpp"
#include "trainer/backend/cpu/cpu_device.hpp"
#include "trainer/comm/collectives.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

/// What every implementation of Collectives promises; a test program instantiates it with cases.
namespace isoflop {

struct ContractCase {
  std::string name;
  CpuStreamMode mode = CpuStreamMode::run_inline;
  DType dtype = DType::f32;
  Layout layout;
  int64_t n = 0;  ///< elements one rank contributes to gathers and receives from scatters
  std::function<std::unique_ptr<Collectives>(CpuDevice&, const Layout&)> make;
};

inline void PrintTo(const ContractCase& contract_case, std::ostream* out) {
  *out << contract_case.name;
}

/// Small whole numbers, so that sums are exact in every dtype and order.
inline double value_of(int rank, int64_t i) {
  return static_cast<double>((rank * 29 + i * 13) % 61 - 30);
}

class CollectivesContract : public testing::TestWithParam<ContractCase> {
 protected:
  CollectivesContract()
      : device_({.n_threads = 1, .mode = GetParam().mode, .schedule_seed = 7}),
        collectives_(GetParam().make(device_, GetParam().layout)) {}

  /// World ranks of this rank's group, in group order.
  std::vector<int> members(Group group) const {
    const int world = collectives_->size(Group::world);
    const int rank = collectives_->rank(Group::world);
    const int n_shard = static_cast<int>(GetParam().layout.n_shard);
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
    buffers_.push_back(device_.allocate(n * size_of(GetParam().dtype), MemoryCategory::workspace));
    return buffers_.back().view(GetParam().dtype, {n});
  }

  /// tensor[i] = f(i), as work of the compute stream.
  void fill(TensorView tensor, std::function<double(int64_t)> f) {
    device_.enqueue(device_.compute_stream(), [tensor, f = std::move(f)] {
      for (int64_t i = 0; i < tensor.size(); ++i) {
        if (tensor.dtype == DType::f32) tensor.as<float>()[i] = static_cast<float>(f(i));
        if (tensor.dtype == DType::f64) tensor.as<double>()[i] = f(i);
        if (tensor.dtype == DType::i32) tensor.as<int32_t>()[i] = static_cast<int32_t>(f(i));
        if (tensor.dtype == DType::i64) tensor.as<int64_t>()[i] = static_cast<int64_t>(f(i));
      }
    });
  }

  void fill_own(TensorView tensor) {
    const int rank = collectives_->rank(Group::world);
    fill(tensor, [rank](int64_t i) { return value_of(rank, i); });
  }

  /// What the compute stream reads once `done` is over.
  std::vector<double> read(TensorView tensor, Event done) {
    std::vector<double> values(static_cast<std::size_t>(tensor.size()));
    device_.wait(device_.compute_stream(), done);
    device_.enqueue(device_.compute_stream(), [tensor, &values] {
      for (int64_t i = 0; i < tensor.size(); ++i) {
        double& value = values[static_cast<std::size_t>(i)];
        if (tensor.dtype == DType::f32) value = static_cast<double>(tensor.as<float>()[i]);
        if (tensor.dtype == DType::f64) value = tensor.as<double>()[i];
        if (tensor.dtype == DType::i32) value = tensor.as<int32_t>()[i];
        if (tensor.dtype == DType::i64) value = static_cast<double>(tensor.as<int64_t>()[i]);
      }
    });
    device_.synchronize(device_.record(device_.compute_stream()));
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

  CpuDevice device_;
  std::unique_ptr<Collectives> collectives_;
  std::vector<Buffer> buffers_;
  const int64_t n_ = GetParam().n;
  static constexpr Group kGroups[] = {Group::world, Group::shard, Group::replica};
  static constexpr ReduceOp kOps[] = {ReduceOp::sum, ReduceOp::max};
};

TEST_P(CollectivesContract, groups_are_rows_and_columns_of_the_grid) {
  const int rank = collectives_->rank(Group::world);
  const Layout& layout = GetParam().layout;
  EXPECT_EQ(collectives_->size(Group::world), layout.world_size());
  EXPECT_EQ(collectives_->size(Group::shard), layout.n_shard);
  EXPECT_EQ(collectives_->size(Group::replica), layout.n_replica);
  EXPECT_EQ(collectives_->rank(Group::shard), rank % layout.n_shard);
  EXPECT_EQ(collectives_->rank(Group::replica), rank / layout.n_shard);
}

TEST_P(CollectivesContract, all_gather_puts_parts_in_rank_order) {
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

TEST_P(CollectivesContract, all_gather_works_in_place) {
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

TEST_P(CollectivesContract, reduce_scatter_gives_this_ranks_part) {
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

TEST_P(CollectivesContract, all_reduce_sums_and_finds_the_largest) {
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

TEST_P(CollectivesContract, all_reduce_works_in_place) {
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

TEST_P(CollectivesContract, broadcast_gives_every_rank_the_roots_values) {
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
TEST_P(CollectivesContract, all_reduce_has_the_same_bits_on_every_rank) {
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

TEST_P(CollectivesContract, chained_collectives_follow_their_events) {
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

/// One case per layout and dtype; `name_prefix` keeps names unique in a program.
struct ContractCases {
  std::string name_prefix;
  CpuStreamMode mode = CpuStreamMode::run_inline;
  std::vector<DType> dtypes;
  std::vector<Layout> layouts;
  int64_t n = 0;
  decltype(ContractCase::make) make;
};

inline auto make_cases(const ContractCases& cases) {
  std::vector<ContractCase> result;
  for (const Layout& layout : cases.layouts)
    for (const DType dtype : cases.dtypes)
      result.push_back({fmt::format("{}_{}x{}_{}", cases.name_prefix, layout.n_replica,
                                    layout.n_shard, to_string(dtype)),
                        cases.mode, dtype, layout, cases.n, cases.make});
  return testing::ValuesIn(result);
}

inline const std::vector<DType> kContractDTypes = {DType::f32, DType::f64, DType::i32, DType::i64};

inline std::string case_name(const testing::TestParamInfo<ContractCase>& info) {
  return info.param.name;
}

}  // namespace isoflop
