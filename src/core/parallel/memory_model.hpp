// SPDX-License-Identifier: MIT
#pragma once

#include "core/hardware/precision.hpp"
#include "core/model/model_shape.hpp"
#include "core/parallel/gpu_scratch.hpp"
#include "core/parallel/layout.hpp"
#include "core/parallel/nccl_registration.hpp"
#include "core/parallel/optimizer_state.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace isoflop {

/// Bytes one rank holds at the peak of a training step, by category. The trainer's allocator
/// reports the same categories. Every buffer is rounded up to 256 bytes, those that are registered
/// with NCCL to kNcclMemoryGranularity.
struct MemoryEstimate {
  /// fp32 master weights: a shard; all in fp32 where they are kept whole (keeps_whole_parameters),
  /// as the shard lies among them.
  int64_t parameters = 0;
  /// bf16 or fp16 copy of all weights, where they are kept whole.
  int64_t compute_parameters = 0;
  /// fp32: all of them under ddp and zero1, a shard otherwise.
  int64_t gradients = 0;
  /// fp32: AdamW's two moments; Muon's momentum of the matrices that the rank owns. Of the rank
  /// that holds most.
  int64_t optimizer = 0;
  /// Where weights are not kept whole: two buffers of max_streamed_size in compute type, and
  /// resident_size when tied.
  int64_t gathered = 0;
  /// zero2, fsdp, hsdp: two buffers of max_streamed_size in fp32, resident_size when tied, and the
  /// largest reduced shard (max_unit_size / n_shard).
  int64_t gradient_buffers = 0;
  /// Saved tensors of all blocks and the head, without those that are run again in backward; one
  /// tensor a block under full recomputation.
  int64_t activations = 0;
  /// The largest phase of temporaries and what one op of the device takes on top
  /// (gpu_scratch_bytes, cpu_scratch_bytes), or what the update takes in their place if that is
  /// more (cpu_update_scratch_bytes; two receive buffers for Muon's matrices with several
  /// shards); and one of each tensor that some block runs again in backward.
  int64_t workspace = 0;
  /// One chunk of logits in fp32; their gradient takes its place.
  int64_t logits = 0;
  /// int32 token ids and targets, double-buffered.
  int64_t batch = 0;
  /// CPUs with checkpoint.asynchronous: the copy that a checkpoint is written from. GPUs have it in
  /// host memory.
  int64_t checkpoint = 0;

  int64_t total() const;
  /// (category, bytes), largest first, zeros left out: for messages that name the term that is too
  /// large.
  std::vector<std::pair<std::string, int64_t>> terms() const;
};

/// A category of MemoryEstimate as messages name it.
struct MemoryTerm {
  const char* name;
  int64_t MemoryEstimate::*bytes;
};
inline constexpr std::array kMemoryTerms = {
    MemoryTerm{"parameters", &MemoryEstimate::parameters},
    MemoryTerm{"compute parameters", &MemoryEstimate::compute_parameters},
    MemoryTerm{"gradients", &MemoryEstimate::gradients},
    MemoryTerm{"optimizer state", &MemoryEstimate::optimizer},
    MemoryTerm{"gathered parameters", &MemoryEstimate::gathered},
    MemoryTerm{"gradient buffers", &MemoryEstimate::gradient_buffers},
    MemoryTerm{"activations", &MemoryEstimate::activations},
    MemoryTerm{"workspace", &MemoryEstimate::workspace},
    MemoryTerm{"logits", &MemoryEstimate::logits},
    MemoryTerm{"batch", &MemoryEstimate::batch},
    MemoryTerm{"checkpoint", &MemoryEstimate::checkpoint},
};

struct MemoryRequest {
  const ModelShape& shape;
  const Layout& layout;
  int64_t seq_len = 0;
  Precision precision = Precision::fp32;
  std::optional<GpuKernels> gpu = std::nullopt;  ///< none: a CPU
  OptimizerKind optimizer = OptimizerKind::adamw;
  bool copies_state = false;  ///< checkpoints are written beside training
  bool document_mask = false;
  NcclRegistration nccl_registration = NcclRegistration::off;  ///< GPUs
};

/// The trainer's own allocations. What a device's runtime, libraries and communicators take besides
/// is the caller's margin. Throws ConfigError for shapes the trainer cannot run and for fp8 and
/// fp4.
MemoryEstimate estimate_memory(const MemoryRequest& request);

/// estimate_memory for many layouts of one model: what depends on the sharding and what depends on
/// the micro batch and recomputation are worked out once for each and added up.
class MemoryModel {
 public:
  /// The layout of `request` is not used.
  explicit MemoryModel(const MemoryRequest& request);

  /// Throws like estimate_memory.
  MemoryEstimate estimate(const Layout& layout);
  const ModelShape& shape() const { return shape_; }
  int64_t seq_len() const { return seq_len_; }

 private:
  /// Parts of a sum.
  struct Part {
    Layout layout;  ///< the first that had it
    MemoryEstimate memory;
    int64_t update_bytes = 0;   ///< states: what the update takes of the workspace
    int64_t rebuilt_bytes = 0;  ///< tokens: workspace of what is run again
  };
  MemoryRequest request(const Layout& layout) const;
  const Part& states(const Layout& layout);
  const Part& tokens(const Layout& layout);

  ModelShape shape_;
  int64_t seq_len_;
  Precision precision_;
  std::optional<GpuKernels> gpu_;
  OptimizerKind optimizer_;
  bool copies_state_;
  bool document_mask_;
  NcclRegistration nccl_registration_;
  std::vector<Part> states_;
  std::vector<Part> tokens_;
};

}  // namespace isoflop
