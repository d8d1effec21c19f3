// SPDX-License-Identifier: MIT
#include "planner/what_if/layout_report.hpp"

#include "core/base/format.hpp"
#include "core/base/json_writer.hpp"
#include "core/base/table/render.hpp"
#include "core/hardware/mfu.hpp"
#include "core/model/flops.hpp"
#include "planner/analysis/model_report.hpp"
#include "planner/step_parts.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace isoflop {

namespace {

std::string line(std::string_view label, const std::string& text) {
  return fmt::format("{:<12}{}\n", label, text);
}

std::string count_of(int64_t count, std::string_view noun) {
  return fmt::format("{} {}{}", format_grouped(count), noun, count == 1 ? "" : "s");
}

/// Tokens per second of one device.
double device_speed(const LayoutReport& report, const PricedLayout& layout) {
  const double tokens = static_cast<double>(report.request.global_batch * report.request.seq_len);
  return tokens / layout.step_time.total() / report.request.job.devices();
}

double mfu_of(const LayoutReport& report, const PricedLayout& layout, AttentionFlops convention) {
  return mfu(train_flops_per_token(report.request.shape, report.request.seq_len, convention),
             device_speed(report, layout), report.study.peak_flops * 1e-12);
}

double share_of_usable(const LayoutReport& report, const PricedLayout& layout) {
  return static_cast<double>(layout.memory.total()) / report.study.capacity.usable_bytes();
}

/// What this trainer lacks to run the layout.
std::vector<std::string> lacks(const LayoutReport& report, const PricedLayout& layout) {
  std::vector<std::string> all = report.study.not_runnable;
  for (std::string& missing : missing_parallelism(layout.layout)) all.push_back(std::move(missing));
  return all;
}

std::string runnable_text(const LayoutReport& report, const PricedLayout& layout) {
  return lacks(report, layout).empty() ? "runs" : "not runnable";
}

/// What is ranked: the fastest of each split, or of all.
std::vector<const PricedLayout*> shown_layouts(const LayoutReport& report) {
  std::vector<const PricedLayout*> shown;
  if (report.similar) {
    for (const PricedLayout& layout : report.study.ranking.fastest) shown.push_back(&layout);
    return shown;
  }
  for (const SplitOutcome* const outcome : report.study.ranking.by_best()) {
    if (shown.size() == report.request.top) break;
    shown.push_back(&outcome->fastest.front());
  }
  return shown;
}

Table layout_table(const LayoutReport& report) {
  Table table{"layouts", report.similar ? "Fastest layouts" : "Fastest layout of each split"};
  if (report.request.what_if)
    table.notes.emplace_back("not runnable: by this trainer, which has no such groups");
  table.notes.emplace_back("MFU: causal FLOPs; memory: allocations of a GPU, of what is usable");
  table.columns = {{"rank", "", "", CellStyle::integer},
                   {"step_s", "step", "s", CellStyle::fixed, 3},
                   {"mfu_percent", "MFU", "%", CellStyle::fixed, 1},
                   {"tokens_per_s_per_gpu", "tokens/s/GPU", "", CellStyle::fixed, 0},
                   {"memory_bytes", "memory", "", CellStyle::bytes},
                   {"share_percent", "of usable", "%", CellStyle::fixed, 0},
                   {"largest", "largest term"},
                   {"trainer", "this trainer"},
                   {"layout", "layout"}};
  for (const PricedLayout* const layout : shown_layouts(report)) {
    table.rows.push_back({static_cast<int64_t>(table.rows.size() + 1), layout->step_time.total(),
                          100 * mfu_of(report, *layout, AttentionFlops::causal),
                          device_speed(report, *layout), layout->memory.total(),
                          100 * share_of_usable(report, *layout),
                          std::string(kMemoryTerms[largest_term(layout->memory)].name),
                          runnable_text(report, *layout), to_string(layout->layout)});
  }
  return table;
}

/// Seconds by cause, of causes that some layout has.
Table cause_table(const LayoutReport& report) {
  const std::vector<const PricedLayout*> layouts = shown_layouts(report);
  Table table{"causes", "Where their steps go"};
  table.columns = {{"rank", "", "", CellStyle::integer}};
  const std::vector<StepPart> parts = step_parts(layouts.front()->step_time);
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const bool occurs =
        std::any_of(layouts.begin(), layouts.end(), [i](const PricedLayout* layout) {
          return step_parts(layout->step_time)[i].seconds >= 0.001 * layout->step_time.total();
        });
    if (!occurs) continue;
    table.columns.push_back(
        {std::string(parts[i].key), std::string(parts[i].label), "%", CellStyle::fixed, 1});
  }
  for (const PricedLayout* const layout : layouts) {
    std::vector<Cell> row = {static_cast<int64_t>(table.rows.size() + 1)};
    for (const StepPart& part : step_parts(layout->step_time)) {
      const bool shown = std::any_of(table.columns.begin(), table.columns.end(),
                                     [&](const Column& column) { return column.key == part.key; });
      if (shown) row.emplace_back(100 * part.seconds / layout->step_time.total());
    }
    table.rows.push_back(std::move(row));
  }
  return table;
}

