// SPDX-License-Identifier: MIT
#include "emulation/kernel_grid.hpp"

#include "emulation/fibre.hpp"
#include "emulation/findings.hpp"
#include "emulation/kernel_thread.hpp"
#include "emulation/launch_options.hpp"
#include "emulation/memory.hpp"
#include "emulation/warp_gate.hpp"

#include <cuda_runtime.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace isoflop::emulation {

// What device_language.hpp declares as constants: constant for one kernel thread, set whenever
// another gets its turn.
uint3 thread_index asm("threadIdx");
uint3 block_index asm("blockIdx");
uint3 block_shape asm("blockDim");
uint3 grid_shape asm("gridDim");
int lanes_per_warp asm("warpSize") = WarpGate::kLanes;

constinit thread_local RunningThread running_thread;

namespace {

/// Enough for a kernel's thread and for the check that words a finding.
constexpr std::size_t kStackBytes = std::size_t{64} << 10;

struct KernelThread {
  Fibre* fibre = nullptr;  ///< set while it waits
  int64_t n_barriers = 0;  ///< __syncthreads met so far
  bool at_block_barrier = false;
};

/// Fibres that run threads one after another on the same stack, as long as those do not wait.
/// They outlive the launch; those left in the middle of a thread are dropped.
struct Workers {
  std::vector<std::unique_ptr<Fibre>> all;
  std::vector<Fibre*> idle;
};
Workers& workers() {
  static Workers pool;
  return pool;
}

/// Shared memory of the block that runs, between two margins.
std::span<std::byte> shared_area(std::size_t bytes) {
  static std::vector<std::byte> area;
  area.resize(2 * kSharedMargin + bytes);
  return std::span(area).subspan(kSharedMargin, bytes);
}

class Grid;
Grid* running_grid = nullptr;

/// One launch of a kernel.
class Grid {
 public:
  Grid(const std::string& name, const gpu::LaunchShape& shape, const KernelCode& code);
  ~Grid();
  Grid(const Grid&) = delete;
  Grid& operator=(const Grid&) = delete;

  void run();
  /// Runs threads on the calling worker until one that waited may go on, or none is left to start.
  void run_threads();

  void sync_threads();
  uint64_t meet(const WarpGate::Call& call);
  [[noreturn]] void abandon();

 private:
  void run_block(int64_t turn);
  void start_block(int64_t turn);
  Fibre& next_fibre();
  void run_thread(int index);
  void end_thread();
  void open_block_barrier();
  void open_warp();
  void wait();
  void enter(int index);
  bool drops_barrier();
  /// Adds a finding about the running thread's warp; the kernel ends at the next wait.
  void stop_if(const std::optional<std::string>& problem);
  KernelThread& running() {
    return threads_[static_cast<std::size_t>(running_thread.accessor.thread)];
  }
  static std::size_t warp_of_running() {
    return static_cast<std::size_t>(running_thread.accessor.thread / WarpGate::kLanes);
  }
  static int lane_of_running() { return running_thread.accessor.thread % WarpGate::kLanes; }
  WarpGate& gate() { return warps_[warp_of_running()]; }
  /// The i-th in the order in which threads or blocks get their turns.
  int64_t in_order(int64_t i, int64_t n) const { return launch_.is_reversed ? n - 1 - i : i; }

