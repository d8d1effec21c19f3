// SPDX-License-Identifier: MIT
#include "trainer/bench/bench.hpp"

#include "core/base/atomic_file.hpp"
#include "core/base/error.hpp"
#include "core/base/format.hpp"
#include "core/base/log.hpp"
#include "core/hardware/device_writer.hpp"
#include "core/model/model_config.hpp"
#include "trainer/bench/machine_rates.hpp"
#include "trainer/bench/model_bench.hpp"
#include "trainer/bench/train_rates.hpp"
#include "trainer/choose_device.hpp"
#include "trainer/threads.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

namespace isoflop {
namespace {

struct DeviceMeasurement {
  MachineRates machine;
  std::optional<LinkRates> link;  ///< between ranks; absent with one
  std::vector<TrainRate> train;
  double mem_gb = 0;
};

/// The slowest rank's figure: what a run on all of them gets.
double slowest(Launch& launch, double value) { return -launch.max_over_ranks(-value); }

DeviceMeasurement measure(Launch& launch, Backend& backend) {
  DeviceMeasurement measured;
  log::info("measuring matrix products and memory bandwidth");
  measured.machine = measure_machine(backend, rate_sizes(backend));
  measured.machine.matmul_tflops = slowest(launch, measured.machine.matmul_tflops);
  measured.machine.mem_gb_per_s = slowest(launch, measured.machine.mem_gb_per_s);
  if (launch.info().world_size > 1) measured.link = measure_link(launch, backend, rate_sizes(backend));
  for (const TrainProbe& probe : kTrainProbes) {
    log::info("measuring training steps: d_model {}, n_layer {}", probe.d_model, probe.n_layer);
    TrainRate rate = measure_training(probe, threads_of_rank(launch.info()));
    rate.tflops = slowest(launch, rate.tflops);
    measured.train.push_back(rate);
  }
  measured.mem_gb = static_cast<double>(node_memory_bytes()) / launch.info().local_size / 1e9;
  return measured;
}

double rounded(double value, int digits) {
  return std::stod(fmt::format("{:.{}g}", value, digits));
}

DeviceSpec to_device(const DeviceMeasurement& measured, const std::string& name,
                     const std::string& source) {
  DeviceSpec device;
  device.name = name;
  device.kind = DeviceClass::cpu;
  device.mem_gb = rounded(measured.mem_gb, 4);
  device.mem_bandwidth_gb_per_s = rounded(measured.machine.mem_gb_per_s, 3);
  device.peak_tflops[Precision::fp32] = rounded(measured.machine.matmul_tflops, 3);
  for (const TrainRate& rate : measured.train) {
    device.train_efficiency.push_back(
        {.precision = Precision::fp32,
         .d_model = rate.probe.d_model,
         .n_layer = rate.probe.n_layer,
         .seq_len = rate.probe.seq_len,
         .mfu = rounded(rate.tflops / measured.machine.matmul_tflops, 3)});
  }
  device.source = source;
  if (measured.link) {
    device.note = fmt::format(
        "all-reduce between ranks: {:.3g} GB/s in one direction, {:.3g} us for each step of the "
        "ring",
        measured.link->all_reduce_gb_per_s, measured.link->latency_us);
  }
  return device;
}

Backend make_backend(Launch& launch) {
  const RankInfo& info = launch.info();
  if (choose_device(DeviceKind::automatic, launch) == DeviceKind::cuda)
    return make_cuda_backend({.local_rank = info.local_rank, .precision = Precision::bf16});
  return make_cpu_backend({.n_threads = threads_of_rank(info), .ranks_on_node = info.local_size});
}

/// The value of every rank, on all.
std::vector<double> values_of_ranks(Launch& launch, double value) {
  std::vector<double> values;
  for (int rank = 0; rank < launch.info().world_size; ++rank)
    values.push_back(launch.max_over_ranks(rank == launch.info().rank ? value : 0));
  return values;
}

/// Lines for scripts: "rate HOST RANK TFLOP/s GB/s"; where there are several ranks "all_reduce GB/s",
/// "all_gather GB/s" and "reduce_scatter GB/s".
void run_rates(Launch& launch) {
  Backend backend = make_backend(launch);
  const MachineRates own = measure_machine(backend, rate_sizes(backend));
  const std::vector<double> tflops = values_of_ranks(launch, own.matmul_tflops);
  const std::vector<double> memory = values_of_ranks(launch, own.mem_gb_per_s);
  std::optional<LinkRates> link;
  if (launch.info().world_size > 1) link = measure_link(launch, backend, rate_sizes(backend));
  if (launch.info().rank != 0) return;
  for (const RankInfo& rank : launch.ranks()) {
    const auto at = static_cast<std::size_t>(rank.rank);
    fmt::print("rate {} {} {:.4g} {:.4g}\n", rank.host, rank.rank, tflops[at], memory[at]);
  }
  if (link)
    fmt::print("all_reduce {:.4g}\nall_gather {:.4g}\nreduce_scatter {:.4g}\n",
               link->all_reduce_gb_per_s, link->all_gather_gb_per_s, link->reduce_scatter_gb_per_s);
}

}  // namespace

int run_bench(const TrainerOptions& options, Launch& launch) {
  if (options.bench_rates) {
    run_rates(launch);
    return static_cast<int>(ExitCode::kSuccess);
  }
  if (!options.bench_model.empty()) {
    if (launch.info().world_size > 1)
      throw ConfigError(fmt::format("bench --model runs on one rank ({} were started); start one",
                                    launch.info().world_size));
    run_model_bench({.model = load_model(options.bench_model),
                     .precisions = options.bench_precisions,
                     .seq_lens = options.bench_seq_lens,
                     .batch_size = options.bench_batch_size,
                     .n_threads = threads_of_rank(launch.info())});
    return static_cast<int>(ExitCode::kSuccess);
  }
  const int n_threads = threads_of_rank(launch.info());
  Backend backend = make_cpu_backend({.n_threads = n_threads});
  std::optional<AtomicFile> out;  // opened first: measuring takes half a minute
  if (launch.info().rank == 0 && !options.bench_out.empty()) out.emplace(options.bench_out);
  const DeviceMeasurement measured = measure(launch, backend);
  if (launch.info().rank != 0) return static_cast<int>(ExitCode::kSuccess);
  const std::string source =
      fmt::format("trainer bench on {}, {} rank(s), {}, {}", launch.info().host,
                  launch.info().world_size, backend.device->description(), utc_timestamp());
  const std::string yaml = device_document(to_device(measured, options.bench_name, source));
  fmt::print("{}", yaml);
  if (out) {
    out->append(yaml);
    out->commit();
  }
  return static_cast<int>(ExitCode::kSuccess);
}

}  // namespace isoflop
