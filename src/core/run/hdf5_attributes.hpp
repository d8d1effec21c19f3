// SPDX-License-Identifier: MIT
#pragma once

#include "core/run/hdf5_handle.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace isoflop {

/// A fixed-length UTF-8 string type, padded with zeros.
Hdf5Handle fixed_text_type(std::size_t size);

/// Creation properties of any object: all attributes stay in the object header, which live readers
/// can follow (the dense storage that HDF5 uses from the ninth attribute on is not made for that).
Hdf5Handle compact_attributes(hid_t property_class);

void write_attribute(hid_t object, const char* name, std::string_view text);
/// A text with room for `size` bytes, so that it can be changed in place.
void write_attribute(hid_t object, const char* name, std::string_view text, std::size_t size);
void write_attribute(hid_t object, const char* name, int32_t value);
void write_attribute(hid_t object, const char* name, int64_t value);
void write_attribute(hid_t object, const char* name, double value);
void write_attribute(hid_t object, const char* name, bool value);
void write_attribute(hid_t object, const char* name, const std::vector<std::string>& texts);
/// Overwrites a text attribute in place.
void change_attribute(hid_t object, const char* name, std::string_view text);

/// Absent when the object has no such attribute. Throws Hdf5Error when it has another kind of
/// value.
std::optional<std::string> read_text_attribute(hid_t object, const char* name);
std::optional<int64_t> read_int_attribute(hid_t object, const char* name);
std::optional<double> read_double_attribute(hid_t object, const char* name);

}  // namespace isoflop
