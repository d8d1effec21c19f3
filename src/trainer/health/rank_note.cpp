// SPDX-License-Identifier: MIT
#include "trainer/health/rank_note.hpp"

#include "core/base/config_node.hpp"
#include "core/base/error.hpp"
#include "core/base/format.hpp"
#include "core/base/json_writer.hpp"
#include "core/base/text_file.hpp"
#include "core/plan/config_values.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string_view>
#include <system_error>

namespace isoflop {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPrefix = "rank-";
constexpr std::string_view kSuffix = ".json";

/// Of "rank-000012.json"; absent for other names, such as those of files being written.
std::optional<int> rank_of(std::string_view name) {
  if (!name.starts_with(kPrefix) || !name.ends_with(kSuffix)) return std::nullopt;
  const auto digits =
      parse_digits(name.substr(kPrefix.size(), name.size() - kPrefix.size() - kSuffix.size()));
  return digits ? std::optional(static_cast<int>(*digits)) : std::nullopt;
}

std::string to_json(const RankNote& note) {
  JsonWriter json;
  json.begin_object()
      .entry("rank", note.rank)
      .entry("host", note.host)
      .entry("pid", note.pid)
      .entry("step", note.step)
      .entry("phase", note.phase)
      .entry("lasted_s", note.lasted_s)
      .entry("step_lasted_s", note.step_lasted_s)
      .entry("waits_begun", note.waits.begun)
      .entry("waits_ended", note.waits.ended)
      .end_object();
  return json.text();
}

RankNote read_note(const fs::path& file) {
  MapReader map(ConfigNode::load(file));
  return {.rank = map.required<int>("rank"),
          .host = map.required<std::string>("host"),
          .pid = map.required<int64_t>("pid"),
          .step = map.required<int64_t>("step"),
          .phase = map.required<std::string>("phase"),
          .lasted_s = map.required<double>("lasted_s"),
          .step_lasted_s = map.required<double>("step_lasted_s"),
          .waits = {map.required<int64_t>("waits_begun"), map.required<int64_t>("waits_ended")}};
}

std::string place_of(const RankNote& note) {
  return fmt::format("phase '{}' of step {} for {} (step: {})", note.phase, note.step,
                     format_duration(note.lasted_s), format_duration(note.step_lasted_s));
}

/// The ranks without a note.
std::vector<Suspect> silent_ranks(std::span<const RankNote> notes,
                                  std::span<const RankInfo> ranks) {
  std::vector<Suspect> silent;
  std::size_t next = 0;
  for (const RankInfo& info : ranks) {
    if (next < notes.size() && notes[next].rank == info.rank)
      ++next;
    else
      silent.push_back({info.rank, info.host});
  }
  return silent;
}

/// Of `candidates` those with the fewest waits behind them.
std::vector<const RankNote*> furthest_behind(const std::vector<const RankNote*>& candidates) {
  std::vector<const RankNote*> behind;
  for (const RankNote* note : candidates) {
    if (!behind.empty() && note->waits.begun > behind.front()->waits.begun) continue;
    if (!behind.empty() && note->waits.begun < behind.front()->waits.begun) behind.clear();
    behind.push_back(note);
  }
  return behind;
}

std::vector<Suspect> as_suspects(const std::vector<const RankNote*>& notes) {
  std::vector<Suspect> suspects;
  for (const RankNote* note : notes) suspects.push_back({note->rank, note->host});
  return suspects;
}

/// Of those that answered.
StallVerdict judge_notes(std::span<const RankNote> notes, std::size_t n_ranks) {
  std::vector<const RankNote*> free, waiting;
  for (const RankNote& note : notes) (note.waits.waits() ? waiting : free).push_back(&note);
  if (!free.empty()) {
    const std::vector<const RankNote*> behind = furthest_behind(free);
    std::vector<Suspect> suspects = as_suspects(behind);
    const std::string place = place_of(*behind.front());
    if (n_ranks == 1) return {fmt::format("{} is in {}", describe(suspects), place), suspects};
    return {fmt::format("{} in {}, {} of {} ranks wait for others", describe(suspects), place,
                        waiting.size(), n_ranks),
            suspects};
  }
  const std::vector<const RankNote*> behind = furthest_behind(waiting);
  const std::string place = place_of(*behind.front());
  if (behind.size() == n_ranks)
    return {fmt::format("all ranks wait for each other in {}: the network between them", place),
            {}};
  if (notes.size() < n_ranks)  // a collective lets some go further than others before it hangs
    return {fmt::format("the other {} ranks wait in {}", waiting.size(), place), {}};
  std::vector<Suspect> suspects = as_suspects(behind);
  return {fmt::format("{} in {}, the others wait in a later place", describe(suspects), place),
          suspects};
}

}  // namespace

bool NoteFolder::exists() const {
  std::error_code ignored;
  return fs::exists(path_, ignored);
}

fs::path NoteFolder::file(int rank) const {
  return path_ / fmt::format("{}{:06}{}", kPrefix, rank, kSuffix);
}

void NoteFolder::leave(const RankNote& note) const {
  write_text_file(file(note.rank), to_json(note));
}

std::vector<int> NoteFolder::ranks() const {
  std::vector<int> ranks;
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(path_, error))
    if (const auto rank = rank_of(entry.path().filename().string())) ranks.push_back(*rank);
  std::sort(ranks.begin(), ranks.end());
  return ranks;
}

std::vector<RankNote> NoteFolder::read() const {
  std::vector<RankNote> notes;
  for (const int rank : ranks()) {
    try {
      notes.push_back(read_note(file(rank)));
    } catch (const Error&) {  // as good as silent
    }
  }
  return notes;
}

StallVerdict judge_stall(std::span<const RankNote> notes, std::span<const RankInfo> ranks) {
  const std::vector<Suspect> silent = silent_ranks(notes, ranks);
  StallVerdict verdict = judge_notes(notes, ranks.size());
  if (silent.empty()) return verdict;
  verdict.text = fmt::format("{} gave no sign (stopped, dead, or cut off from this folder); {}",
                             describe(silent), verdict.text);
  verdict.suspects.insert(verdict.suspects.begin(), silent.begin(), silent.end());
  return verdict;
}

}  // namespace isoflop