/// Splits that break a rule, by what they break, in the order of the rules.
struct BrokenSplits {
  SplitRule rule;
  std::string reason;
  int64_t splits = 0;
};

std::vector<BrokenSplits> broken_splits(const LayoutReport& report) {
  const LayoutJob job = layout_job(report.request, report.study.fast_domain);
  std::vector<BrokenSplits> groups;
  for (const SplitOutcome& outcome : report.study.ranking.splits) {
    if (!outcome.broken) continue;
    const std::string reason = describe_broken(*outcome.broken, job, outcome.split);
    const auto found = std::find_if(groups.begin(), groups.end(), [&](const BrokenSplits& group) {
      return group.reason == reason;
    });
    if (found == groups.end())
      groups.push_back({*outcome.broken, reason, 1});
    else
      ++found->splits;
  }
  std::stable_sort(groups.begin(), groups.end(),
                   [](const BrokenSplits& a, const BrokenSplits& b) { return a.rule < b.rule; });
  return groups;
}

Table broken_table(const LayoutReport& report) {
  Table table{"rejected_splits", "Splits of the GPUs that break a rule"};
  table.columns = {{"splits", "splits", "", CellStyle::grouped}, {"reason", "reason"}};
  for (const BrokenSplits& group : broken_splits(report))
    table.rows.push_back({group.splits, group.reason});
  return table;
}

/// Layouts that do not fit, by their largest term.
MemoryRejections all_rejections(const LayoutRanking& ranking) {
  MemoryRejections all;
  for (const SplitOutcome& outcome : ranking.splits) {
    for (std::size_t i = 0; i < all.size(); ++i) {
      const MemoryRejection& one = outcome.rejected[i];
      all[i].layouts += one.layouts;
      const bool nearer = one.nearest && (!all[i].nearest || one.nearest->memory.total() <
                                                                 all[i].nearest->memory.total());
      if (nearer) all[i].nearest = one.nearest;
    }
  }
  return all;
}

Table rejection_table(const LayoutReport& report) {
  const LayoutRanking& ranking = report.study.ranking;
  const double usable = report.study.capacity.usable_bytes();
  const MemoryRejections rejections = all_rejections(ranking);
  Table table{"rejected_layouts", "Layouts that are rejected, and the nearest of them"};
  table.columns = {
      {"layouts", "layouts", "", CellStyle::grouped}, {"reason", "reason"}, {"nearest", "nearest"}};
  for (std::size_t i = 0; i < rejections.size(); ++i) {
    const MemoryRejection& rejection = rejections[i];
    if (!rejection.nearest) continue;
    table.rows.push_back({rejection.layouts,
                          fmt::format("do not fit, largest term {}", kMemoryTerms[i].name),
                          fmt::format("{}: {}", describe_excess(rejection.nearest->memory, usable),
                                      to_string(rejection.nearest->layout))});
  }
  if (ranking.without_full_rounds() > 0)
    table.rows.push_back(
        {ranking.without_full_rounds(),
         std::string("interleaving takes micro batches in multiples of the stages"), Cell()});
  return table;
}

/// Splits none of whose layouts fits, nearest to fitting first.
std::vector<const SplitOutcome*> unfitting_splits(const LayoutRanking& ranking) {
  std::vector<const SplitOutcome*> splits;
  for (const SplitOutcome& outcome : ranking.splits)
    if (!outcome.broken && outcome.fitting == 0 && outcome.nearest() != nullptr)
      splits.push_back(&outcome);
  std::stable_sort(splits.begin(), splits.end(), [](const SplitOutcome* a, const SplitOutcome* b) {
    return a->nearest()->memory.total() < b->nearest()->memory.total();
  });
  return splits;
}

Table unfitting_table(const LayoutReport& report) {
  const std::vector<const SplitOutcome*> splits = unfitting_splits(report.study.ranking);
  Table table{"unfitting_splits", "Splits of which no layout fits, nearest first"};
  if (splits.size() > report.request.top)
    table.notes.push_back(
        fmt::format("{} of {}; --csv has all", report.request.top, splits.size()));
  table.columns = {{"split", "split"}, {"reason", "reason"}};
  for (const SplitOutcome* const split : splits) {
    if (table.rows.size() == report.request.top) break;
    table.rows.push_back(
        {to_string(split->split),
         describe_excess(split->nearest()->memory, report.study.capacity.usable_bytes())});
  }
  return table;
}

