// SPDX-License-Identifier: MIT
#include "core/model/muon_matrices.hpp"

#include "support/published_shapes.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace isoflop {
namespace {

using testing::ElementsAre;

/// Of unit 1, the first block.
std::vector<MuonMatrix> of_first_block(const ModelShape& shape) {
  std::vector<MuonMatrix> matrices = muon_matrices(shape);
  std::erase_if(matrices, [](const MuonMatrix& matrix) { return matrix.unit != 1; });
  return matrices;
}

// Tensors: norm weight, bias; qkv weight, bias; out weight, bias; norm weight, bias; in weight,
// bias; out weight, bias.
TEST(MuonMatrices, a_gpt2_block_has_six_of_768_columns_and_one_of_3072) {
  EXPECT_THAT(of_first_block(test::gpt2_124m()),
              ElementsAre(MuonMatrix{1, 2, 0, 768, 768}, MuonMatrix{1, 2, 768, 768, 768},
                          MuonMatrix{1, 2, 1536, 768, 768}, MuonMatrix{1, 4, 0, 768, 768},
                          MuonMatrix{1, 8, 0, 3072, 768}, MuonMatrix{1, 10, 0, 768, 3072}));
}

// Tensors: norm; qkv; out; norm; in; out. 32 heads and 8 key-value heads of 128.
TEST(MuonMatrices, a_llama3_block_has_seven_with_short_keys_and_values_and_gate_before_up) {
  EXPECT_THAT(of_first_block(test::llama3_8b()),
              ElementsAre(MuonMatrix{1, 1, 0, 4096, 4096}, MuonMatrix{1, 1, 4096, 1024, 4096},
                          MuonMatrix{1, 1, 5120, 1024, 4096}, MuonMatrix{1, 2, 0, 4096, 4096},
                          MuonMatrix{1, 4, 0, 14336, 4096}, MuonMatrix{1, 4, 14336, 14336, 4096},
                          MuonMatrix{1, 5, 0, 4096, 14336}));
}

// 12 x (4 x 768^2 + 2 x 768 x 3072).
TEST(MuonMatrices, are_all_matrices_of_blocks_and_nothing_else) {
  int64_t size = 0;
  for (const MuonMatrix& matrix : muon_matrices(test::gpt2_124m())) {
    EXPECT_TRUE(matrix.unit >= 1 && matrix.unit <= 12);
    size += matrix.size();
  }
  EXPECT_EQ(size, 84'934'656);
}

TEST(MuonMatrices, leave_an_untied_output_matrix_to_adamw) {
  ModelShape shape = test::gpt2_124m();
  const std::vector<MuonMatrix> tied = muon_matrices(shape);
  shape.tied_embeddings = false;
  EXPECT_EQ(muon_matrices(shape), tied);
}

}  // namespace
}  // namespace isoflop
