// SPDX-License-Identifier: MIT
#pragma once

#include "trainer/tensor/dtype.hpp"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// Files of Hugging Face's safetensors (https://github.com/huggingface/safetensors, "Format"): the
/// header's length as 8 little-endian bytes, the header (a JSON object), then the tensors' bytes,
/// row-major and little-endian, without gaps.
namespace isoflop {

/// What a header says of a tensor.
struct SafetensorsTensor {
  std::string name;
  std::string dtype;  ///< "F32", "BF16", "F16" or another of the format
  std::vector<int64_t> shape = {};
  int64_t begin = 0;  ///< of its first byte behind the header

  int64_t size() const;  ///< elements
};

/// "F32", "BF16" or "F16".
std::string_view safetensors_dtype(DType dtype);
/// The type that these elements are read as; none where there is no floating-point type of ours
/// that is as narrow.
std::optional<DType> dtype_of_safetensors(std::string_view word);

/// All that a file has before the tensors' bytes, when they follow each other in this order; the
/// tensors' places are not read. Padded, so that the bytes begin at a multiple of 8.
std::string safetensors_header(const std::vector<SafetensorsTensor>& tensors);

/// Where everything is in a file.
struct SafetensorsTable {
  int64_t data_begin = 0;  ///< of the tensors' bytes in the file
  std::vector<SafetensorsTensor> tensors;
};

/// Reads the header and checks it as the format demands: places without gaps and overlaps, to the
/// end of the file, as large as type and shape say. Throws FileError.
SafetensorsTable read_safetensors_table(const std::filesystem::path& path);

}  // namespace isoflop
