// SPDX-License-Identifier: MIT
#include "trainer/bench/model_bench.hpp"

#include "core/base/error.hpp"
#include "core/base/format.hpp"
#include "core/model/flops.hpp"
#include "core/model/param_count.hpp"
#include "trainer/bench/machine_rates.hpp"
#include "trainer/bench/train_rates.hpp"
#include "trainer/choose_attention.hpp"

#include <fmt/format.h>

namespace isoflop {
namespace {

constexpr double kSeconds = 6;  // of measured steps in a row of the table

Backend cpu_backend(const ModelBench& bench, Precision precision) {
  return make_cpu_backend({.n_threads = bench.n_threads}, precision);
}

TrainConfig config_of(const ModelBench& bench, Precision precision, int64_t seq_len) {
  TrainConfig config;
  config.model = bench.model;
  config.precision = precision;
  config.data.seq_len = seq_len;
  config.layout.micro_batch_size = config.layout.global_batch_size = bench.batch_size;
  return config;
}

void check_length(const ModelShape& model, int64_t seq_len) {
  if (seq_len > model.max_seq_len)
    throw ConfigError(fmt::format(
        "bench --seq-len is '{}' (model '{}' has positions up to max_seq_len {}); lower "
        "it or choose a model with more positions",
        seq_len, model.name, model.max_seq_len));
}

void print_row(const ModelBench& bench, Precision precision, int64_t seq_len) {
  Backend rate_backend = cpu_backend(bench, precision);
  const double rate = large_matmul_tflops(rate_backend, rate_sizes(rate_backend));
  const TrainConfig config = config_of(bench, precision, seq_len);
  const PhaseTimes step =
      median_step(measure_steps(config, cpu_backend(bench, precision), kSeconds));
  const auto tokens = static_cast<double>(config.tokens_per_step());
  const double tflops = train_flops_per_token(bench.model, seq_len) * tokens / step.step / 1e12;
  fmt::print(
      "{:<9}  {:>3} {:>6}  {:>8.1f}  {:>8.1f}  {:>8.1f}  {:>8.1f}  {:>9.1f}  {:>7.3f}  "
      "{:>7.3f}  {:>7}\n",
      to_string(precision), bench.batch_size, seq_len, tokens / step.step, step.step * 1e3,
      step.forward * 1e3, step.backward * 1e3, step.optimizer * 1e3, tflops, rate,
      format_percent(tflops / rate, 1));
}

}  // namespace

void run_model_bench(const ModelBench& asked) {
  ModelBench bench = asked;
  for (const int64_t seq_len : bench.seq_lens) check_length(bench.model, seq_len);
  bench.model.attention_backend = choose_attention(config_of(asked, Precision::fp32, 1));
  fmt::print("{}  {}  {} parameters, {} thread(s)\n", bench.model.name, short_name(bench.model),
             format_grouped(count_params(bench.model).total()), bench.n_threads);
  fmt::print("{:<9}  {:>3} {:>6}  {:>8}  {:>8}  {:>8}  {:>8}  {:>9}  {:>7}  {:>7}  {:>7}\n",
             "precision", "B", "T", "tokens/s", "step ms", "forward", "backward", "optimizer",
             "TFLOP/s", "large", "share");
  for (const int64_t seq_len : bench.seq_lens)
    for (const Precision precision : bench.precisions) print_row(bench, precision, seq_len);
}

}  // namespace isoflop
