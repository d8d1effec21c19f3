// SPDX-License-Identifier: MIT
#include "trainer/interchange/sample_model.hpp"

#include <algorithm>
#include <bit>

namespace isoflop {
namespace {

constexpr int64_t kLeastRoom = 64;

/// Tokens of a forward pass that sees `n`.
int64_t room_for(int64_t n, int64_t context) {
  const auto doubled = static_cast<int64_t>(std::bit_ceil(static_cast<uint64_t>(n)));
  return std::min(context, std::max(kLeastRoom, doubled));
}

/// The last `context` tokens, with room made for them.
std::span<const int32_t> window_of(InferenceModel& model, const std::vector<int32_t>& tokens,
                                   int64_t context) {
  const int64_t n = std::min(std::ssize(tokens), context);
  const int64_t room = room_for(n, context);
  if (model.step().batch_size != 1 || model.step().seq_len != room) model.resize(1, room);
  return std::span(tokens).last(static_cast<std::size_t>(n));
}

}  // namespace

Sample sample_model(InferenceModel& model, const SampleRequest& request,
                    const std::function<void(int32_t)>& on_token) {
  std::vector<int32_t> tokens = request.prompt;
  Sample sample;
  for (int64_t i = 0; i < request.max_tokens; ++i) {
    const std::vector<float> logits = model.next_logits(window_of(model, tokens, request.context));
    const int32_t token =
        choose_token(std::span(logits).first(static_cast<std::size_t>(request.vocab_size)),
                     request.params, sampling_number(request.seed, request.sample, i));
    if (token == request.eot_token) {
      sample.end = SampleEnd::end_of_document;
      break;
    }
    tokens.push_back(token);
    sample.tokens.push_back(token);
    on_token(token);
  }
  return sample;
}

}  // namespace isoflop
