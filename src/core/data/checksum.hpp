// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace isoflop {

/// CRC-32 of gzip and PNG (polynomial 0xEDB88320), for any number of bytes.
class Crc32 {
 public:
  Crc32() = default;
  /// Goes on behind bytes whose checksum is `value`.
  explicit Crc32(uint32_t value) : value_(value) {}
  void update(std::string_view bytes);
  uint32_t value() const { return value_; }
  /// The checksum of `first`'s bytes followed by `second`'s, `second_bytes` long.
  static uint32_t concatenate(uint32_t first, uint32_t second, int64_t second_bytes);

 private:
  uint32_t value_ = 0;
};

/// Of these bytes alone.
uint32_t crc32_of(std::string_view bytes);

/// "1a2b3c4d": eight lower-case hexadecimal digits.
std::string format_crc32(uint32_t value);

}  // namespace isoflop
