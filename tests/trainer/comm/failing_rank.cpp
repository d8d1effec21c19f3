// SPDX-License-Identifier: MIT
// A job whose last rank fails while the others are inside a collective: must end at once with the
// exit code of the failure (7, diverged). Started by tests/trainer/comm/CMakeLists.txt.
#include "core/base/error.hpp"
#include "core/base/main_guard.hpp"
#include "trainer/backend/cpu/cpu_device.hpp"
#include "trainer/comm/process_grid.hpp"

namespace {

int run(isoflop::Launch& launch) {
  using namespace isoflop;
  CpuDevice device({});
  const auto collectives = launch.make_collectives(device, {.n_replica = launch.info().world_size});
  if (launch.info().rank == launch.info().world_size - 1) throw DivergedError("loss is 'nan'");
  const Buffer buffer = device.allocate(256, MemoryCategory::workspace);
  const TensorView tensor = buffer.view(DType::f32, {64});
  device.synchronize(collectives->all_reduce(tensor, tensor, ReduceOp::sum, Group::world,
                                             device.communication_stream(), {}));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  std::unique_ptr<isoflop::Launch> launch;
  return isoflop::run_main(
      "failing_rank",
      [&] {
        launch = isoflop::make_launch(&argc, &argv);
        return run(*launch);
      },
      [&](int exit_code, const std::string&) {
        if (launch) launch->abort(exit_code);
      });
}
