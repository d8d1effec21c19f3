// SPDX-License-Identifier: MIT
#include "modelled/moved_operations.hpp"

#include <algorithm>
#include <map>
#include <utility>

namespace isoflop::test {
namespace {

using emulation::TimelineEntry;

/// An operation's place after the move.
struct Place {
  int stream = 0;
  int64_t number = 0;
};

class Mover {
 public:
  Mover(std::vector<std::string> names, int from, int to)
      : names_(std::move(names)), from_(from), to_(to) {}

  void move(TimelineEntry& entry) {
    const std::vector<int64_t> before = entry.after;
    if (entry.stream == from_) place(entry);
    std::vector<int64_t>& follows = follows_[entry.stream];
    std::vector<int64_t>& heard = heard_[entry.stream];
    const auto n_stream = std::max<std::size_t>(before.size(), static_cast<std::size_t>(to_) + 1);
    follows.resize(n_stream);
    heard.resize(n_stream);
    for (std::size_t i = 0; i < before.size(); ++i) {
      if (static_cast<int>(i) == from_ && entry.stream != to_ && entry.stream != from_)
        hear(before[i], heard[i], follows);
      else if (static_cast<int>(i) != from_)
        follows[i] = std::max(follows[i], before[i]);
    }
    follows[static_cast<std::size_t>(entry.stream)] = entry.number;
    entry.after = follows;
  }

 private:
  /// Numbers start where the recording does.
  void place(TimelineEntry& entry) {
    if (places_.empty()) first_ = entry.number;
    if (std::find(names_.begin(), names_.end(), entry.name) != names_.end()) {
      entry.stream = to_;
      entry.number = ++n_moved_;
    } else {
      if (n_kept_ == 0) n_kept_ = entry.number - 1;
      entry.number = ++n_kept_;
    }
    places_.push_back({entry.stream, entry.number});
  }

  /// A stream waits for the stream's operation `number`, which it has not waited for before.
  void hear(int64_t number, int64_t& heard, std::vector<int64_t>& follows) const {
    if (number <= heard) return;
    heard = number;
    if (places_.empty() || number < first_) {
      follows[static_cast<std::size_t>(from_)] = number;
      return;
    }
    const Place& place = places_.at(static_cast<std::size_t>(number - first_));
    follows[static_cast<std::size_t>(place.stream)] = place.number;
  }

  std::vector<std::string> names_;
  int from_;
  int to_;
  int64_t first_ = 1;  ///< number of the first of places_
  int64_t n_moved_ = 0;
  int64_t n_kept_ = 0;
  std::vector<Place> places_;                    ///< of the stream's operations, in their order
  std::map<int, std::vector<int64_t>> follows_;  ///< by stream, after the move
  std::map<int, std::vector<int64_t>> heard_;    ///< by stream: of `from`, before the move
};

}  // namespace

std::vector<std::vector<TimelineEntry>> move_operations(
    std::vector<std::vector<TimelineEntry>> steps, const std::vector<std::string>& names, int from,
    int to) {
  Mover mover(names, from, to);
  for (auto& step : steps)
    for (TimelineEntry& entry : step) mover.move(entry);
  return steps;
}

}  // namespace isoflop::test
