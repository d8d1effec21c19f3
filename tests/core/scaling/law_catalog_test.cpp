// SPDX-License-Identifier: MIT
#include "core/scaling/law_catalog.hpp"

#include "core/base/error.hpp"
#include "core/base/text_file.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

namespace isoflop {
namespace {

using testing::HasSubstr;

constexpr const char* kCoefficients =
    "    coefficients: {E: 1.7, A: 400, B: 400, alpha: 0.34, beta: 0.28}\n";
constexpr const char* kRest =
    "    params: total\n"
    "    tokenizer: {name: bytes, vocab_size: 256}\n"
    "    fitted: {compute_flops: [1e+15, 1e+16], params: [1e+6, 1e+7], tokens: [1e+8, 1e+9]}\n"
    "    usable_compute_flops: [1e+14, 1e+17]\n"
    "    source: runs of this site\n";

std::string one_law(const std::string& keys, const std::string& form = "chinchilla") {
  return "laws:\n  mine:\n    form: " + form + "\n" + keys;
}

LawCatalog read(const std::string& text) { return LawCatalog(ConfigNode::parse(text, "law.yaml")); }

std::string error_of(const std::string& text) {
  try {
    read(text).default_law();
  } catch (const ConfigError& error) {
    return error.what();
  }
  ADD_FAILURE() << "no ConfigError was thrown";
  return "";
}

TEST(LawCatalog, besiroglu_is_the_default) {
  const LawCatalog catalog = LawCatalog::load();
  EXPECT_EQ(catalog.default_law().name, "besiroglu");
  EXPECT_EQ(catalog.laws().size(), 5u);
  for (const ScalingLaw& law : catalog.laws()) EXPECT_FALSE(law.source.empty()) << law.name;
}

TEST(LawCatalog, covariance_is_symmetric) {
  const LawCovariance covariance = LawCatalog::load().default_law().covariance.value();
  EXPECT_EQ(covariance[0][1], -0.027821);
  EXPECT_EQ(covariance[1][0], -0.027821);
  EXPECT_EQ(covariance[4][4], 0.00042449);
}

TEST(LawCatalog, unknown_name_suggests_a_known_one) {
  try {
    load_law("besirogly");
    FAIL() << "no ConfigError was thrown";
  } catch (const ConfigError& error) {
    EXPECT_THAT(error.what(), HasSubstr("no scaling law 'besirogly' (did you mean 'besiroglu'?)"));
  }
}

TEST(LawCatalog, a_file_with_one_law_needs_no_default) {
  const auto path = std::filesystem::path(testing::TempDir()) / "isoflop_law_catalog_test.yaml";
  write_text_file(path, one_law(std::string(kCoefficients) + kRest));
  const ScalingLaw law = load_law(path);
  std::filesystem::remove(path);
  EXPECT_EQ(law.name, "mine");
  EXPECT_EQ(law.title, "mine");
  EXPECT_EQ(law.tokenizer.comparable_vocab_size, std::nullopt);
  EXPECT_THROW(load_law(path), FileError);
}

TEST(LawCatalog, several_laws_need_a_default) {
  const std::string law = "    form: chinchilla\n" + std::string(kCoefficients) + kRest;
  EXPECT_THAT(error_of("laws:\n  a:\n" + law + "  b:\n" + law),
              HasSubstr("has 2 laws and no default"));
  EXPECT_EQ(read("default: b\nlaws:\n  a:\n" + law + "  b:\n" + law).default_law().name, "b");
}

TEST(LawCatalog, wrong_values_are_named_with_their_line) {
  const std::string good = std::string(kCoefficients) + kRest;
  EXPECT_THAT(error_of(one_law(good, "cubic")), HasSubstr("law.yaml:3: laws.mine.form is 'cubic'"));
  EXPECT_THAT(error_of(one_law("    coefficients: {E: 1, A: 1, B: 1, alpha: 0.3, beta: -1}\n" +
                               std::string(kRest))),
              HasSubstr("law.yaml:4: laws.mine.coefficients.beta is '-1' (must be above zero)"));
  EXPECT_THAT(error_of(one_law(good + "    titel: x\n")), HasSubstr("did you mean 'title'?"));
  EXPECT_THAT(error_of(one_law(std::string(kCoefficients) + "    params: some\n")),
              HasSubstr("total or non_embedding"));
}

TEST(LawCatalog, impossible_ranges_are_refused) {
  std::string text = one_law(std::string(kCoefficients) + kRest);
  text.replace(text.find("[1e+14, 1e+17]"), 14, "[2e+15, 1e+17]");
  EXPECT_THAT(error_of(text), HasSubstr("does not contain fitted.compute_flops"));
  text.replace(text.find("[2e+15, 1e+17]"), 14, "[1e+17, 1e+14]");
  EXPECT_THAT(error_of(text), HasSubstr("not a positive range"));
}

TEST(LawCatalog, params_intervals_rise_with_compute_and_need_a_covariance) {
  const std::string good = std::string(kCoefficients) + kRest;
  const std::string covariance =
      "    covariance: [[1], [0, 1], [0, 0, 1], [0, 0, 0, 1], [0, 0, 0, 0, 1]]\n";
  const std::string key = "    optimal_params_95: ";
  EXPECT_NO_THROW(read(one_law(good + covariance + key + "[[1e+15, 1, 2], [1e+16, 2, 3]]\n")));
  EXPECT_THAT(error_of(one_law(good + covariance + key + "[[1e+16, 1, 2], [1e+15, 2, 3]]\n")),
              HasSubstr("not above the row before it"));
  EXPECT_THAT(error_of(one_law(good + covariance + key + "[[1e+16, 2, 1]]\n")),
              HasSubstr("not a positive range"));
  EXPECT_THAT(error_of(one_law(good + key + "[[1e+16, 1, 2]]\n")), HasSubstr("covariance"));
}

TEST(LawCatalog, a_file_may_be_json_with_comments) {
  const auto path = std::filesystem::path(testing::TempDir()) / "isoflop_law_catalog_test.jsonc";
  write_text_file(path, R"({"laws": {"mine": {  // of this site
    "form": "chinchilla", "coefficients": {"E": 1.7, "A": 400, "B": 400, "alpha": 0.34, "beta": 0.28},
    "params": "total", "tokenizer": {"name": "bytes", "vocab_size": 256},
    "fitted": {"compute_flops": [1e15, 1e16], "params": [1e6, 1e7], "tokens": [1e8, 1e9]},
    "usable_compute_flops": [1e14, 1e17], "source": "x"}}})");
  EXPECT_EQ(load_law(path).name, "mine");
  std::filesystem::remove(path);
}

TEST(LawCatalog, covariance_must_be_one) {
  const std::string good = std::string(kCoefficients) + kRest;
  const std::string rows = "    covariance: [[1], [0, 1], [0, 0, 1], [0, 0, 0, 1], ";
  EXPECT_NO_THROW(read(one_law(good + rows + "[0, 0, 0, 0, 1]]\n")));
  EXPECT_THAT(error_of(one_law(good + rows + "[0, 0, 0, 1.1, 1]]\n")),
              HasSubstr("not positive definite"));
  EXPECT_THAT(error_of(one_law(good + rows + "[0, 0, 0, 1]]\n")), HasSubstr("row 5"));
  EXPECT_THAT(error_of(one_law(good + "    covariance: [[1]]\n")), HasSubstr("must have 5 rows"));
}

}  // namespace
}  // namespace isoflop
