// SPDX-License-Identifier: MIT
#include "trainer/backend/cuda/flash_attention.hpp"

#include "trainer/backend/cuda/cuda_device.hpp"
#include "trainer/backend/cuda/cuda_error.hpp"
#include "trainer/backend/cuda/sdpa_plan.hpp"
#include "trainer/backend/op_contracts.hpp"

#include <cudnn.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <exception>
#include <limits>
#include <map>
#include <span>
#include <utility>

namespace isoflop {
namespace {

constexpr std::array<int64_t, 3> kInputs = {sdpa_id::kQ, sdpa_id::kK, sdpa_id::kV};
constexpr std::array<int64_t, 3> kGradients = {sdpa_id::kDQ, sdpa_id::kDK, sdpa_id::kDV};

/// cudnnDestroy waits for the GPU: when an exception is on its way, perhaps for ever (as in
/// CudaDevice).
struct DestroyHandle {
  void operator()(cudnnHandle_t handle) const noexcept {
    if (std::uncaught_exceptions() == 0) cudnnDestroy(handle);
  }
};
using OwnedHandle = std::unique_ptr<std::remove_pointer_t<cudnnHandle_t>, DestroyHandle>;

/// Scalars that the graphs read from host memory.
struct Scalars {
  float scale = 1.0f;
  float masked = -std::numeric_limits<float>::infinity();
  float one = 1.0f;
};

/// Both passes of a shape.
struct Plans {
  SdpaShape shape;
  SdpaPlan forward, backward;
  Scalars scalars;
};

/// Which memory stands for which tensor of a graph.
class Bindings {
 public:
  void bind(int64_t id, void* data) {
    ids_[size_] = id;
    data_[size_++] = data;
  }
  /// Queries, keys and values within a packed buffer: of each token all query heads, then key
  /// heads, then value heads.
  void bind_packed(const std::array<int64_t, 3>& ids, const TensorView& packed,
                   const AttentionShape& heads) {
    const int64_t head_bytes = heads.d_head * size_of(packed.dtype);
    auto* const q = static_cast<std::byte*>(packed.data);
    auto* const k = q + heads.n_head * head_bytes;
    bind(ids[0], q);
    bind(ids[1], k);
    bind(ids[2], k + heads.n_kv_head * head_bytes);
  }
  void bind_scores(Scalars& scalars, const AttentionParams& params) {
    bind(sdpa_id::kScale, &scalars.scale);
    bind(sdpa_id::kMasked, &scalars.masked);
    if (params.first_keys) bind(sdpa_id::kFirstKeys, params.first_keys.data);
  }
  std::span<const int64_t> ids() const { return std::span(ids_).first(size_); }
  std::span<void* const> data() const { return std::span(data_).first(size_); }

 private:
  std::array<int64_t, 16> ids_{};
  std::array<void*, 16> data_{};
  std::size_t size_ = 0;
};

/// The f32 sums of d_q, in memory unless deterministic.
Extents d_q_sum_extents(const SdpaShape& s) { return {s.B, s.n_head, s.T, s.d_head}; }

int64_t scratch_bytes(const Plans& plans) {
  int64_t backward = aligned_bytes(plans.backward.workspace_bytes());
  if (!plans.shape.deterministic)
    backward += aligned_bytes(d_q_sum_extents(plans.shape).product() * size_of(DType::f32));
  return std::max(aligned_bytes(plans.forward.workspace_bytes()), backward);
}

/// Arena memory for an execution; null when none is needed.
void* take_workspace(const Exec& exec, const SdpaPlan& plan) {
  const int64_t bytes = plan.workspace_bytes();
  return bytes == 0 ? nullptr : exec.arena.allocate(DType::i32, {(bytes + 3) / 4}).data;
}

/// A variant pack is made for each execution: cuDNN copies it, and it cannot be filled again.
void execute(cudnnHandle_t handle, const SdpaPlan& plan, const Bindings& bindings,
             void* workspace) {
  CudnnDescriptor pack(CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR);
  pack.set(CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, bindings.ids());
  pack.set_pointers(CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, bindings.data());
  pack.set_pointers(CUDNN_ATTR_VARIANT_PACK_WORKSPACE, std::span(&workspace, 1));
  pack.finalize();
  check_cudnn(cudnnBackendExecute(handle, plan.descriptor().raw(), pack.raw()),
              "cudnnBackendExecute");
}

}  // namespace

struct FlashAttention::Impl {
  CudaDevice& device;
  bool deterministic;
  OwnedHandle handle;  ///< made with the first plan: training in fp32 has none
  std::map<SdpaShape, Plans> plans;

