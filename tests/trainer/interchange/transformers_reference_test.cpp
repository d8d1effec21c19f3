// SPDX-License-Identifier: MIT
// Imported models against PyTorch transformers; make_reference.py made reference/.
#include "core/base/config_node.hpp"
#include "support/temp_dir.hpp"
#include "tiny_transformers.hpp"
#include "trainer/interchange/import_model.hpp"
#include "trainer/interchange/inference_model.hpp"
#include "trainer/interchange/saved_model.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <span>
#include <string>
#include <vector>

namespace isoflop {
namespace {

struct Reference {
  std::vector<int32_t> tokens;
  std::vector<std::vector<double>> logits;  ///< a row for each token
};

Reference read_reference(const std::string& name) {
  MapReader map(ConfigNode::load(test::reference_file(name + ".logits.yaml")));
  Reference reference;
  for (const ConfigNode& token : map.required_node("tokens").items())
    reference.tokens.push_back(token.as<int>());
  for (const ConfigNode& row : map.required_node("logits").items()) {
    std::vector<double>& values = reference.logits.emplace_back();
    for (const ConfigNode& value : row.items()) values.push_back(value.as<double>());
  }
  return reference;
}

double largest_difference(const std::vector<float>& values, const std::vector<double>& expected) {
  if (values.size() != expected.size()) return INFINITY;
  double largest = 0;
  for (std::size_t i = 0; i < values.size(); ++i)
    largest = std::max(largest, std::abs(static_cast<double>(values[i]) - expected[i]));
  return largest;
}

class TransformersReference : public testing::TestWithParam<const char*> {
 protected:
  /// Over all tokens, when the case is imported and run by this backend.
  double largest_error(const Backend& backend) {
    const test::TempDir folder;
    test::write_reference_model(folder / "model", GetParam());
    import_model({.from = folder / "model", .to = folder / "checkpoint", .data = "data"});
    const SavedModel saved(folder / "checkpoint");
    ModelShape shape = saved.shape();
    shape.attention_backend = AttentionBackend::sdpa;
    InferenceModel model(saved, shape, backend);
    const Reference reference = read_reference(GetParam());
    model.resize(1, std::ssize(reference.tokens) + 3);  // room that must not matter
    double largest = 0;
    for (std::size_t i = 0; i < reference.tokens.size(); ++i) {
      const std::span<const int32_t> tokens(reference.tokens.data(), i + 1);
      largest =
          std::max(largest, largest_difference(model.next_logits(tokens), reference.logits[i]));
    }
    return largest;
  }
};

/// Logits are below 3; PyTorch's own f32 rounding is about 1e-6 of them.
constexpr double kTolerance = 1e-5;

TEST_P(TransformersReference, logits_are_those_of_pytorch) {
  EXPECT_LT(largest_error(make_cpu_backend({})), kTolerance);
}

TEST_P(TransformersReference, logits_in_f64_are_those_of_pytorch) {
  EXPECT_LT(largest_error(make_reference_backend({})), kTolerance);
}

/// A missing wait between loading, the forward pass and the copy back would show.
TEST_P(TransformersReference, logits_are_the_same_on_adversarial_streams) {
  EXPECT_LT(largest_error(make_cpu_backend({.mode = CpuStreamMode::deferred})), kTolerance);
}

INSTANTIATE_TEST_SUITE_P(Cases, TransformersReference, testing::ValuesIn(test::kReferenceCases),
                         [](const auto& test) { return std::string(test.param); });

}  // namespace
}  // namespace isoflop
