// SPDX-License-Identifier: MIT
#pragma once

#include "core/model/model_shape.hpp"
#include "core/model/recompute.hpp"

#include <cstdint>

namespace isoflop {

/// causal counts the lower triangle of the scores, the work done (default everywhere); full_square
/// counts all of it, as PaLM (arXiv:2204.02311, appendix B) and most published MFU tables do.
enum class AttentionFlops { causal, full_square };

/// FLOPs of one token (multiply-add = 2) through the whole model, forward only, by component.
/// Embedding look-ups are not counted, the output projection is. Norms, activations, softmax and
/// RoPE stand under `other` and are not part of matmul() or MFU. Multi-token-prediction layers are
/// left out.
struct FlopsPerToken {
  double qkv_projection = 0;
  double attention_scores = 0;   ///< Q K^T and P V
  double output_projection = 0;  ///< attention's output matrix
  double ffn = 0;                ///< active experts only
  double router = 0;
  double lm_head = 0;
  double other = 0;  ///< element-wise work, estimated; excluded from MFU

  double matmul() const {
    return qkv_projection + attention_scores + output_projection + ffn + router + lm_head;
  }
};

/// Forward FLOPs per token at the given sequence length.
FlopsPerToken forward_flops_per_token(const ModelShape& shape, int64_t seq_len,
                                      AttentionFlops convention = AttentionFlops::causal);

/// Training FLOPs per token, forward + backward (backward = 2 x forward), recomputation not
/// counted: the model FLOPs of MFU. Equals 6 x (matmul parameters) + 12 n_layer n_head d_head
/// seq_len for the full square, half the last term when causal.
double train_flops_per_token(const ModelShape& shape, int64_t seq_len,
                             AttentionFlops convention = AttentionFlops::causal);

/// FLOPs per token of the products that the backward pass runs again: of attention scores and
/// values, of a whole block all but the FFN's last product (whose output no pre-norm block needs;
/// post-norm: all). Norms and activations have none. The last block of each part is not run again
/// (RecomputePlan::in_backward). Throws ConfigError as require_trainable does.
double recompute_flops_per_token(const ModelShape& shape, const RecomputePlan& recompute,
                                 int64_t seq_len,
                                 AttentionFlops convention = AttentionFlops::causal);

/// Hardware FLOPs / model FLOPs (HFU / MFU; Korthikanti et al., arXiv:2205.05198, appendix A) of
/// matrix products: 1 + what recomputation adds to train_flops_per_token. There full recomputation
/// runs all of every block again, 4/3 but for the output projection; here less.
double recompute_factor(const ModelShape& shape, const RecomputePlan& recompute, int64_t seq_len,
                        AttentionFlops convention = AttentionFlops::causal);

}  // namespace isoflop
