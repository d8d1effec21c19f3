// SPDX-License-Identifier: MIT
#pragma once

#include "core/base/config_node.hpp"
#include "core/base/enum_names.hpp"

#include <array>
#include <optional>
#include <string>
#include <vector>

namespace isoflop {

/// How attention is computed. materialised writes all scores; the others keep them on chip:
/// flash_1 and flash_2 (arXiv:2205.14135, arXiv:2307.08691), vendor is cuDNN's kernel or one as
/// fast (FlashAttention-3, arXiv:2407.08608), tiled our trainer's own, which uses no matrix units.
enum class AttentionKernel { materialised, flash_1, flash_2, vendor, tiled };

inline constexpr std::array kAttentionKernelNames = {
    EnumName{AttentionKernel::materialised, "materialised"},
    EnumName{AttentionKernel::flash_1, "flash_1"},
    EnumName{AttentionKernel::flash_2, "flash_2"},
    EnumName{AttentionKernel::vendor, "vendor"},
    EnumName{AttentionKernel::tiled, "tiled"},
};

/// What selective recomputation runs again: attention (Korthikanti et al., arXiv:2205.05198), or
/// every other product with the element-wise work (torchtitan's per-op policy).
enum class SelectiveRule { attention, half_of_products };

inline constexpr std::array kSelectiveRuleNames = {
    EnumName{SelectiveRule::attention, "attention"},
    EnumName{SelectiveRule::half_of_products, "half_of_products"},
};

/// What a training program does that its layout does not say. One row of data/software_stacks.yaml.
struct SoftwareStack {
  std::string name;
  std::vector<std::string> matches;  ///< lower-case texts in the source of a published run
  AttentionKernel attention = AttentionKernel::vendor;
  SelectiveRule selective = SelectiveRule::attention;
  /// Element-wise work is fused or compiled, not a kernel for each operation.
  bool fuses_elementwise = true;
  /// Time the host takes to start a block's kernels over that of Megatron-LM without CUDA graphs.
  double host = 1;
  bool overlaps_data_parallel = true;  ///< gradients and weights move beside compute
  bool overlaps_tensor_parallel = false;
  bool overlaps_gather = true;  ///< zero1's and zero2's: weights move beside the next forward pass
  double gradient_bytes = 4;    ///< of an element that is kept and reduced
  /// Bytes of a logit at the peak: copies in both types and gradients.
  double logits_bytes = 6;
  /// Each tensor of a shard is sent by its owner alone, which uses one network port of a node
  /// (ZeRO-3 as of 2021).
  bool gathers_by_broadcast = false;
  /// zero1, zero2: each owner broadcasts its shard in a call of its own.
  bool gathers_by_owner = false;
  /// Tensor parallelism keeps the gathered inputs of products for backward, and whole outputs and
  /// gradients pass through memory (PyTorch's DTensor; Megatron-LM gathers again).
  bool keeps_gathered_inputs = false;
  /// A batch is cut into as many micro batches as a pipeline has stages where nobody states more.
  bool cuts_batch_by_stages = false;
  /// Traffic of norms and RoPE in backward over forward: it reads what forward wrote besides the
  /// gradients.
  double norm_backward = 1.5;
  /// Traffic of a plain FFN's activation beside products over that of kernels of its own.
  double activation_forward = 1, activation_backward = 1;
  /// Bytes of a logit that pass memory each way outside of products: fp32, written and read.
  double logit_traffic = 8;
  /// Bytes a parameter that the optimizer's step moves; none: Calibration::optimizer_bytes.
  std::optional<double> optimizer_bytes = std::nullopt;
  /// The device waits for the host between steps: Calibration::step_overhead_s.
  bool waits_between_steps = true;
  std::optional<double> network_gb_per_s_per_node;  ///< where its published runs say so
};

/// data/software_stacks.yaml.
class StackCatalog {
 public:
  static StackCatalog load();
  /// Throws ConfigError for missing, unknown or impossible values.
  explicit StackCatalog(const ConfigNode& root);

  const std::vector<SoftwareStack>& stacks() const { return stacks_; }
  /// Throws ConfigError with the nearest name.
  const SoftwareStack& find(const std::string& name) const;
  /// The first whose `matches` are in the text; nullptr when none is.
  const SoftwareStack* match(const std::string& text) const;

 private:
  std::vector<SoftwareStack> stacks_;
};

}  // namespace isoflop