  const gpu::LaunchShape& shape_;
  const KernelCode& code_;
  const KernelLaunch launch_;
  bool abandoned_ = false;
  std::vector<KernelThread> threads_;
  std::vector<WarpGate> warps_;
  std::vector<WarpClock> clocks_;
  std::deque<int> ready_;  ///< threads that waited and may go on
  int n_started_ = 0;
  int n_live_ = 0;
  int n_at_block_barrier_ = 0;
};

/// Serial numbers for the threads of a launch.
int64_t take_serials(int64_t n) {
  static int64_t next = 1;
  return std::exchange(next, next + n);
}

KernelLaunch describe_launch(const std::string& name, const gpu::LaunchShape& shape) {
  const int64_t n_blocks = shape.blocks * shape.blocks_y;
  return {.name = name,
          .n_blocks = n_blocks,
          .threads_per_block = shape.threads,
          .is_reversed = lane_order() == LaneOrder::reverse,
          .first_serial = take_serials(n_blocks * shape.threads)};
}

Grid::Grid(const std::string& name, const gpu::LaunchShape& shape, const KernelCode& code)
    : shape_(shape), code_(code), launch_(describe_launch(name, shape)) {
  running_grid = this;
  for (int first = 0; first < shape.threads; first += WarpGate::kLanes)
    warps_.emplace_back(std::min(shape.threads - first, WarpGate::kLanes));
  block_shape = {static_cast<unsigned>(shape.threads), 1, 1};
  grid_shape = {static_cast<unsigned>(shape.blocks), static_cast<unsigned>(shape.blocks_y), 1};
  running_thread = {};
  running_thread.launch = &launch_;
  running_thread.shared = shared_area(static_cast<std::size_t>(shape.shared_bytes));
  running_thread.parameters = {static_cast<const std::byte*>(code.parameters.get()),
                               code.parameter_bytes};
}

Grid::~Grid() {
  running_grid = nullptr;
  running_thread = {};
  forget_accesses();
  if (abandoned_) workers() = {};
}

void Grid::run() {
  for (int64_t turn = 0; turn < launch_.n_blocks && !abandoned_; ++turn) run_block(turn);
}

void Grid::run_block(int64_t turn) {
  start_block(turn);
  while (n_live_ > 0 && !abandoned_) next_fibre().resume();
}

void Grid::start_block(int64_t turn) {
  const int n = shape_.threads;
  threads_.assign(static_cast<std::size_t>(n), {});
  for (WarpGate& warp : warps_) warp.restart();
  clocks_.assign(warps_.size(), {});
  n_started_ = 0;
  n_live_ = n;
  const int64_t block = launch_.in_turn(turn);
  block_index = {static_cast<unsigned>(block % shape_.blocks),
                 static_cast<unsigned>(block / shape_.blocks), 0};
  running_thread.block = block;
  running_thread.accessor = {.block_serial = launch_.first_serial + turn * n, .clocks = clocks_};
  std::memset(running_thread.shared.data(), 0xff, running_thread.shared.size());
}

Fibre& Grid::next_fibre() {
  if (!ready_.empty()) {
    const int index = ready_.front();
    ready_.pop_front();
    return *threads_[static_cast<std::size_t>(index)].fibre;
  }
  Workers& pool = workers();
  if (pool.idle.empty()) {
    Fibre& fibre = *pool.all.emplace_back(std::make_unique<Fibre>(kStackBytes));
    fibre.start([] {
      for (;;) {
        running_grid->run_threads();
        workers().idle.push_back(Fibre::current());
        Fibre::suspend();
      }
    });
    return fibre;
  }
  Fibre& fibre = *pool.idle.back();
  pool.idle.pop_back();
  return fibre;
}

void Grid::run_threads() {
  while (!abandoned_ && ready_.empty() && n_started_ < shape_.threads)
    run_thread(static_cast<int>(in_order(n_started_++, shape_.threads)));
}

void Grid::run_thread(int index) {
  enter(index);
  code_.run_thread(code_.parameters.get());
  running_thread.in_kernel_code = false;
  end_thread();
}

void Grid::end_thread() {
  --n_live_;
  stop_if(gate().end(lane_of_running()));
  if (n_live_ > 0 && n_at_block_barrier_ == n_live_) open_block_barrier();
}

void Grid::enter(int index) {
  thread_index.x = static_cast<unsigned>(index);
  running_thread.accessor.thread = index;
  running_thread.n_accesses = 0;
  running_thread.stack = Fibre::current()->stack();
  running_thread.in_kernel_code = true;
}

/// Stops the running thread until it is ready.
void Grid::wait() {
  const int index = running_thread.accessor.thread;
  threads_[static_cast<std::size_t>(index)].fibre = Fibre::current();
  Fibre::suspend();
  enter(index);
}

bool Grid::drops_barrier() {
  const Faults& wanted = faults();
  return running().n_barriers++ == wanted.drop_barrier && wanted.drop_barrier_of == launch_.name &&
         running_operation()->rank == 0;
}

void Grid::sync_threads() {
  if (drops_barrier()) return;
  stop_if(gate().wait_at_block_barrier(lane_of_running()));
  running().at_block_barrier = true;
  if (++n_at_block_barrier_ == n_live_) open_block_barrier();
  wait();
}

void Grid::open_block_barrier() {
  n_at_block_barrier_ = 0;
  for (WarpGate& warp : warps_) warp.open_block_barrier();
  for (WarpClock& clock : clocks_) clock.at_block_barrier = ++clock.now;
  for (int i = 0; i < shape_.threads; ++i) {
    const int index = static_cast<int>(in_order(i, shape_.threads));
    if (std::exchange(threads_[static_cast<std::size_t>(index)].at_block_barrier, false))
      ready_.push_back(index);
  }
}

uint64_t Grid::meet(const WarpGate::Call& call) {
  stop_if(gate().arrive(lane_of_running(), call));
  if (gate().complete()) open_warp();
  wait();
  return gate().result(lane_of_running());
}

void Grid::open_warp() {
  const std::size_t warp = warp_of_running();
  const WarpGate::Opening opening = warps_[warp].open();
  stop_if(opening.problem);
  if (opening.orders_the_warp) ++clocks_[warp].now;
  for (int i = 0; i < WarpGate::kLanes; ++i) {
    const auto lane = static_cast<int>(in_order(i, WarpGate::kLanes));
    if ((opening.lanes >> lane & 1U) != 0)
      ready_.push_back(static_cast<int>(warp) * WarpGate::kLanes + lane);
  }
}

void Grid::stop_if(const std::optional<std::string>& problem) {
  if (!problem) return;
  add_finding(fmt::format("kernel {}: in warp {} of block {}, {}", launch_.name, warp_of_running(),
                          running_thread.block, *problem));
  abandoned_ = true;
}

void Grid::abandon() {
  abandoned_ = true;
  Fibre::suspend();
  std::abort();  // nothing resumes it
}

}  // namespace

void run_grid(const std::string& name, const gpu::LaunchShape& shape, const KernelCode& code) {
  Grid(name, shape, code).run();
}

void abandon_kernel() { running_grid->abandon(); }

void sync_threads() {
  const OutsideKernelCode outside;
  running_grid->sync_threads();
}

void sync_warp(uint32_t mask) {
  const OutsideKernelCode outside;
  running_grid->meet({WarpMeeting::syncwarp, mask});
}

uint64_t shuffle(WarpMeeting kind, uint32_t mask, uint64_t bits, int operand, int width) {
  const OutsideKernelCode outside;
  return running_grid->meet({kind, mask, bits, operand, width});
}

void* shared_memory() { return running_thread.shared.data(); }

}  // namespace isoflop::emulation
