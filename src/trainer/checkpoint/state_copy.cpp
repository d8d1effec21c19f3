// SPDX-License-Identifier: MIT
#include "trainer/checkpoint/state_copy.hpp"

#include <cstddef>
#include <cstring>
#include <utility>

namespace isoflop {
namespace {

static_assert(offsetof(StepState, n_update) ==
                  offsetof(StepState, loss_scale) + sizeof(StepState::LossScale) &&
              sizeof(KeptStepState) == sizeof(StepState::LossScale) + sizeof(StepState::n_update));

/// On a CPU the copy takes part of what training has, and counts.
Buffer allocate_on_host(Device& device, int64_t bytes) {
  return device.is_host() ? device.allocate(bytes, MemoryCategory::checkpoint)
                          : device.allocate_pinned(bytes);
}

}  // namespace

StateCopy::StateCopy(Device& device, std::vector<StatePiece> pieces, const StepState* state,
                     int64_t n_elements, Mode mode)
    : device_(device),
      pieces_(std::move(pieces)),
      state_(state),
      mode_(mode),
      kept_(device.allocate_pinned(sizeof(KeptStepState))) {
  ISOFLOP_CHECK(mode == Mode::beside || device.is_host());
  if (mode == Mode::beside)
    place_copies(n_elements);
  else
    host_ = pieces_;
}

void StateCopy::place_copies(int64_t n_elements) {
  if (pieces_.empty()) return;
  const DType dtype = pieces_.front().view.dtype;
  memory_ = allocate_on_host(device_, n_elements * size_of(dtype));
  const TensorView all = memory_.view(dtype, {n_elements});
  int64_t used = 0;
  for (const StatePiece& piece : pieces_) {
    host_.push_back(
        {piece.kind, piece.tensor, piece.offset, all.flat_slice(used, {piece.view.size()})});
    used += piece.view.size();
  }
}

void StateCopy::enqueue() {
  const Stream stream = device_.readback_stream();
  device_.wait(stream, device_.record(device_.compute_stream()));
  device_.copy(kept_.data(), &state_->loss_scale, kept_.bytes(), stream);
  if (mode_ == Mode::beside)
    for (std::size_t i = 0; i < pieces_.size(); ++i)
      device_.copy(host_[i].view.data, pieces_[i].view.data, pieces_[i].view.bytes(), stream);
  copied_ = device_.record(stream);
}

KeptStepState StateCopy::kept() const {
  KeptStepState kept;
  std::memcpy(&kept, kept_.data(), sizeof(kept));
  return kept;
}

}  // namespace isoflop
