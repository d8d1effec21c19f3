// SPDX-License-Identifier: MIT
#include "modelled/step_model.hpp"

#include <algorithm>
#include <limits>
#include <map>
#include <stdexcept>

namespace isoflop::test {
namespace {

using emulation::TimelineEntry;
using emulation::Work;
using emulation::WorkKind;

constexpr double kNever = std::numeric_limits<double>::infinity();
constexpr double kLatest = 1e-12;  ///< seconds: what is left of an operation that is over

/// A kernel on few SMs has their share of the bandwidth.
double memory_seconds(const Work& work, const GpuRates& rates) {
  const double share = work.n_block == 0
                           ? 1
                           : std::min(1.0, static_cast<double>(work.n_block) /
                                               static_cast<double>(rates.n_multiprocessor));
  return static_cast<double>(work.read_bytes + work.written_bytes) /
         (share * rates.memory_bytes_per_s);
}

double kernel_seconds(double seconds, const Work& work, const GpuRates& rates) {
  return std::max(seconds, rates.shortest_kernel_s) +
         (work.in_graph ? rates.graph_kernel_gap_s : rates.kernel_gap_s);
}

bool takes_the_gpu(const Work& work) {
  return work.kind != WorkKind::collective && work.kind != WorkKind::memory && work.host_bytes == 0;
}

bool is_bound_by_memory(const Work& work) {
  return work.kind == WorkKind::kernel || work.kind == WorkKind::set || work.kind == WorkKind::copy;
}

/// What runs at one time.
struct Running {
  int n_kernel = 0;
  int n_on_links = 0;  ///< collectives within the node
  int n_on_network = 0;
  int64_t n_cta = 0;  ///< of collectives

  void add(const Work& work) {
    if (takes_the_gpu(work)) ++n_kernel;
    if (work.kind != WorkKind::collective) return;
    ++(work.crosses_nodes ? n_on_network : n_on_links);
    n_cta += work.n_block;
  }
  double link_bytes_per_s(const GpuRates& rates) const {
    return (n_on_links > 0 ? rates.link_bytes_per_s : 0) +
           (n_on_network > 0 ? rates.network_bytes_per_s : 0);
  }
};

/// Of its full speed, beside collectives: each of their CTAs has a multiprocessor.
double share_beside_collectives(const Work& work, const Running& running, const GpuRates& rates) {
  if (is_bound_by_memory(work))
    return 1 - rates.memory_bytes_per_link_byte * running.link_bytes_per_s(rates) /
                   rates.memory_bytes_per_s;
  return 1 - static_cast<double>(running.n_cta) / static_cast<double>(rates.n_multiprocessor);
}

/// The last copy to the host, which brings the results.
const TimelineEntry* results_of(const std::vector<TimelineEntry>& step) {
  const auto found = std::find_if(step.rbegin(), step.rend(), [](const TimelineEntry& entry) {
    return entry.work.host_bytes > 0 && entry.work.read_bytes > 0;
  });
  return found == step.rend() ? nullptr : &*found;
}

/// An operation that is not over.
struct Pending {
  TimedOperation* operation = nullptr;
  std::size_t step = 0;
  double left_s = 0;  ///< alone
  bool is_running = false;
};

class Player {
 public:
  Player(const std::vector<std::vector<TimelineEntry>>& steps, const GpuRates& rates)
      : steps_(steps), rates_(rates), host_start_s_(steps.size(), kNever) {
    for (const auto& step : steps) timed_.emplace_back(step.size());
    for (std::size_t i = 0; i < steps.size(); ++i) add_step(i);
    for (std::size_t i = 0; i < std::min<std::size_t>(2, steps.size()); ++i)
      host_start_s_[i] = i == 0 ? 0 : host_start_s_[0] + host_seconds(0);
  }

  TimedSteps play() {
    while (n_left_ > 0) {
      start_all();
      const double next = next_time();
      if (next == kNever) throw std::logic_error("modelled step: an operation waits for ever");
      advance(next - now_);
      end_all();
    }
    return std::move(timed_);
  }

 private:
  void add_step(std::size_t index) {
    const auto& step = steps_[index];
    for (std::size_t i = 0; i < step.size(); ++i) {
      const TimelineEntry& entry = step[i];
      timed_[index][i].entry = &entry;
      const auto [last, is_new] = ended_.try_emplace(entry.stream, entry.number - 1);
      static_cast<void>(last);
      static_cast<void>(is_new);
      queues_[entry.stream].push_back(
          {&timed_[index][i], index, seconds_alone(entry.work, rates_)});
      ++n_left_;
    }
  }

  int64_t first_call(std::size_t step) const { return steps_[step].front().host_calls - 1; }
  double host_seconds(std::size_t step) const {
    return static_cast<double>(steps_[step].back().host_calls - first_call(step)) *
           rates_.host_call_s;
  }
  double issued_s(const Pending& pending) const {
    return host_start_s_[pending.step] +
           static_cast<double>(pending.operation->entry->host_calls - first_call(pending.step)) *
               rates_.host_call_s;
  }

