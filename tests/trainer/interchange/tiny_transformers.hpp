// SPDX-License-Identifier: MIT
#pragma once

#include "core/base/mix_bits.hpp"
#include "core/base/text_file.hpp"
#include "core/data/checksum.hpp"
#include "trainer/interchange/elements.hpp"
#include "trainer/interchange/foreign_config.hpp"
#include "trainer/interchange/foreign_tensors.hpp"
#include "trainer/interchange/safetensors_folder.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

/// Folders as transformers saves them, with the weights of make_reference.py.
namespace isoflop::test {

inline constexpr std::array kReferenceCases = {"gpt2",    "gpt2_untied", "llama", "llama_bias",
                                               "mistral", "qwen2",       "qwen3"};

inline std::filesystem::path reference_file(const std::string& name) {
  return std::filesystem::path(ISOFLOP_SOURCE_DIR) / "tests/trainer/interchange/reference" / name;
}

/// A tensor with its values.
struct NamedValues {
  std::string name;
  std::vector<int64_t> shape;
  std::vector<float> values;
};

/// make_reference.py's formula.
inline NamedValues formula_tensor(const std::string& name, const std::vector<int64_t>& shape) {
  NamedValues tensor{name, shape, {}};
  int64_t size = 1;
  for (const int64_t extent : shape) size *= extent;
  const bool is_norm = shape.size() == 1 && name.ends_with("weight");
  for (int64_t i = 0; i < size; ++i) {
    const uint64_t bits = mix_bits(crc32_of(name) + static_cast<uint64_t>(i)) >> 48;
    const auto value = static_cast<float>((static_cast<double>(bits) - 32768) / (1 << 18));
    tensor.values.push_back(is_norm ? value + 1 : value);
  }
  return tensor;
}

inline void write_safetensors(const std::filesystem::path& path,
                              const std::vector<NamedValues>& tensors, DType dtype = DType::f32) {
  std::vector<SafetensorsTensor> headers;
  std::string data;
  for (const NamedValues& tensor : tensors) {
    headers.push_back({tensor.name, std::string(safetensors_dtype(dtype)), tensor.shape});
    std::vector<std::byte> bytes(tensor.values.size() * static_cast<std::size_t>(size_of(dtype)));
    narrow_elements(tensor.values, dtype, bytes);
    data.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  }
  write_text_file(path, safetensors_header(headers) + data);
}

/// The case's tensors by the names of transformers.
inline std::vector<NamedValues> formula_tensors(const std::filesystem::path& folder) {
  const ForeignModel model = read_foreign_model(folder);
  std::vector<NamedValues> tensors;
  for (const ForeignTensor& tensor :
       foreign_tensors(model.shape, model.family, model.shape.vocab_size))
    tensors.push_back(formula_tensor(tensor.name, tensor.shape));
  return tensors;
}

/// config.json of the case alone.
inline void write_reference_config(const std::filesystem::path& folder, const std::string& name) {
  write_text_file(folder / kForeignConfigName,
                  read_text_file(reference_file(name + ".config.json")));
}

/// The whole folder of a case.
inline void write_reference_model(const std::filesystem::path& folder, const std::string& name,
                                  DType dtype = DType::f32) {
  write_reference_config(folder, name);
  write_safetensors(folder / kSafetensorsName, formula_tensors(folder), dtype);
}

/// All values of a tensor of the folder.
inline std::vector<float> read_values(const SafetensorsFolder& folder, const std::string& name) {
  std::vector<float> values(static_cast<std::size_t>(folder.tensor(name).size()));
  folder.read(name, 0, values);
  return values;
}

}  // namespace isoflop::test
