// SPDX-License-Identifier: MIT
#pragma once

#include "trainer/backend/backend.hpp"
#include "trainer/comm/collectives.hpp"
#include "trainer/fsdp/flat_shard.hpp"

namespace isoflop {

/// Gathers flat unit `unit` from the shard group into `whole` (unit.size) on the communication
/// stream, after `written`, in the dtype of `whole`. Returns the event of its completion.
inline Event gather_unit(const Backend& backend, const FlatShard& shard, Collectives& collectives,
                         int64_t unit, TensorView whole, Event written, Arena& no_scratch) {
  Device& device = *backend.device;
  const Stream stream = device.communication_stream();
  TensorView in = shard.params_of(unit);
  if (whole.dtype != in.dtype) {
    const TensorView mine = whole.flat_slice(shard.shard() * in.size(), {in.size()});
    device.wait(stream, written);
    backend.ops->cast({device, stream, no_scratch}, mine, in);
    in = mine;
  }
  return collectives.all_gather(whole, in, Group::shard, stream, written);
}

}  // namespace isoflop