  CudnnTarget target() {
    if (!handle) {
      cudnnHandle_t made = nullptr;
      check_cudnn(cudnnCreate(&made), "cudnnCreate");
      handle.reset(made);
    }
    return {.handle = handle.get(),
            .gpu_name = device.description(),
            .sm_version = device.sm_version()};
  }

  Plans& plans_for(const AttentionShape& heads, const BatchShape& batch, DType dtype) {
    const SdpaShape shape{.B = batch.n_sequence,
                          .T = batch.seq_len,
                          .n_head = heads.n_head,
                          .n_kv_head = heads.n_kv_head,
                          .d_head = heads.d_head,
                          .deterministic = deterministic,
                          .has_first_keys = batch.has_first_keys,
                          .dtype = dtype};
    const auto found = plans.find(shape);
    if (found != plans.end()) return found->second;
    check_cudnn_version(cudnnGetVersion(), shape.T);
    const CudnnTarget gpu = target();
    Plans made{shape, SdpaPlan(gpu, shape, SdpaPass::forward),
               SdpaPlan(gpu, shape, SdpaPass::backward),
               Scalars{.scale = 1.0f / std::sqrt(static_cast<float>(heads.d_head))}};
    return plans.emplace(shape, std::move(made)).first->second;
  }

  Plans& plans_for(const TensorView& qkv, const AttentionParams& params) {
    return plans_for(params.heads,
                     {qkv.extent(0), qkv.extent(1), static_cast<bool>(params.first_keys)},
                     qkv.dtype);
  }

  cudnnHandle_t handle_on(const Exec& exec) {
    check_cudnn(cudnnSetStream(handle.get(), native_stream(exec)), "cudnnSetStream");
    return handle.get();
  }
};

FlashAttention::FlashAttention(CudaDevice& device, bool deterministic)
    : impl_(new Impl{device, deterministic, {}, {}}) {}

FlashAttention::~FlashAttention() = default;

int64_t FlashAttention::prepare(const AttentionShape& heads, const BatchShape& batch, DType dtype) {
  return scratch_bytes(impl_->plans_for(heads, batch, dtype));
}

void FlashAttention::forward(const Exec& exec, TensorView out, TensorView lse, TensorView qkv,
                             const AttentionParams& params) {
  check_attention(out, lse, qkv, params);
  ISOFLOP_CHECK(!params.dropout);
  Plans& plans = impl_->plans_for(qkv, params);
  Bindings bindings;
  bindings.bind_packed(kInputs, qkv, params.heads);
  bindings.bind(sdpa_id::kOut, out.data);
  bindings.bind(sdpa_id::kLse, lse.data);
  bindings.bind_scores(plans.scalars, params);
  const Arena::Scope scope(exec.arena);
  execute(impl_->handle_on(exec), plans.forward, bindings, take_workspace(exec, plans.forward));
}

void FlashAttention::backward(const Exec& exec, TensorView d_qkv, TensorView row_sum,
                              TensorView d_out, TensorView qkv, TensorView out, TensorView lse,
                              const AttentionParams& params) {
  check_attention(out, lse, qkv, params);
  check_attention(d_out, row_sum, d_qkv, params);
  Plans& plans = impl_->plans_for(qkv, params);
  Bindings bindings;
  bindings.bind_packed(kInputs, qkv, params.heads);
  bindings.bind_packed(kGradients, d_qkv, params.heads);
  bindings.bind(sdpa_id::kOut, out.data);
  bindings.bind(sdpa_id::kLse, lse.data);
  bindings.bind(sdpa_id::kDOut, d_out.data);
  bindings.bind(sdpa_id::kRowSum, row_sum.data);
  bindings.bind_scores(plans.scalars, params);
  bindings.bind(sdpa_id::kOne, &plans.scalars.one);
  const Arena::Scope scope(exec.arena);
  if (!impl_->deterministic)
    bindings.bind(sdpa_id::kDQSum,
                  exec.arena.allocate(DType::f32, d_q_sum_extents(plans.shape)).data);
  execute(impl_->handle_on(exec), plans.backward, bindings, take_workspace(exec, plans.backward));
}

}  // namespace isoflop