  bool follows_what_is_over(const TimelineEntry& entry) const {
    for (std::size_t i = 0; i < entry.after.size(); ++i) {
      const auto stream = static_cast<int>(i);
      const auto ended = ended_.find(stream);
      if (stream != entry.stream && ended != ended_.end() && ended->second < entry.after[i])
        return false;
    }
    return true;
  }

  Pending* head(int stream) {
    const std::size_t place = heads_[stream];
    return place < queues_[stream].size() ? &queues_[stream][place] : nullptr;
  }

  template <typename F>
  void for_heads(const F& f) {
    for (auto& [stream, queue] : queues_)
      if (Pending* const pending = head(stream)) f(*pending);
  }

  void start_all() {
    for_heads([&](Pending& pending) {
      if (pending.is_running || issued_s(pending) > now_ ||
          !follows_what_is_over(*pending.operation->entry))
        return;
      pending.is_running = true;
      pending.operation->start_s = now_;
    });
  }

  /// Of what runs now.
  double speed_of(const Pending& pending) {
    const Work& work = pending.operation->entry->work;
    Running running;
    for_heads([&](const Pending& other) {
      if (other.is_running) running.add(other.operation->entry->work);
    });
    if (work.kind == WorkKind::collective)
      return 1.0 / (work.crosses_nodes ? running.n_on_network : running.n_on_links);
    if (!takes_the_gpu(work)) return 1;
    return share_beside_collectives(work, running, rates_) / running.n_kernel;
  }

  double next_time() {
    double next = kNever;
    for_heads([&](const Pending& pending) {
      if (pending.is_running)
        next = std::min(next, now_ + pending.left_s / speed_of(pending));
      else if (follows_what_is_over(*pending.operation->entry))
        next = std::min(next, issued_s(pending));
    });
    return next;
  }

  void advance(double seconds) {
    std::vector<std::pair<Pending*, double>> done;
    for_heads([&](Pending& pending) {
      if (pending.is_running) done.emplace_back(&pending, seconds * speed_of(pending));
    });
    for (const auto& [pending, work_s] : done) pending->left_s -= work_s;
    now_ += seconds;
  }

  void end_all() {
    for (auto& [stream, queue] : queues_) {
      Pending* const pending = head(stream);
      if (pending == nullptr || !pending->is_running || pending->left_s > kLatest) continue;
      pending->operation->end_s = now_;
      ended_[stream] = pending->operation->entry->number;
      ++heads_[stream];
      --n_left_;
      if (pending->operation->entry == results_of(steps_[pending->step]))
        results_came(pending->step);
    }
  }

  void results_came(std::size_t step) {
    if (step + 2 < steps_.size())
      host_start_s_[step + 2] = std::max(now_, host_start_s_[step + 1] + host_seconds(step + 1));
  }

  const std::vector<std::vector<TimelineEntry>>& steps_;
  const GpuRates& rates_;
  TimedSteps timed_;
  std::vector<double> host_start_s_;            ///< by step
  std::map<int, std::vector<Pending>> queues_;  ///< by stream
  std::map<int, std::size_t> heads_;
  std::map<int, int64_t> ended_;  ///< the last operation that is over
  std::size_t n_left_ = 0;
  double now_ = 0;
};

}  // namespace

double seconds_alone(const Work& work, const GpuRates& rates) {
  switch (work.kind) {
    case WorkKind::memory:
      return 0;
    case WorkKind::copy:
      if (work.host_bytes > 0)
        return kernel_seconds(static_cast<double>(work.host_bytes) / rates.host_bytes_per_s, work,
                              rates);
      return kernel_seconds(memory_seconds(work, rates), work, rates);
    case WorkKind::set:
    case WorkKind::kernel:
      return kernel_seconds(memory_seconds(work, rates), work, rates);
    case WorkKind::product:
      return kernel_seconds(
          std::max(work.flops / rates.product_flops, memory_seconds(work, rates)) +
              static_cast<double>(work.epilogue_bytes) / rates.memory_bytes_per_s,
          work, rates);
    case WorkKind::attention_forward:
      return kernel_seconds(
          std::max(work.flops / rates.attention_forward_flops, memory_seconds(work, rates)), work,
          rates);
    case WorkKind::attention_backward:
      return kernel_seconds(
          std::max(work.flops / rates.attention_backward_flops, memory_seconds(work, rates)), work,
          rates);
    case WorkKind::collective:
      return static_cast<double>(work.link_bytes) /
                 (work.crosses_nodes ? rates.network_bytes_per_s : rates.link_bytes_per_s) +
             rates.collective_latency_s;
  }
  return 0;
}

TimedSteps play(const std::vector<std::vector<TimelineEntry>>& steps, const GpuRates& rates) {
  return Player(steps, rates).play();
}

}  // namespace isoflop::test
