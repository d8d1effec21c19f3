// SPDX-License-Identifier: MIT
#include "planner/step_time.hpp"

#include "core/hardware/mfu.hpp"
#include "core/model/flops.hpp"
#include "core/model/param_count.hpp"
#include "planner/planner_fixtures.hpp"
#include "planner/shape_search.hpp"

#include <gtest/gtest.h>

namespace isoflop {
namespace {

Layout layout_of(ParallelStrategy strategy, int64_t world, int64_t micro, int64_t accum = 1,
                 Recompute recompute = Recompute::none) {
  const bool sharded = strategy == ParallelStrategy::fsdp;
  return {strategy, sharded ? 1 : world, sharded ? world : 1, micro, accum, recompute};
}

class H100 : public testing::Test {
 protected:
  StepTime predict(const Layout& layout, int64_t d_model = 4096, int64_t n_layer = 32) const {
    const ShapeRequest request{
        .vocab_size = 50257, .seq_len = 2048, .min_params = 0, .max_params = 0};
    const auto world = static_cast<int>(layout.world_size());
    const JobSize job{std::max(1, world / 8), std::min(world, 8)};
    const MachineModel machine =
        make_machine_model(cluster_.partitions.front(), job, Precision::bf16, calibration_);
    return predict_step_time(make_shape(request, d_model, n_layer), layout, 2048, machine);
  }

