// SPDX-License-Identifier: MIT
#include "tokenize/ordered_pipeline.hpp"

#include <condition_variable>
#include <cstdint>
#include <exception>
#include <map>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

namespace isoflop {
namespace {

constexpr int64_t kWaitingPerThread = 4;

/// What became of one batch: tokens, the end of the input (neither), or a failure.
struct Outcome {
  std::optional<EncodedBatch> batch;
  std::exception_ptr failure;
  bool is_last() const { return !batch; }
};

/// Batches are numbered as they are read. Workers take a number with its text and put back the
/// outcome; the consumer takes outcomes by number.
class Exchange {
 public:
  Exchange(BatchReader& reader, std::size_t n_workers)
      : reader_(reader), max_ahead_(kWaitingPerThread * static_cast<int64_t>(n_workers)) {}

  /// The body of a worker.
  void work(BatchEncoder& encoder) {
    while (std::optional<std::pair<int64_t, TextBatch>> item = take_text()) {
      Outcome outcome;
      try {
        outcome.batch = encoder.encode(item->second);
      } catch (...) {
        outcome.failure = std::current_exception();
      }
      put(item->first, std::move(outcome));
    }
  }

  /// The outcome of the next batch; waits for it.
  Outcome take() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return outcomes_.contains(n_taken_); });
    Outcome outcome = std::move(outcomes_.extract(n_taken_).mapped());
    ++n_taken_;
    changed_.notify_all();
    return outcome;
  }

  /// Workers end after the batch they are at.
  void stop() {
    const std::lock_guard lock(mutex_);
    is_over_ = true;
    changed_.notify_all();
  }

 private:
  /// Absent when there is nothing left to do.
  std::optional<std::pair<int64_t, TextBatch>> take_text() {
    std::unique_lock lock(reading_);
    int64_t number = 0;
    {
      std::unique_lock state(mutex_);
      changed_.wait(state, [&] { return is_over_ || n_read_ < n_taken_ + max_ahead_; });
      if (is_over_) return std::nullopt;
      number = n_read_++;
    }
    Outcome last;
    try {
      std::optional<TextBatch> text = reader_.next();
      if (text) return std::pair(number, *std::move(text));
    } catch (...) {
      last.failure = std::current_exception();
    }
    stop();
    put(number, std::move(last));
    return std::nullopt;
  }

  void put(int64_t number, Outcome outcome) {
    const std::lock_guard lock(mutex_);
    outcomes_.emplace(number, std::move(outcome));
    changed_.notify_all();
  }

  BatchReader& reader_;
  int64_t max_ahead_;
  std::mutex reading_;  // held while a batch is read; taken before mutex_
  std::mutex mutex_;    // of everything below
  std::condition_variable changed_;
  std::map<int64_t, Outcome> outcomes_;
  int64_t n_read_ = 0;
  int64_t n_taken_ = 0;
  bool is_over_ = false;
};

/// Threads that are told to end and joined on every way out.
class Workers {
 public:
  Workers(Exchange& exchange, std::vector<BatchEncoder>& encoders) : exchange_(exchange) {
    for (BatchEncoder& encoder : encoders)
      threads_.emplace_back([&exchange, &encoder] { exchange.work(encoder); });
  }
  ~Workers() {
    exchange_.stop();
    for (std::thread& thread : threads_) thread.join();
  }
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;

 private:
  Exchange& exchange_;
  std::vector<std::thread> threads_;
};

}  // namespace

void run_ordered_pipeline(BatchReader& reader, std::vector<BatchEncoder>& encoders,
                          const std::function<void(const EncodedBatch&)>& consume) {
  Exchange exchange(reader, encoders.size());
  const Workers workers(exchange, encoders);
  for (;;) {
    const Outcome outcome = exchange.take();
    if (outcome.failure) std::rethrow_exception(outcome.failure);
    if (outcome.is_last()) return;
    consume(*outcome.batch);
  }
}

}  // namespace isoflop
