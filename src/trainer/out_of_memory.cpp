// SPDX-License-Identifier: MIT
#include "trainer/out_of_memory.hpp"

#include "core/base/error.hpp"
#include "core/base/format.hpp"
#include "core/plan/train_config_names.hpp"
#include "trainer/backend/device_memory_error.hpp"
#include "trainer/memory_report.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <new>
#include <optional>

namespace isoflop {
namespace {

/// A configuration's memory on a number of ranks.
class MemoryPrediction {
 public:
  MemoryPrediction(const TrainConfig& config, int64_t world_size, const Backend& backend)
      : config_(config), world_size_(world_size), backend_(backend) {}

  int64_t bytes(const LayoutConfig& layout) const {
    return predicted_memory(config_, resolve_layout(layout, world_size_), backend_).total();
  }
  int64_t world_size() const { return world_size_; }

 private:
  const TrainConfig& config_;
  int64_t world_size_;
  const Backend& backend_;
};

/// The largest smaller micro batch that fits, or the smallest there is.
std::optional<MemoryRemedy> smaller_micro_batch(const LayoutConfig& from,
                                                const MemoryPrediction& prediction,
                                                int64_t capacity) {
  std::optional<MemoryRemedy> remedy;
  const int64_t sequences_of_rank = from.global_batch_size / prediction.world_size();
  for (int64_t size = from.micro_batch_size - 1; size >= 1; --size) {
    if (sequences_of_rank % size != 0) continue;
    LayoutConfig layout = from;
    layout.micro_batch_size = size;
    const int64_t bytes = prediction.bytes(layout);
    remedy = {fmt::format("layout.micro_batch_size {} (accumulation {} keeps the batch)", size,
                          sequences_of_rank / size),
              layout, bytes};
    if (bytes <= capacity) break;
  }
  return remedy;
}

std::optional<MemoryRemedy> with_recompute(const LayoutConfig& from,
                                           const MemoryPrediction& prediction,
                                           Recompute recompute) {
  LayoutConfig layout = from;
  layout.recompute = recompute;
  return MemoryRemedy{fmt::format("layout.recompute {}", enum_name(kRecomputeNames, recompute)),
                      layout, prediction.bytes(layout)};
}

std::optional<MemoryRemedy> with_strategy(const LayoutConfig& from,
                                          const MemoryPrediction& prediction,
                                          ParallelStrategy strategy) {
  if (prediction.world_size() == 1) return std::nullopt;
  LayoutConfig layout = from;
  layout.strategy = strategy;
  layout.n_shard.reset();
  layout.fsdp = {};
  return MemoryRemedy{fmt::format("layout.strategy {}", enum_name(kStrategyNames, strategy)),
                      layout, prediction.bytes(layout)};
}

/// The remedies one by one, each from `from`, in order.
using Step = std::function<std::optional<MemoryRemedy>(const LayoutConfig& from)>;

std::vector<Step> steps_of(const MemoryPrediction& prediction, int64_t capacity) {
  const auto recompute = [&prediction](Recompute kind) {
    return [&prediction, kind](const LayoutConfig& from) {
      return with_recompute(from, prediction, kind);
    };
  };
  const auto strategy = [&prediction](ParallelStrategy kind) {
    return [&prediction, kind](const LayoutConfig& from) {
      return with_strategy(from, prediction, kind);
    };
  };
  return {[&prediction, capacity](const LayoutConfig& from) {
            return smaller_micro_batch(from, prediction, capacity);
          },
          recompute(Recompute::selective), recompute(Recompute::full),
          strategy(ParallelStrategy::zero1), strategy(ParallelStrategy::fsdp)};
}

std::string key_of(const std::string& change) { return change.substr(0, change.find(' ')); }

/// As many of the steps, in order, as it takes; a later one of the same key replaces the earlier.
/// None if all do not suffice.
std::optional<MemoryRemedy> together(const LayoutConfig& config, const MemoryPrediction& prediction,
                                     int64_t capacity) {
  std::vector<std::string> changes;
  MemoryRemedy sum{"", config, prediction.bytes(config)};
  for (const Step& step : steps_of(prediction, capacity)) {
    const std::optional<MemoryRemedy> next = step(sum.layout);
    if (!next || next->bytes >= sum.bytes) continue;
    std::erase_if(
        changes, [&](const std::string& change) { return key_of(change) == key_of(next->change); });
    changes.push_back(next->change);
    sum = {fmt::format("{}", fmt::join(changes, " and ")), next->layout, next->bytes};
    if (sum.bytes <= capacity) return sum;
  }
  return std::nullopt;
}

std::string remedies_text(const std::vector<MemoryRemedy>& remedies) {
  if (remedies.empty())
    return "nothing makes it fit on these ranks: take more ranks with layout.strategy fsdp, nodes "
           "with more memory, or a smaller model or data.seq_len";
  std::vector<std::string> texts;
  for (const MemoryRemedy& remedy : remedies)
    texts.push_back(fmt::format("{} ({})", remedy.change, format_bytes(remedy.bytes)));
  return fmt::format("set {}", fmt::join(texts, ", or "));
}

[[noreturn]] void fail(const TrainConfig& config, const Backend& backend, const RankInfo& info,
                       const std::string& what, int64_t capacity) {
  const LayoutConfig& layout = config.layout;
  throw OutOfMemoryError(
      fmt::format("rank {} on {}: {}; the run takes {} a rank; {}", info.rank, info.host, what,
                  format_bytes(MemoryPrediction(config, info.world_size, backend).bytes(layout)),
                  remedies_text(memory_remedies(config, info.world_size, backend, capacity))));
}

}  // namespace

std::vector<MemoryRemedy> memory_remedies(const TrainConfig& config, int64_t world_size,
                                          const Backend& backend, int64_t capacity) {
  const MemoryPrediction prediction(config, world_size, backend);
  const int64_t now = prediction.bytes(config.layout);
  std::vector<MemoryRemedy> remedies;
  for (const Step& step : steps_of(prediction, capacity)) {
    const std::optional<MemoryRemedy> remedy = step(config.layout);
    if (remedy && remedy->bytes <= capacity && remedy->bytes < now) remedies.push_back(*remedy);
  }
  if (!remedies.empty()) return remedies;
  if (const auto all = together(config.layout, prediction, capacity)) return {*all};
  return {};
}

void explain_out_of_memory(const TrainConfig& config, const Backend& backend, const RankInfo& info,
                           const std::function<void()>& work) {
  try {
    work();
  } catch (const DeviceMemoryError& error) {
    fail(config, backend, info, error.what(), error.shortage.capacity());
  } catch (const LibraryMemoryError& error) {
    fail(config, backend, info, error.what(),
         MemoryPrediction(config, info.world_size, backend).bytes(config.layout) - 1);
  } catch (const std::bad_alloc&) {
    fail(config, backend, info, "out of memory: the system has none left for a library's request",
         MemoryPrediction(config, info.world_size, backend).bytes(config.layout) - 1);
  }
}

}  // namespace isoflop
