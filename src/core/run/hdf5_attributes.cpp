// SPDX-License-Identifier: MIT
#include "core/run/hdf5_attributes.hpp"

#include <algorithm>
#include <cstring>

namespace isoflop {
namespace {

/// More than any object of ours has; HDF5 takes at most 65,535.
constexpr unsigned kMaxCompactAttributes = 256;

void write_scalar(hid_t object, const char* name, hid_t type, const void* value) {
  const Hdf5Handle space(H5Screate(H5S_SCALAR));
  const Hdf5Handle attribute(H5Acreate2(object, name, type, space.get(), H5P_DEFAULT, H5P_DEFAULT));
  hdf5_checked(H5Awrite(attribute.get(), type, value));
}

std::string padded(std::string_view text, std::size_t size) {
  std::string result(text.substr(0, size));
  result.resize(size, '\0');
  return result;
}

/// Opens a scalar attribute of one type class, or nothing when the object has none of that name.
std::optional<Hdf5Handle> open_scalar(hid_t object, const char* name, H5T_class_t expected) {
  if (hdf5_checked(H5Aexists(object, name)) == 0) return std::nullopt;
  Hdf5Handle attribute(H5Aopen(object, name, H5P_DEFAULT));
  const Hdf5Handle type(H5Aget_type(attribute.get()));
  const Hdf5Handle space(H5Aget_space(attribute.get()));
  if (H5Tget_class(type.get()) != expected || H5Sget_simple_extent_npoints(space.get()) != 1)
    throw Hdf5Error(std::string("attribute ") + name + " has another type");
  return attribute;
}

template <typename T>
std::optional<T> read_number(hid_t object, const char* name, H5T_class_t type_class, hid_t type) {
  const std::optional<Hdf5Handle> attribute = open_scalar(object, name, type_class);
  if (!attribute) return std::nullopt;
  T value{};
  hdf5_checked(H5Aread(attribute->get(), type, &value));
  return value;
}

}  // namespace

Hdf5Handle fixed_text_type(std::size_t size) {
  Hdf5Handle type(H5Tcopy(H5T_C_S1));
  hdf5_checked(H5Tset_size(type.get(), std::max<std::size_t>(size, 1)));
  hdf5_checked(H5Tset_strpad(type.get(), H5T_STR_NULLPAD));
  hdf5_checked(H5Tset_cset(type.get(), H5T_CSET_UTF8));
  return type;
}

Hdf5Handle compact_attributes(hid_t property_class) {
  Hdf5Handle properties(H5Pcreate(property_class));
  hdf5_checked(H5Pset_attr_phase_change(properties.get(), kMaxCompactAttributes, 0));
  return properties;
}

void write_attribute(hid_t object, const char* name, std::string_view text) {
  write_attribute(object, name, text, std::max<std::size_t>(text.size(), 1));
}

void write_attribute(hid_t object, const char* name, std::string_view text, std::size_t size) {
  const Hdf5Handle type = fixed_text_type(size);
  write_scalar(object, name, type.get(), padded(text, size).data());
}

void write_attribute(hid_t object, const char* name, int32_t value) {
  write_scalar(object, name, H5T_STD_I32LE, &value);
}
void write_attribute(hid_t object, const char* name, int64_t value) {
  write_scalar(object, name, H5T_STD_I64LE, &value);
}
void write_attribute(hid_t object, const char* name, double value) {
  write_scalar(object, name, H5T_IEEE_F64LE, &value);
}
void write_attribute(hid_t object, const char* name, bool value) {
  const uint8_t stored = value ? 1 : 0;
  write_scalar(object, name, H5T_STD_U8LE, &stored);
}

void write_attribute(hid_t object, const char* name, const std::vector<std::string>& texts) {
  std::size_t size = 1;
  for (const std::string& text : texts) size = std::max(size, text.size());
  std::string cells;
  for (const std::string& text : texts) cells += padded(text, size);
  const Hdf5Handle type = fixed_text_type(size);
  const hsize_t count = texts.size();
  const Hdf5Handle space(H5Screate_simple(1, &count, nullptr));
  const Hdf5Handle attribute(
      H5Acreate2(object, name, type.get(), space.get(), H5P_DEFAULT, H5P_DEFAULT));
  hdf5_checked(H5Awrite(attribute.get(), type.get(), cells.data()));
}

void change_attribute(hid_t object, const char* name, std::string_view text) {
  const Hdf5Handle attribute(H5Aopen(object, name, H5P_DEFAULT));
  const Hdf5Handle type(H5Aget_type(attribute.get()));
  hdf5_checked(H5Awrite(attribute.get(), type.get(), padded(text, H5Tget_size(type.get())).data()));
}

std::optional<std::string> read_text_attribute(hid_t object, const char* name) {
  const std::optional<Hdf5Handle> attribute = open_scalar(object, name, H5T_STRING);
  if (!attribute) return std::nullopt;
  const Hdf5Handle type(H5Aget_type(attribute->get()));
  if (hdf5_checked(H5Tis_variable_str(type.get())) > 0)
    throw Hdf5Error(std::string("attribute ") + name + " is a variable-length text");
  std::string text(H5Tget_size(type.get()), '\0');
  hdf5_checked(H5Aread(attribute->get(), type.get(), text.data()));
  text.resize(std::min(text.find('\0'), text.size()));
  return text;
}

std::optional<int64_t> read_int_attribute(hid_t object, const char* name) {
  return read_number<int64_t>(object, name, H5T_INTEGER, H5T_NATIVE_INT64);
}
std::optional<double> read_double_attribute(hid_t object, const char* name) {
  return read_number<double>(object, name, H5T_FLOAT, H5T_NATIVE_DOUBLE);
}

}  // namespace isoflop