std::string describe_job(const LayoutReport& report) {
  const LayoutStudyRequest& request = report.request;
  const MemoryCapacity& capacity = report.study.capacity;
  const std::string program = request.program ? request.program->name : "this trainer";
  return line("Job", fmt::format("{} x {} of partition {}, {} in {}", request.job.devices(),
                                 request.partition.device.name, request.partition.name, program,
                                 to_string(request.precision))) +
         line("Batch",
              fmt::format("{} x {} tokens = {} tokens", count_of(request.global_batch, "sequence"),
                          format_grouped(request.seq_len),
                          format_grouped(request.global_batch * request.seq_len))) +
         line("Usable", fmt::format("{} of each GPU's {}", format_bytes(capacity.usable_bytes()),
                                    format_bytes(capacity.device_bytes)));
}

std::string describe_space(const LayoutReport& report) {
  const LayoutRanking& ranking = report.study.ranking;
  const auto broken =
      std::count_if(ranking.splits.begin(), ranking.splits.end(),
                    [](const SplitOutcome& outcome) { return outcome.broken.has_value(); });
  const auto all = static_cast<int64_t>(ranking.splits.size());
  return line("Space",
              fmt::format("{} of the GPUs into tensor x context x pipeline x data, {} allowed",
                          count_of(all, "split"), all - broken)) +
         line("",
              fmt::format("{} priced, each with its step time and memory: {} fit",
                          count_of(ranking.priced(), "layout"), format_grouped(ranking.fitting())));
}

void write_split(JsonWriter& json, const ParallelLayout& layout) {
  json.entry("tensor", layout.tensor)
      .entry("context", layout.context)
      .entry("pipeline", layout.pipeline)
      .entry("data", layout.data)
      .entry("experts", layout.expert);
}

void write_layout(JsonWriter& json, const LayoutReport& report, const PricedLayout& layout) {
  const ParallelLayout& parallel = layout.layout.parallel;
  const std::vector<std::string> missing = lacks(report, layout);
  json.begin_object().entry("layout", to_string(layout.layout));
  write_split(json, parallel);
  json.entry("chunks", parallel.virtual_pipeline)
      .entry("sequence_parallel", parallel.sequence_parallel)
      .entry("states", enum_name(kStrategyNames, parallel.strategy))
      .entry("shards", parallel.shard)
      .entry("regathers", parallel.regathers)
      .entry("micro_batch_size", parallel.micro_batch)
      .entry("grad_accum_steps", parallel.n_micro_batch)
      .entry("recompute", to_string(layout.layout.recompute))
      .entry("runnable", missing.empty())
      .key("not_runnable_because_of")
      .begin_array();
  for (const std::string& what : missing) json.value(what);
  json.end_array()
      .entry("step_s", layout.step_time.total())
      .entry("tokens_per_s_per_gpu", device_speed(report, layout))
      .entry("mfu_causal", mfu_of(report, layout, AttentionFlops::causal))
      .entry("mfu_full_square", mfu_of(report, layout, AttentionFlops::full_square))
      .key("step_parts")
      .begin_object();
  for (const StepPart& part : step_parts(layout.step_time)) json.entry(part.key, part.seconds);
  json.end_object()
      .entry("memory_bytes", layout.memory.total())
      .entry("largest_term", kMemoryTerms[largest_term(layout.memory)].name)
      .key("terms_bytes")
      .begin_object();
  for (const auto& [name, bytes] : layout.memory.terms()) json.entry(name, bytes);
  json.end_object().end_object();
}

void write_rejections(JsonWriter& json, const LayoutReport& report) {
  json.key("rejected_splits").begin_array();
  for (const BrokenSplits& group : broken_splits(report))
    json.begin_object().entry("splits", group.splits).entry("reason", group.reason).end_object();
  json.end_array().key("rejected_layouts").begin_array();
  const MemoryRejections rejections = all_rejections(report.study.ranking);
  for (std::size_t i = 0; i < rejections.size(); ++i) {
    if (!rejections[i].nearest) continue;
    json.begin_object()
        .entry("layouts", rejections[i].layouts)
        .entry("largest_term", kMemoryTerms[i].name)
        .key("nearest");
    write_layout(json, report, *rejections[i].nearest);
    json.end_object();
  }
  json.end_array();
}

}  // namespace

