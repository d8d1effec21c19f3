// SPDX-License-Identifier: MIT
#include "trainer/interchange/safetensors.hpp"

#include "core/base/config_node.hpp"
#include "core/base/error.hpp"
#include "core/base/input_file.hpp"
#include "core/base/json_writer.hpp"
#include "core/base/round_up.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <span>

namespace isoflop {
namespace {

constexpr int64_t kLengthBytes = 8;
/// The limit of the format's own library.
constexpr int64_t kMaxHeaderBytes = 100'000'000;
constexpr int64_t kAlignment = 8;
constexpr const char* kMetadataKey = "__metadata__";

struct DtypeRow {
  std::string_view name;
  int64_t bytes;
};

constexpr std::array kDtypes = {
    DtypeRow{"F64", 8},     DtypeRow{"F32", 4},     DtypeRow{"F16", 2},  DtypeRow{"BF16", 2},
    DtypeRow{"F8_E4M3", 1}, DtypeRow{"F8_E5M2", 1}, DtypeRow{"I64", 8},  DtypeRow{"I32", 4},
    DtypeRow{"I16", 2},     DtypeRow{"I8", 1},      DtypeRow{"U64", 8},  DtypeRow{"U32", 4},
    DtypeRow{"U16", 2},     DtypeRow{"U8", 1},      DtypeRow{"BOOL", 1},
};

[[noreturn]] void fail(const std::string& file, const std::string& problem) {
  throw FileError(fmt::format("{}: {}; fetch or export the file again", file, problem));
}

int64_t element_bytes(std::string_view dtype) {
  const auto row = std::find_if(kDtypes.begin(), kDtypes.end(),
                                [&](const DtypeRow& candidate) { return candidate.name == dtype; });
  return row == kDtypes.end() ? 0 : row->bytes;
}

/// Absent where it leaves 64 bits, or an extent is negative.
std::optional<int64_t> product(int64_t first, const std::vector<int64_t>& extents) {
  int64_t result = first;
  for (const int64_t extent : extents) {
    if (extent < 0 || (extent > 0 && result > std::numeric_limits<int64_t>::max() / extent))
      return std::nullopt;
    result *= extent;
  }
  return result;
}

std::vector<int64_t> read_integers(const ConfigNode& list) {
  std::vector<int64_t> values;
  for (const ConfigNode& item : list.items()) values.push_back(item.as<int64_t>());
  return values;
}

/// A tensor and where its bytes end.
struct PlacedTensor {
  SafetensorsTensor tensor;
  int64_t end = 0;
};

PlacedTensor read_tensor(const std::string& name, const ConfigNode& node, const std::string& file) {
  MapReader map(node);
  PlacedTensor placed{{.name = name, .dtype = map.required<std::string>("dtype")}, 0};
  placed.tensor.shape = read_integers(map.required_node("shape"));
  const std::vector<int64_t> offsets = read_integers(map.required_node("data_offsets"));
  if (offsets.size() != 2) fail(file, fmt::format("tensor '{}' has no two data_offsets", name));
  placed.tensor.begin = offsets[0];
  placed.end = offsets[1];
  const int64_t width = element_bytes(placed.tensor.dtype);
  if (width == 0)
    fail(file, fmt::format("tensor '{}' has dtype '{}' (unknown)", name, placed.tensor.dtype));
  if (placed.tensor.begin < 0 || placed.end < placed.tensor.begin ||
      product(width, placed.tensor.shape) != placed.end - placed.tensor.begin)
    fail(file, fmt::format("tensor '{}' has data_offsets {} to {}, which its dtype and shape do "
                           "not fill",
                           name, placed.tensor.begin, placed.end));
  return placed;
}

std::vector<PlacedTensor> read_tensors(const std::string& header, const std::string& file) {
  std::vector<PlacedTensor> tensors;
  try {
    const ConfigNode root = ConfigNode::parse(header, file, ConfigSyntax::json_with_comments);
    for (const auto& [name, node] : root.entries())
      if (name != kMetadataKey) tensors.push_back(read_tensor(name, node, file));
  } catch (const ConfigError& error) {
    fail(file, fmt::format("has a header that is none ({})", error.what()));
  }
  return tensors;
}

/// Every byte belongs to one tensor.
void check_places(std::vector<PlacedTensor> tensors, int64_t data_bytes, const std::string& file) {
  std::sort(tensors.begin(), tensors.end(), [](const PlacedTensor& a, const PlacedTensor& b) {
    return std::pair(a.tensor.begin, a.end) < std::pair(b.tensor.begin, b.end);
  });
  int64_t end = 0;
  for (const PlacedTensor& placed : tensors) {
    if (placed.tensor.begin != end)
      fail(file,
           fmt::format("tensor '{}' begins at byte {} of the data (the one before ends at {})",
                       placed.tensor.name, placed.tensor.begin, end));
    end = placed.end;
  }
  if (end != data_bytes)
    fail(file, fmt::format("holds {} bytes of tensors (its header says {})", data_bytes, end));
}

std::string read_header(const InputFile& file, const std::string& name) {
  if (file.size() < kLengthBytes) fail(name, "is too short for a safetensors file");
  uint64_t length = 0;
  file.read(0, std::as_writable_bytes(std::span(&length, 1)));
  if (length > static_cast<uint64_t>(kMaxHeaderBytes))
    fail(name,
         fmt::format("has a header of {} bytes (at most {} are allowed)", length, kMaxHeaderBytes));
  if (static_cast<int64_t>(length) > file.size() - kLengthBytes)
    fail(name, fmt::format("ends within its header of {} bytes", length));
  std::string header(static_cast<std::size_t>(length), '\0');
  file.read(kLengthBytes, std::as_writable_bytes(std::span(header)));
  if (!header.starts_with('{')) fail(name, "has a header that does not begin with '{'");
  return header;
}

}  // namespace

int64_t SafetensorsTensor::size() const { return product(1, shape).value_or(0); }

std::string_view safetensors_dtype(DType dtype) {
  switch (dtype) {
    case DType::bf16:
      return "BF16";
    case DType::f16:
      return "F16";
    default:
      return "F32";
  }
}

std::optional<DType> dtype_of_safetensors(std::string_view word) {
  for (const DType dtype : {DType::f32, DType::bf16, DType::f16})
    if (safetensors_dtype(dtype) == word) return dtype;
  return std::nullopt;
}

std::string safetensors_header(const std::vector<SafetensorsTensor>& tensors) {
  JsonWriter json;
  json.begin_object();
  // transformers refuses files that do not name the framework their tensors are laid out for
  json.key(kMetadataKey).begin_object().entry("format", "pt").end_object();
  int64_t end = 0;
  for (const SafetensorsTensor& tensor : tensors) {
    json.key(tensor.name).begin_object().entry("dtype", std::string_view(tensor.dtype));
    json.key("shape").begin_array();
    for (const int64_t extent : tensor.shape) json.value(extent);
    json.end_array().key("data_offsets").begin_array().value(end);
    end += tensor.size() * element_bytes(tensor.dtype);
    json.value(end).end_array().end_object();
  }
  std::string text = json.end_object().text();
  text.resize(static_cast<std::size_t>(round_up(std::ssize(text), kAlignment)), ' ');
  const auto length = static_cast<uint64_t>(text.size());
  return std::string(reinterpret_cast<const char*>(&length), sizeof(length)) + text;
}

SafetensorsTable read_safetensors_table(const std::filesystem::path& path) {
  const InputFile file(path);
  const std::string header = read_header(file, path.string());
  const std::vector<PlacedTensor> placed = read_tensors(header, path.string());
  SafetensorsTable table{kLengthBytes + std::ssize(header), {}};
  check_places(placed, file.size() - table.data_begin, path.string());
  for (const PlacedTensor& tensor : placed) table.tensors.push_back(tensor.tensor);
  return table;
}

}  // namespace isoflop
