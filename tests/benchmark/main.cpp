// SPDX-License-Identifier: MIT
#include "bench_rig.hpp"

int main(int argc, char** argv) {
  isoflop::add_linear_benchmarks();
  isoflop::add_head_loss_benchmarks();
  isoflop::add_elementwise_benchmarks();
  isoflop::add_attention_benchmarks();
  isoflop::add_muon_benchmarks();
  isoflop::add_update_benchmarks();
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}
