// SPDX-License-Identifier: MIT
#include "trainer/interchange/evaluate_model.hpp"

#include "core/base/error.hpp"
#include "trainer/agree.hpp"
#include "trainer/evaluate.hpp"
#include "trainer/interchange/inference_model.hpp"
#include "trainer/interchange/open_device.hpp"

#include <fmt/format.h>

#include <cmath>
#include <numbers>

namespace isoflop {
namespace {

/// Bits to encode a byte of the split's text, when its tokens cost `loss` nats each on average.
std::optional<double> bits_per_byte(const SplitIndex& split, double loss) {
  if (!split.n_text_bytes || *split.n_text_bytes == 0) return std::nullopt;
  const double tokens_per_byte =
      static_cast<double>(split.n_tokens) / static_cast<double>(*split.n_text_bytes);
  return loss * tokens_per_byte / std::numbers::ln2;
}

TokenWindows open_windows(const EvaluateRequest& request, const SavedModel& model,
                          int64_t seq_len) {
  if (seq_len > model.shape().max_seq_len)
    throw ConfigError(fmt::format("--seq-len is '{}' (the model has positions up to {}); lower it",
                                  seq_len, model.shape().max_seq_len));
  return TokenWindows({.folder = request.data,
                       .split = request.split,
                       .seq_len = seq_len,
                       .model_vocab_size = model.shape().vocab_size,
                       .tail = ShardTail::keep});
}

EvalResult run(const EvaluateRequest& request, const SavedModel& model, const TokenWindows& windows,
               Launch& launch) {
  const OpenDevice device = open_device(model, request.device, launch);
  InferenceModel loaded(model, device.shape, device.backend,
                        static_cast<int32_t>(windows.index().eot_token));
  loaded.resize(request.batch_size, windows.seq_len());
  const Layout layout{.n_replica = launch.info().world_size};
  const std::unique_ptr<Collectives> collectives =
      launch.make_collectives(*device.backend.device, layout);
  const int64_t n_sequences =
      request.max_tokens ? (*request.max_tokens + windows.seq_len() - 1) / windows.seq_len()
                         : windows.n_windows();
  Evaluator evaluator(device.backend, *collectives, windows, n_sequences, loaded.step());
  return evaluator.run(loaded.transformer(), loaded.loader());
}

}  // namespace

ModelEvaluation evaluate_model(const EvaluateRequest& request, Launch& launch) {
  std::optional<SavedModel> model;
  std::optional<TokenWindows> windows;
  run_on_all_ranks(launch, [&] {
    model.emplace(request.checkpoint);
    windows.emplace(
        open_windows(request, *model, request.seq_len.value_or(model->config().data.seq_len)));
  });
  const EvalResult result = run(request, *model, *windows, launch);
  const DatasetIndex& index = windows->index();
  return {.checkpoint = model->folder(),
          .step = model->step(),
          .seq_len = windows->seq_len(),
          .n_tokens = result.n_tokens,
          .loss = result.loss,
          .perplexity = std::exp(result.loss),
          .bits_per_byte =
              bits_per_byte(request.split == Split::train ? index.train : index.val, result.loss),
          .seconds = result.seconds};
}

}  // namespace isoflop
