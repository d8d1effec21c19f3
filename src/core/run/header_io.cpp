// SPDX-License-Identifier: MIT
#include "core/run/header_io.hpp"

#include "core/run/compound_table.hpp"
#include "core/run/hdf5_attributes.hpp"
#include "core/run/header_fields.hpp"
#include "core/run/run_schema.hpp"

#include <algorithm>
#include <string>
#include <type_traits>

namespace isoflop {
namespace {

namespace schema = run_schema;

/// Writes what is known as attributes of one object.
struct AttributeWriter {
  hid_t object;
  template <typename T>
  void operator()(const char* name, const T& value) const {
    write_attribute(object, name, value);
  }
  template <typename T>
  void operator()(const char* name, const std::optional<T>& value) const {
    if (value) write_attribute(object, name, *value);
  }
  void operator()(const char* name, const std::string& value) const {
    if (!value.empty()) write_attribute(object, name, std::string_view(value));
  }
};

/// Reads attributes of one object; members without one keep their default.
struct AttributeReader {
  hid_t object;
  void operator()(const char* name, std::string& value) const {
    value = read_text_attribute(object, name).value_or("");
  }
  void operator()(const char* name, double& value) const {
    value = read_double_attribute(object, name).value_or(value);
  }
  void operator()(const char* name, std::optional<double>& value) const {
    value = read_double_attribute(object, name);
  }
  template <typename Integer>
  requires std::is_integral_v<Integer>
  void operator()(const char* name, Integer& value) const {
    value = static_cast<Integer>(read_int_attribute(object, name).value_or(value));
  }
  void operator()(const char* name, std::optional<int32_t>& value) const {
    const std::optional<int64_t> stored = read_int_attribute(object, name);
    if (stored) value = static_cast<int32_t>(*stored);
  }
};

Hdf5Handle create_group(hid_t file, const char* path) {
  const Hdf5Handle creation = compact_attributes(H5P_GROUP_CREATE);
  return Hdf5Handle(H5Gcreate2(file, path, H5P_DEFAULT, creation.get(), H5P_DEFAULT));
}

Hdf5Handle open_group(hid_t file, const char* path) {
  return Hdf5Handle(H5Gopen2(file, path, H5P_DEFAULT));
}

/// A fixed dataset of `count` elements (none when count is 0: HDF5 keeps an empty dataset).
void write_fixed(hid_t file, const char* path, hid_t type, hsize_t count, const void* values,
                 std::string_view description) {
  const Hdf5Handle space(H5Screate_simple(1, &count, nullptr));
  const Hdf5Handle dataset(
      H5Dcreate2(file, path, type, space.get(), H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
  if (count > 0) hdf5_checked(H5Dwrite(dataset.get(), type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values));
  write_attribute(dataset.get(), "description", description);
  write_attribute(dataset.get(), "units", std::string_view("1"));
}

void write_texts(hid_t file, const char* path, const std::vector<std::string>& texts,
                 std::size_t size, std::string_view description) {
  std::vector<std::byte> cells(texts.size() * size);
  for (std::size_t index = 0; index < texts.size(); ++index)
    schema::store(texts[index], std::span(cells).subspan(index * size, size));
  write_fixed(file, path, fixed_text_type(size).get(), texts.size(), cells.data(), description);
}

/// A fixed dataset's elements as bytes of `type`.
std::vector<std::byte> read_fixed(hid_t dataset, hid_t type) {
  const Hdf5Handle space(H5Dget_space(dataset));
  const auto count =
      static_cast<std::size_t>(hdf5_checked(H5Sget_simple_extent_npoints(space.get())));
  std::vector<std::byte> values(count * H5Tget_size(type));
  if (count > 0) hdf5_checked(H5Dread(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()));
  return values;
}

std::vector<std::string> read_texts(hid_t file, const char* path) {
  const Hdf5Handle dataset(H5Dopen2(file, path, H5P_DEFAULT));
  const Hdf5Handle type(H5Dget_type(dataset.get()));
  if (H5Tget_class(type.get()) != H5T_STRING) throw Hdf5Error(std::string(path) + " is not text");
  const std::size_t size = H5Tget_size(type.get());
  const std::vector<std::byte> cells = read_fixed(dataset.get(), type.get());
  std::vector<std::string> texts(cells.size() / size);
  for (std::size_t index = 0; index < texts.size(); ++index)
    schema::load(std::span(cells).subspan(index * size, size), texts[index]);
  return texts;
}

void write_config(hid_t file, const RunConfig& config) {
  const Hdf5Handle group = create_group(file, schema::kConfigGroup);
  schema::visit_config(config, AttributeWriter{group.get()});
  write_fixed(file, schema::kConfigYaml, H5T_STD_U8LE, config.yaml.size(), config.yaml.data(),
              "complete configuration, UTF-8 YAML");
  std::size_t longest = 0;
  for (const std::string& argument : config.argv) longest = std::max(longest, argument.size());
  write_texts(file, schema::kConfigArgv, config.argv, longest + 1, "command line");
}

RunConfig read_config(hid_t file) {
  RunConfig config;
  schema::visit_config(config, AttributeReader{open_group(file, schema::kConfigGroup).get()});
  const Hdf5Handle yaml(H5Dopen2(file, schema::kConfigYaml, H5P_DEFAULT));
  const std::vector<std::byte> bytes = read_fixed(yaml.get(), H5T_STD_U8LE);
  config.yaml.assign(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  config.argv = read_texts(file, schema::kConfigArgv);
  return config;
}

void write_hardware(hid_t file, const RunHardware& hardware) {
  const Hdf5Handle group = create_group(file, schema::kHardwareGroup);
  schema::visit_hardware(hardware, AttributeWriter{group.get()});
  const auto columns = schema::columns_of<RunNode>();
  std::vector<std::byte> rows;
  for (const RunNode& node : hardware.nodes) schema::pack_row(columns, node, rows);
  CompoundTable::create(file, schema::Table<RunNode>::schema, schema::row_layout(columns))
      .append(rows);
}

RunHardware read_hardware(hid_t file) {
  RunHardware hardware;
  schema::visit_hardware(hardware, AttributeReader{open_group(file, schema::kHardwareGroup).get()});
  const auto columns = schema::columns_of<RunNode>();
  const schema::RowLayout layout = schema::row_layout(columns);
  const CompoundTable table =
      CompoundTable::open(file, schema::Table<RunNode>::schema.path, layout);
  schema::unpack_rows(columns, table.read(0, table.count().stored), hardware.nodes);
  return hardware;
}

}  // namespace

void write_header(hid_t file, const RunHeader& header, RunState state) {
  write_attribute(file, schema::kFormatAttribute, schema::kFormat);
  write_attribute(file, schema::kVersionAttribute, schema::kVersion);
  write_attribute(file, schema::kStateAttribute, to_string(state), schema::kStateSize);
  write_attribute(file, "default", std::string_view("metrics"));
  schema::visit_identity(header.identity, AttributeWriter{file});
  write_config(file, header.config);
  schema::visit_layout(header.layout,
                       AttributeWriter{create_group(file, schema::kLayoutGroup).get()});
  write_hardware(file, header.hardware);
  schema::visit_flops(header.flops, AttributeWriter{create_group(file, schema::kFlopsGroup).get()});
  schema::visit_prediction(header.prediction,
                           AttributeWriter{create_group(file, schema::kPredictionGroup).get()});
  create_group(file, schema::kMetricsGroup);
  create_group(file, schema::kLayerNorms.group);
  create_group(file, schema::kRankTimes.group);
  write_texts(file, schema::kUnitNames, header.unit_names, schema::kUnitNameSize,
              "columns of the matrices beside");
}

RunHeader read_header(hid_t file) {
  RunHeader header;
  schema::visit_identity(header.identity, AttributeReader{file});
  header.config = read_config(file);
  schema::visit_layout(header.layout,
                       AttributeReader{open_group(file, schema::kLayoutGroup).get()});
  header.hardware = read_hardware(file);
  schema::visit_flops(header.flops, AttributeReader{open_group(file, schema::kFlopsGroup).get()});
  schema::visit_prediction(header.prediction,
                           AttributeReader{open_group(file, schema::kPredictionGroup).get()});
  header.unit_names = read_texts(file, schema::kUnitNames);
  return header;
}

RunState read_state(hid_t file) {
  const std::string text = read_text_attribute(file, schema::kStateAttribute).value_or("");
  for (const RunState state : {RunState::running, RunState::checkpointed, RunState::done,
                               RunState::failed, RunState::nan, RunState::stopped}) {
    if (to_string(state) == text) return state;
  }
  throw Hdf5Error("state is '" + text + "'");
}

}  // namespace isoflop
