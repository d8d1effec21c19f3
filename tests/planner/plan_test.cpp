// SPDX-License-Identifier: MIT
#include "planner/plan.hpp"

#include "core/base/error.hpp"
#include "core/model/param_count.hpp"
#include "core/scaling/optimum.hpp"
#include "planner/planner_fixtures.hpp"
#include "support/error_matchers.hpp"

#include <cmath>

namespace isoflop {
namespace {

using testing::HasSubstr;

TEST(Plan, uses_the_whole_cluster_for_all_of_the_time) {
  const Plan plan = make_plan(test::request_for(test::h100_cluster(), 72));
  EXPECT_EQ(plan.choice.job.devices(), 128);
  EXPECT_EQ(plan.choice.budget.wall_s, 72 * 3600);
  EXPECT_EQ(plan.choice.budget.split.job_s, 24 * 3600);
  EXPECT_EQ(plan.precision, Precision::bf16);
  EXPECT_GT(plan.mfu_causal, 0.3);
  EXPECT_LT(plan.mfu_causal, 0.6);
  EXPECT_GT(plan.mfu_full_square, plan.mfu_causal);
}

TEST(Plan, spends_the_time_it_has_and_no_more) {
  const Plan plan = make_plan(test::request_for(test::h100_cluster(), 10));
  const Candidate& choice = plan.choice;
  const double used_s =
      static_cast<double>(choice.steps) * choice.layout.step_time.total() + choice.eval.seconds;
  EXPECT_LE(used_s, choice.budget.split.train_s);
  EXPECT_GT(used_s, 0.999 * choice.budget.split.train_s);
  EXPECT_EQ(choice.tokens.read, choice.steps * plan.config.tokens_per_step());
}

TEST(Plan, prints_forty_to_a_hundred_progress_lines) {
  for (const double hours : {1.0, 7.0, 24.0}) {
    const TrainConfig config = make_plan(test::request_for(test::h100_cluster(), hours)).config;
    const int64_t lines = config.schedule.steps / config.run.log_interval;
    EXPECT_GE(lines, 40) << hours;
    EXPECT_LE(lines, 100) << hours;
  }
}

TEST(Plan, loss_is_the_laws_and_near_its_optimum) {
  const PlanRequest request = test::request_for(test::h100_cluster(), 72);
  const Plan plan = make_plan(request);
  const auto& prediction = std::get<LossPrediction>(plan.choice.loss);
  const Optimum best = optimum(request.law, plan.choice.compute());
  EXPECT_GE(prediction.loss, best.loss);
  EXPECT_LT(prediction.loss, best.loss + 0.005);
  EXPECT_EQ(plan.config.prediction->loss, prediction.loss);
}

TEST(Plan, another_law_chooses_another_size) {
  PlanRequest request = test::request_for(test::h100_cluster(), 24);
  const double besiroglu = make_plan(request).choice.n_params;
  request.law = LawCatalog::load().find("hoffmann");
  EXPECT_LT(make_plan(request).choice.n_params, 0.85 * besiroglu);
}

TEST(Plan, bytes_get_no_loss_but_twenty_tokens_a_parameter) {
  PlanRequest request = test::request_for(test::cpu_cluster(), 0.5);
  request.text = test::byte_text();
  const Plan plan = make_plan(request);
  ASSERT_TRUE(std::holds_alternative<NoPrediction>(plan.choice.loss));
  EXPECT_THAT(std::get<NoPrediction>(plan.choice.loss).reason, HasSubstr("bytes"));
  EXPECT_FALSE(plan.config.prediction->loss.has_value());
  EXPECT_THAT(plan.config.prediction->loss_law, HasSubstr("no loss prediction"));
  EXPECT_NEAR(std::log(plan.choice.tokens_per_param() / kTokensPerParamRule), 0, 0.4);
}

TEST(Plan, compute_below_the_laws_range_gets_no_loss) {
  const Plan plan = make_plan(test::request_for(test::cpu_cluster(), 0.5));
  ASSERT_TRUE(std::holds_alternative<NoPrediction>(plan.choice.loss));
  EXPECT_THAT(std::get<NoPrediction>(plan.choice.loss).reason, HasSubstr("usable"));
}

TEST(Plan, is_the_same_every_time) {
  const PlanRequest request = test::request_for(test::h100_cluster(), 5);
  EXPECT_EQ(make_plan(request).config, make_plan(request).config);
}

TEST(Plan, reads_back_as_the_trainer_will) {
  const Plan plan = make_plan(test::request_for(test::h100_cluster(), 24));
  const std::string text = write_train_config(plan.config, "a comment");
  const TrainConfig read = read_train_config(ConfigNode::parse(text, "plan.yaml"));
  EXPECT_EQ(read, plan.config);
}

TEST(Plan, stays_within_the_allocation) {
  Cluster cluster = test::h100_cluster();
  cluster.allocation.gpu_hours = 50;
  cluster.allocation.max_gpus_per_job = 16;
  const Plan plan = make_plan(test::request_for(cluster, 72));
  EXPECT_LE(plan.choice.job.devices(), 16);
  EXPECT_LE(plan.choice.budget.device_hours(plan.choice.job), 50);
}

TEST(Plan, more_hours_never_give_a_worse_loss) {
  double last = 10;
  for (const double hours : {1.0, 4.0, 24.0}) {
    const Plan plan = make_plan(test::request_for(test::h100_cluster(), hours));
    const double now = std::get<LossPrediction>(plan.choice.loss).loss;
    EXPECT_LT(now, last);
    last = now;
  }
}

TEST(Plan, chooses_the_partition_that_trains_better) {
  const Cluster cluster = test::cluster_of(
      "name: two\n"
      "partitions:\n"
      "  - {name: old, nodes: 1, gpu: v100, gpus_per_node: 8}\n"
      "  - {name: new, nodes: 1, gpu: h100, gpus_per_node: 8}\n");
  PlanRequest request = test::request_for(cluster, 10);
  const Plan either = make_plan(request);
  EXPECT_EQ(either.choice.partition->name, "new");
  ASSERT_EQ(either.others.size(), 1U);
  EXPECT_EQ(either.others.front().partition->name, "old");
  request.partition = "old";
  const Plan plan = make_plan(request);
  EXPECT_EQ(plan.choice.partition->name, "old");
  EXPECT_EQ(plan.precision, Precision::fp16);  // V100 has no bf16
}

TEST(Plan, a_partition_that_cannot_give_what_is_asked_does_not_stop_the_others) {
  PlanRequest request =
      test::request_for(test::cluster_of("name: mixed\n"
                                         "partitions:\n"
                                         "  - {name: old, nodes: 2, gpu: v100, gpus_per_node: 4,\n"
                                         "     inter_node_gb_per_s_per_node: 12}\n"
                                         "  - {name: new, nodes: 2, gpu: h100, gpus_per_node: 8,\n"
                                         "     inter_node_gb_per_s_per_node: 400}\n"),
                        5);
  request.precision = Precision::bf16;
  EXPECT_EQ(make_plan(request).choice.partition->name, "new");
  request.precision.reset();
  request.n_devices = 16;
  EXPECT_EQ(make_plan(request).choice.partition->name, "new");
  request.n_devices = 17;
  EXPECT_THROW(make_plan(request), ConfigError);
}

TEST(Plan, a_limit_that_leaves_no_time_is_what_the_error_names) {
  PlanRequest request = test::request_for(test::h100_cluster(), 10);
  request.cluster.allocation.gpu_hours = 0.001;
  EXPECT_THAT(test::message_of<NothingFitsError>([&] { make_plan(request); }),
              HasSubstr("the allocation has 0.001 GPU hours for 1 GPU); raise that limit"));
}

TEST(Plan, repeated_data_is_worth_less) {
  PlanRequest request = test::request_for(test::h100_cluster(), 24);
  request.n_devices = 8;
  request.repeated_data = LawCatalog::load().repeated_data();
  const double plenty = std::get<LossPrediction>(make_plan(request).choice.loss).loss;
  request.text.train_tokens = 1e9;
  request.text.val_tokens = 1e7;
  const Plan plan = make_plan(request);
  EXPECT_GT(std::get<LossPrediction>(plan.choice.loss).loss, plenty + 0.05);
  EXPECT_THAT(plan.notes, testing::Contains(HasSubstr("times the 1.00 B training tokens")));
}

// What the trainer cannot run is still estimated, and said to be an estimate.
TEST(Plan, notes_say_how_far_the_trainer_can_run_it) {
  PlanRequest request = test::request_for(test::h100_cluster(), 10);
  EXPECT_THAT(make_plan(request).notes, testing::Contains(HasSubstr("emulated GPU")));
  request.precision = Precision::fp8;
  request.what_if = true;
  EXPECT_THAT(make_plan(request).notes,
              testing::Contains("an estimate only: the trainer computes in bf16, fp16 or fp32, not "
                                "fp8"));
  request.precision.reset();
  for (Partition& partition : request.cluster.partitions)
    partition.device.compute_capability = "gfx942";
  EXPECT_THAT(make_plan(request).notes,
              testing::Contains(HasSubstr("(compute capability gfx942)")));
}

TEST(Plan, evaluation_reads_no_more_than_the_validation_split) {
  PlanRequest request = test::request_for(test::cpu_cluster(), 0.2);
  request.text = test::byte_text();
  request.text.train_tokens = 1e8;
  request.text.val_tokens = 256 * 5 + 1;
  EXPECT_EQ(make_plan(request).config.eval.sequences, 5);
}

TEST(Plan, nothing_fits_names_the_term_and_what_helps) {
  const std::string message = test::message_of<NothingFitsError>(
      [] { make_plan(test::request_for(test::cpu_cluster(0.3), 0.9)); });
  EXPECT_THAT(message, HasSubstr("no layout fits"));
  EXPECT_THAT(message, HasSubstr("largest term: "));
  EXPECT_THAT(message, HasSubstr("MiB"));
  EXPECT_THAT(message, HasSubstr("help"));
}

TEST(Plan, too_little_time_says_where_it_goes) {
  const std::string message = test::message_of<NothingFitsError>(
      [] { make_plan(test::request_for(test::h100_cluster(), 0.01)); });
  EXPECT_THAT(message, HasSubstr("no model fits into 36.0 s: start-up takes 3 min"));
}

TEST(Plan, too_many_gpus_for_the_batch_says_so) {
  PlanRequest request = test::request_for(test::h100_cluster(), 0.06);
  request.n_devices = 128;
  request.seq_len = 131072;
  EXPECT_THAT(test::message_of<NothingFitsError>([&] { make_plan(request); }),
              HasSubstr("128 GPUs of partition 'h100'"));
}

}  // namespace
}  // namespace isoflop
