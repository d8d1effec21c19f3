// SPDX-License-Identifier: MIT
#include "trainer/backend/cuda/algorithm_table.hpp"

#include <fmt/format.h>

#include <array>
#include <bit>
#include <charconv>
#include <cstdint>
#include <optional>
#include <sstream>

namespace isoflop {
namespace {

using Words = std::array<uint64_t, 8>;
static_assert(sizeof(Words) == sizeof(cublasLtMatmulAlgo_t));
constexpr std::size_t kDigits = 16;  ///< of a word

std::string to_hex(const cublasLtMatmulAlgo_t& algo) {
  std::string text;
  for (const uint64_t word : std::bit_cast<Words>(algo)) text += fmt::format("{:016x}", word);
  return text;
}

std::optional<cublasLtMatmulAlgo_t> from_hex(const std::string& text) {
  Words words{};
  if (text.size() != words.size() * kDigits) return std::nullopt;
  const char* begin = text.data();
  for (uint64_t& word : words) {
    const auto [end, error] = std::from_chars(begin, begin + kDigits, word, 16);
    if (error != std::errc{} || end != begin + kDigits) return std::nullopt;
    begin = end;
  }
  return std::bit_cast<cublasLtMatmulAlgo_t>(words);
}

std::string operand(bool is_transposed, int64_t stride) {
  return fmt::format("{}{}", is_transposed ? 't' : 'n', stride);
}

std::string_view epilogue_text(MatmulEpilogue epilogue) {
  if (epilogue == MatmulEpilogue::none) return "";
  return epilogue == MatmulEpilogue::gelu ? ",gelu" : ",gelu_gradient";
}

std::string batch_text(const MatmulShape& s) {
  if (s.n_batch == 1) return "";
  return fmt::format(",batch{}:{}:{}:{}", s.n_batch, s.a_step, s.b_step, s.c_step);
}

}  // namespace

std::string key_of(const MatmulShape& s) {
  return fmt::format(
      "{}x{}x{},{},{},n{},{}-{}{}{}{}{}{}", s.M, s.N, s.K, operand(s.transpose_a, s.a_stride),
      operand(s.transpose_b, s.b_stride), s.c_stride, to_string(s.in), to_string(s.out),
      s.starts == 0 ? "" : fmt::format(",starts{}", s.starts), s.has_bias ? ",bias" : "",
      s.accumulate ? ",accumulate" : "", epilogue_text(s.epilogue), batch_text(s));
}

std::string write_algorithms(const AlgorithmTable& table) {
  std::string text = table.origin + '\n';
  for (const auto& [key, algo] : table.algorithms)
    text += fmt::format("{} {}\n", key, to_hex(algo));
  return text;
}

AlgorithmTable read_algorithms(std::string_view text) {
  std::istringstream lines{std::string(text)};
  AlgorithmTable table;
  std::getline(lines, table.origin);
  for (std::string line; std::getline(lines, line);) {
    const std::size_t blank = line.find(' ');
    if (blank == std::string::npos) continue;
    if (const auto algo = from_hex(line.substr(blank + 1)))
      table.algorithms.emplace(line.substr(0, blank), *algo);
  }
  return table;
}

}  // namespace isoflop
