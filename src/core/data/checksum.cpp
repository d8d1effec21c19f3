// SPDX-License-Identifier: MIT
#include "core/data/checksum.hpp"

#include <fmt/format.h>

#include <zlib.h>

namespace isoflop {

void Crc32::update(std::string_view bytes) {
  value_ = static_cast<uint32_t>(
      crc32_z(value_, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
}

uint32_t Crc32::concatenate(uint32_t first, uint32_t second, int64_t second_bytes) {
  return static_cast<uint32_t>(crc32_combine(first, second, static_cast<z_off_t>(second_bytes)));
}

uint32_t crc32_of(std::string_view bytes) {
  Crc32 crc;
  crc.update(bytes);
  return crc.value();
}

std::string format_crc32(uint32_t value) { return fmt::format("{:08x}", value); }

}  // namespace isoflop