std::string describe_layouts(const LayoutReport& report) {
  std::vector<Table> tables;
  if (report.study.ranking.fitting() > 0) tables = {layout_table(report), cause_table(report)};
  for (Table& table :
       std::vector<Table>{unfitting_table(report), rejection_table(report), broken_table(report)})
    if (!table.rows.empty()) tables.push_back(std::move(table));
  std::string trainer;
  if (!report.study.not_runnable.empty())
    trainer = line("Trainer", fmt::format("runs none of these layouts ({})",
                                          fmt::join(report.study.not_runnable, ", ")));
  return describe_model(report.request.shape) + describe_job(report) + trainer +
         describe_space(report) + "\n" + render_text(tables);
}

std::string layouts_as_json(const LayoutReport& report) {
  const LayoutStudyRequest& request = report.request;
  const LayoutRanking& ranking = report.study.ranking;
  JsonWriter json;
  json.begin_object()
      .entry("model", short_name(request.shape))
      .entry("gpu", request.partition.device.name)
      .entry("n_gpus", int64_t{request.job.devices()})
      .entry("precision", to_string(request.precision))
      .entry("seq_len", request.seq_len)
      .entry("global_batch_size", request.global_batch)
      .entry("program", request.program ? request.program->name : "isoflop")
      .entry("device_bytes", report.study.capacity.device_bytes)
      .entry("usable_bytes", report.study.capacity.usable_bytes())
      .entry("fast_domain", report.study.fast_domain)
      .entry("splits", static_cast<int64_t>(ranking.splits.size()))
      .entry("layouts_priced", ranking.priced())
      .entry("layouts_fitting", ranking.fitting())
      .entry("interleavings_without_full_rounds", ranking.without_full_rounds())
      .key("layouts")
      .begin_array();
  for (const PricedLayout* const layout : shown_layouts(report))
    write_layout(json, report, *layout);
  json.end_array();
  write_rejections(json, report);
  return json.end_object().text();
}

Table split_table(const LayoutReport& report) {
  const LayoutJob job = layout_job(report.request, report.study.fast_domain);
  Table table{"splits", "Splits"};
  for (const char* const key :
       {"tensor", "context", "pipeline", "data", "experts", "layouts", "fitting"})
    table.columns.push_back({key, key, "", CellStyle::integer});
  table.columns.insert(table.columns.end(), {{"step_s", "step", "s", CellStyle::fixed, 3},
                                             {"mfu_percent", "MFU", "%", CellStyle::fixed, 1},
                                             {"memory_bytes", "memory", "", CellStyle::bytes},
                                             {"largest", "largest term"},
                                             {"runnable", "runnable"},
                                             {"layout", "layout"},
                                             {"reason", "reason"}});
  for (const SplitOutcome& outcome : report.study.ranking.splits) {
    const Split& split = outcome.split;
    std::vector<Cell> row = {split.tensor, split.context,  split.pipeline, split.data,
                             split.expert, outcome.priced, outcome.fitting};
    if (!outcome.fastest.empty()) {
      const PricedLayout& best = outcome.fastest.front();
      row.insert(row.end(),
                 {best.step_time.total(), 100 * mfu_of(report, best, AttentionFlops::causal),
                  best.memory.total(), std::string(kMemoryTerms[largest_term(best.memory)].name),
                  std::string(lacks(report, best).empty() ? "yes" : "no"), to_string(best.layout),
                  Cell()});
    } else {
      row.resize(table.columns.size() - 1);
      const PricedLayout* const nearest = outcome.nearest();
      if (outcome.broken)
        row.emplace_back(describe_broken(*outcome.broken, job, split));
      else if (nearest != nullptr)
        row.emplace_back(describe_excess(nearest->memory, report.study.capacity.usable_bytes()));
      else
        row.emplace_back();
    }
    table.rows.push_back(std::move(row));
  }
  return table;
}

std::string explain_no_layout(const LayoutReport& report) {
  const std::vector<const SplitOutcome*> unfitting = unfitting_splits(report.study.ranking);
  if (!unfitting.empty()) {
    const PricedLayout& nearest = *unfitting.front()->nearest();
    return fmt::format("no layout fits: the nearest, {}, {}; more GPUs, a shorter --seq-len{} help",
                       to_string(nearest.layout),
                       describe_excess(nearest.memory, report.study.capacity.usable_bytes()),
                       report.request.what_if ? "" : " or --what-if");
  }
  const std::vector<BrokenSplits> broken = broken_splits(report);
  if (broken.empty()) return "no layout is left by --only; ask for less";
  return fmt::format(
      "no layout is possible: {}; change --gpus, --global-batch, --seq-len or --only",
      broken.back().reason);
}

}  // namespace isoflop