  Cluster cluster_ = test::h100_cluster();
  Calibration calibration_ = load_calibration(cluster_.partitions.front().device.kind);
};

TEST_F(H100, accumulation_repeats_compute_but_not_the_optimizer) {
  const StepTime once = predict(layout_of(ParallelStrategy::fsdp, 8, 4, 1));
  const StepTime thrice = predict(layout_of(ParallelStrategy::fsdp, 8, 4, 3));
  EXPECT_DOUBLE_EQ(thrice.matmul_s, 3 * once.matmul_s);
  EXPECT_DOUBLE_EQ(thrice.optimizer_s, once.optimizer_s);
}

// A third of the step if all of the forward pass was run again; 31 of 32 blocks are, without the
// FFN's second product.
TEST_F(H100, recomputation_adds_a_quarter) {
  const StepTime kept = predict(layout_of(ParallelStrategy::fsdp, 8, 4));
  const StepTime again = predict(layout_of(ParallelStrategy::fsdp, 8, 4, 1, Recompute::full));
  EXPECT_EQ(kept.recompute_s, 0);
  EXPECT_GT(again.recompute_s / kept.total(), 0.2);
  EXPECT_LT(again.recompute_s / kept.total(), 0.28);
}

TEST_F(H100, larger_products_run_nearer_to_the_peak) {
  const auto rate = [](const StepTime& step, double width) {
    return width * width / step.matmul_s;
  };
  const Layout layout = layout_of(ParallelStrategy::ddp, 1, 4);
  EXPECT_GT(rate(predict(layout, 4096, 8), 4096), 1.2 * rate(predict(layout, 1024, 8), 1024));
}

TEST_F(H100, small_work_waits_for_launches) {
  EXPECT_GT(predict(layout_of(ParallelStrategy::ddp, 1, 1), 64, 24).launch_s, 0);
  EXPECT_EQ(predict(layout_of(ParallelStrategy::ddp, 1, 8), 4096, 8).launch_s, 0);
}

TEST_F(H100, compute_hides_communication_only_where_there_is_enough) {
  const StepTime little = predict(layout_of(ParallelStrategy::fsdp, 128, 1));
  const StepTime much = predict(layout_of(ParallelStrategy::fsdp, 128, 8));
  EXPECT_GT(little.communication_s / little.total(), 2 * much.communication_s / much.total());
  EXPECT_EQ(predict(layout_of(ParallelStrategy::ddp, 1, 4)).communication_s, 0);
}

TEST_F(H100, sharding_divides_the_optimizers_work) {
  EXPECT_NEAR(predict(layout_of(ParallelStrategy::ddp, 8, 1)).optimizer_s,
              8 * predict(layout_of(ParallelStrategy::fsdp, 8, 1)).optimizer_s, 1e-12);
}

// Of 67 TFLOP/s in fp32, 0.3: the dense peak in bf16 is 989.4, of which cuDNN's kernels have about
// a third in a step.
TEST_F(H100, attention_takes_what_the_trainer_computes_it_with) {
  ModelShape shape = make_shape({.vocab_size = 50257, .seq_len = 2048}, 4096, 8);
  const MachineModel machine =
      make_machine_model(cluster_.partitions.front(), {1, 1}, Precision::bf16, calibration_);
  const auto attention_s = [&] {
    return predict_step_time(shape, layout_of(ParallelStrategy::ddp, 1, 4), 2048, machine)
        .attention_s;
  };
  const double vendor_s = attention_s();
  shape.attention_backend = AttentionBackend::sdpa;
  const double tiled_s = attention_s();
  EXPECT_GT(tiled_s, 10 * vendor_s);
  shape.attention_backend = AttentionBackend::manual;
  EXPECT_GT(attention_s(), 2 * vendor_s);
  shape.attention_backend = AttentionBackend::flash_attn_2;
  EXPECT_EQ(attention_s(), vendor_s);
  shape.attention_backend = AttentionBackend::automatic;
  shape.dropout = 0.1;
  EXPECT_EQ(attention_s(), tiled_s);
}

// In 2 bytes at 3.35 TB/s times the calibrated share: an activation of its own moves 2 matrices of
// the hidden units forward and 3 backward; in products one each way.
TEST_F(H100, gelu_is_part_of_products_unless_it_is_run_again_alone) {
  ModelShape shape = make_shape({.vocab_size = 50257, .seq_len = 2048}, 4096, 8);
  shape.ffn = FfnType::standard;
  const MachineModel machine =
      make_machine_model(cluster_.partitions.front(), {1, 1}, Precision::bf16, calibration_);
  const auto elementwise_s = [&](Activation activation, RecomputePlan recompute) {
    shape.activation = activation;
    Layout layout = layout_of(ParallelStrategy::ddp, 1, 4);
    layout.recompute = recompute;
    return predict_step_time(shape, layout, 2048, machine).memory_bound_s;
  };
  const double matrix_s = 4 * 2048 * 2.0 * static_cast<double>(shape.d_ff * shape.n_layer) /
                          (3.35e12 * calibration_.memory_bandwidth);
  EXPECT_NEAR(elementwise_s(Activation::gelu_erf, Recompute::none) -
                  elementwise_s(Activation::gelu_tanh, Recompute::none),
              3 * matrix_s, 1e-3 * matrix_s);
  EXPECT_NEAR(elementwise_s(Activation::gelu_erf, Recompute::full) -
                  elementwise_s(Activation::gelu_tanh, Recompute::full),
              3 * matrix_s, 1e-3 * matrix_s);
  const RecomputePlan again = BlockParts{BlockPart::activations};
  EXPECT_NEAR(
      elementwise_s(Activation::gelu_erf, again) - elementwise_s(Activation::gelu_tanh, again),
      2 * matrix_s, 1e-3 * matrix_s);
}

TEST_F(H100, no_step_waits_for_the_host_and_the_update_reads_the_gradient_twice) {
  const StepTime step = predict(layout_of(ParallelStrategy::ddp, 1, 4));
  EXPECT_EQ(step.overhead_s, 0);
  const ShapeRequest request{.vocab_size = 50257, .seq_len = 2048};
  const ModelShape shape = make_shape(request, 4096, 32);
  const double matrices = static_cast<double>(count_params(shape).total());
  const double bytes_per_s = 3.35e12 * calibration_.memory_bandwidth;
  EXPECT_NEAR(step.optimizer_s, 32 * matrices / bytes_per_s, 0.01 * step.optimizer_s);
}

TEST(StepTimeOnCpu, a_measured_efficiency_decides_alone) {
  const Cluster cluster = test::cpu_cluster();
  const Partition& partition = cluster.partitions.front();
  const Calibration calibration = load_calibration(partition.device.kind);
  const MachineModel machine = make_machine_model(partition, {1, 1}, Precision::fp32, calibration);
  const ModelShape shape =
      make_shape({.device = DeviceClass::cpu, .vocab_size = 257, .seq_len = 256}, 128, 4);
  const StepTime step =
      predict_step_time(shape, layout_of(ParallelStrategy::ddp, 1, 8), 256, machine);
  const double tokens_per_s = 8 * 256 / step.total();
  // Half way between the rows of 64 (0.2) and 256 (0.4) in the logarithm.
  EXPECT_NEAR(mfu(train_flops_per_token(shape, 256), tokens_per_s, 0.1), 0.3, 1e-9);
  EXPECT_EQ(step.communication_s, 0);
}

TEST(StepTimeOnCpu, ranks_pay_for_the_whole_reduction) {
  const Cluster cluster = test::cpu_cluster();
  const Partition& partition = cluster.partitions.front();
  const Calibration calibration = load_calibration(partition.device.kind);
  ASSERT_EQ(calibration.overlap, 0);
  const MachineModel machine = make_machine_model(partition, {1, 2}, Precision::fp32, calibration);
  const ModelShape shape =
      make_shape({.device = DeviceClass::cpu, .vocab_size = 257, .seq_len = 256}, 128, 4);
  const StepTime step =
      predict_step_time(shape, layout_of(ParallelStrategy::ddp, 2, 8), 256, machine);
  const double bytes = 4.0 * 902144;  // fp32 gradients
  EXPECT_NEAR(step.communication_s, bytes / (8e9 * calibration.intra_node_bandwidth), 1e-3);
}

}  // namespace
}  // namespace isoflop
