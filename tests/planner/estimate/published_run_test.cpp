// SPDX-License-Identifier: MIT
#include "planner/estimate/published_run.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace isoflop {
namespace {

using testing::HasSubstr;

constexpr const char* kColumns =
    "id,source,url_or_path,model,n_layer,d_model,n_head,n_kv_head,d_ff,ffn_type,vocab,seq_len,gpu,"
    "gpu_mem_gb,gpus_per_node,n_gpu,precision,tp,pp,vpp,cp,ep,zero_stage_or_fsdp,"
    "sequence_parallel,micro_batch,global_batch,recompute,notes\n";

class PublishedRuns : public testing::Test {
 protected:
  std::variant<PublishedRun, Unsupported> read(const std::string& row) const {
    return read(row, "");
  }
  std::variant<PublishedRun, Unsupported> read(const std::string& row,
                                               const std::string& notes) const {
    return reader_.read(CsvTable::parse(kColumns + row + "," + notes + "\n", "runs.csv"), 0);
  }
  PublishedRun run(const std::string& row) const { return std::get<PublishedRun>(read(row)); }
  std::string reason(const std::string& row) const {
    return std::get<Unsupported>(read(row)).reason;
  }

  RunReader reader_;
};

TEST_F(PublishedRuns, a_row_becomes_shape_layout_and_machine) {
  const PublishedRun row =
      run("a,NVIDIA dgxc-benchmarking,,llama3-70B,80,8192,64,8,28672,swiglu,128256,8192,H100-SXM,"
          "80,8,64,fp8,4,4,5,2,1,dist-opt(1),yes,1,128,none");
  EXPECT_EQ(row.shape.d_head, 128);
  EXPECT_EQ(row.shape.ffn, FfnType::gated);
  EXPECT_EQ(row.device.name, "H100-SXM5-80GB");
  EXPECT_EQ(row.precision, Precision::fp8);
  EXPECT_EQ(row.layout.strategy, ParallelStrategy::zero1);
  EXPECT_EQ(row.layout.data, 2);
  EXPECT_EQ(row.layout.shard, 4);  // over data and context ranks
  EXPECT_EQ(row.layout.n_micro_batch, 64);
  EXPECT_EQ(row.layout.virtual_pipeline, 5);
  EXPECT_TRUE(row.layout.sequence_parallel);
  EXPECT_EQ(row.stack.name, "nemo");
}

TEST_F(PublishedRuns, experts_come_from_the_models_name) {
  const PublishedRun row =
      run("a,x,,deepseek-v3,61,7168,128,128,2048,swiglu,129280,4096,GB200,186,4,256,bf16,1,4,4,1,,"
          "dist-opt(1),no,1,4096,none");
  ASSERT_TRUE(row.shape.moe && row.shape.mla);
  EXPECT_EQ(row.shape.moe->n_routed_expert, 256);
  EXPECT_EQ(row.shape.d_ff, 18432);  // of the dense layers
  EXPECT_EQ(row.layout.expert, 64);  // not stated: as many as divide the data ranks
}

TEST_F(PublishedRuns, sharding_words_become_strategies) {
  const auto layout = [&](const std::string& word) {
    return run("a,x,,m,2,64,4,4,256,standard,1000,128,A100-SXM,80,8,16,bf16,1,1,,1,1," + word +
               ",no,1,16,full")
        .layout;
  };
  EXPECT_EQ(layout("").strategy, ParallelStrategy::ddp);
  EXPECT_EQ(layout("0").strategy, ParallelStrategy::ddp);
  EXPECT_EQ(layout("3").strategy, ParallelStrategy::fsdp);
  EXPECT_EQ(layout("fsdp_full_shard(3)").strategy, ParallelStrategy::fsdp);
  EXPECT_EQ(layout("fsdp_shard_grad_op(2)").strategy, ParallelStrategy::zero2);
  EXPECT_EQ(layout("hsdp").shard, 8);
  EXPECT_EQ(layout("zero1=4").shard, 4);
  EXPECT_EQ(layout("zero1=-1 (all DP)").shard, 16);
}

TEST_F(PublishedRuns, notes_say_what_the_program_did) {
  const auto with_notes = [&](const std::string& micro_batch, const std::string& notes) {
    return std::get<PublishedRun>(
        read("a,torchtitan 2024,,m,8,64,4,4,256,swiglu,1000,128,H100-SXM,80,8,16,bf16,2,4,,1,1,"
             "fsdp2,yes," +
                 micro_batch + ",64,full",
             notes));
  };
  EXPECT_TRUE(with_notes("1", "compile").stack.fuses_elementwise);
  EXPECT_FALSE(with_notes("1", "eager").stack.fuses_elementwise);
  EXPECT_TRUE(with_notes("1", "2D+AsyncTP").stack.overlaps_tensor_parallel);
  EXPECT_EQ(with_notes("1", "schedule Interleaved1F1B").layout.virtual_pipeline, 2);
  // 32 samples a data rank, as many micro batches as stages.
  const PublishedRun unstated = with_notes("", "");
  EXPECT_EQ(unstated.layout.micro_batch, 8);
  EXPECT_EQ(unstated.layout.n_micro_batch, 4);
  EXPECT_TRUE(unstated.knows_micro_batch);
}

TEST_F(PublishedRuns, recomputed_modules_are_read_from_notes) {
  const auto recompute = [&](const std::string& notes) {
    return std::get<PublishedRun>(
               read("a,Megatron-Bridge,,m,8,64,4,4,256,standard,1000,128,H100-SXM,80,8,16,bf16,2,4,"
                    ",1,1,dist-opt(1),yes,1,64,selective",
                    notes))
        .layout.recompute;
  };
  EXPECT_EQ(recompute("core_attn").products, 0);
  EXPECT_EQ(recompute("core_attn").attention, 1);
  // The FFN's first product of 64 x 256 beside attention's 4 x 64 x 64.
  EXPECT_DOUBLE_EQ(recompute("mlp recompute").products, 0.5);
  EXPECT_EQ(recompute("mlp recompute").attention, 0);
  EXPECT_EQ(recompute("mlp+core_attn").attention, 1);
}

TEST_F(PublishedRuns, what_cannot_be_predicted_says_why) {
  const std::string rest = ",4,256,standard,1000,128,A100-SXM,80,8,16,bf16,1,1,,1,1,0,no,1,16,full";
  EXPECT_THAT(reason("a,x,,m,,64,4" + rest), HasSubstr("n_layer is empty"));
  EXPECT_THAT(reason("a,x,,m,two,64,4" + rest), HasSubstr("'two' (not a number)"));
  EXPECT_THAT(reason("a,x,,m,2.5,64,4" + rest), HasSubstr("whole number"));
  EXPECT_THAT(reason("a,x,,m,2,64,4,4,256,standard,1000,128,Banana,80,8,16,bf16,1,1,,1,1,0,no,1,16,"
                     "full"),
              HasSubstr("Banana"));
  EXPECT_THAT(reason("a,x,,m,2,64,4,4,256,standard,1000,128,A100-SXM,80,8,16,fp8,1,1,,1,1,0,no,1,"
                     "16,full"),
              HasSubstr("has no fp8"));
  EXPECT_THAT(reason("a,x,,m,2,64,4,4,256,standard,1000,128,A100-SXM,80,8,16,bf16,3,1,,1,1,0,no,1,"
                     "16,full"),
              HasSubstr("no multiple of tp x pp x cp = 3"));
  EXPECT_THAT(reason("a,x,,m,2,64,4,4,256,standard,1000,128,A100-SXM,80,8,16,bf16,1,1,,1,1,0,no,1,"
                     "16,some"),
              HasSubstr("recompute is 'some'"));
}

}  // namespace
}  // namespace isoflop
