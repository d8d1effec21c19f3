// SPDX-License-Identifier: MIT
#include "trainer/interchange/open_device.hpp"

#include "trainer/agree.hpp"
#include "trainer/choose_attention.hpp"
#include "trainer/choose_device.hpp"
#include "trainer/make_backend.hpp"

#include <optional>
#include <utility>

namespace isoflop {

OpenDevice open_device(const SavedModel& model, DeviceKind device, Launch& launch) {
  TrainConfig config = model.config();
  config.model.dropout = config.model.z_loss = 0;  // what only training computes
  config.optimizer = {};
  config.device.kind = choose_device(device, launch);
  std::optional<OpenDevice> opened;
  run_on_all_ranks(launch, [&] {
    config.model.attention_backend = choose_attention(config);
    opened.emplace(OpenDevice{make_backend(config, launch.info()), config.model});
    opened->shape.attention_backend = choose_attention(config, opened->backend.gpu);
  });
  return std::move(*opened);
}

}  // namespace isoflop
