// SPDX-License-Identifier: MIT
#include "core/data/shard_writer.hpp"

#include "core/base/check.hpp"

#include <cstring>

namespace isoflop {
namespace {

constexpr std::size_t kBufferBytes = std::size_t{1} << 20;

/// Appends each token as a little-endian T.
template <typename T>
void append_as(std::string& buffer, std::span<const int32_t> tokens) {
  const std::size_t start = buffer.size();
  buffer.resize(start + tokens.size() * sizeof(T));
  char* out = buffer.data() + start;
  for (const int32_t token : tokens) {
    const T narrow = static_cast<T>(token);
    ISOFLOP_CHECK(token >= 0 && static_cast<int64_t>(narrow) == token);
    std::memcpy(out, &narrow, sizeof(T));
    out += sizeof(T);
  }
}

std::string_view bytes_of(const ShardHeader& header) {
  return {reinterpret_cast<const char*>(header.data()),
          static_cast<std::size_t>(kShardHeaderBytes)};
}

}  // namespace

ShardWriter::ShardWriter(const std::filesystem::path& path, TokenDtype dtype)
    : file_(path), dtype_(dtype) {
  file_.append(bytes_of(ShardHeader{}));
}

ShardWriter::ShardWriter(const std::filesystem::path& path, TokenDtype dtype, const OpenShard& open)
    : file_(path, path.parent_path() / open.part_file, shard_file_bytes(dtype, open.n_tokens)),
      dtype_(dtype),
      n_tokens_(open.n_tokens),
      token_checksum_(open.crc32) {}

OpenShard ShardWriter::keep() {
  flush();
  return {.part_file = file_.keep().filename().string(),
          .n_tokens = n_tokens_,
          .crc32 = token_checksum_.value()};
}

void ShardWriter::append(std::span<const int32_t> tokens) {
  n_tokens_ += static_cast<int64_t>(tokens.size());
  ISOFLOP_CHECK(n_tokens_ <= kMaxShardTokens);
  if (dtype_ == TokenDtype::uint16) {
    append_as<uint16_t>(buffer_, tokens);
  } else {
    append_as<uint32_t>(buffer_, tokens);
  }
  if (buffer_.size() >= kBufferBytes) flush();
}

void ShardWriter::flush() {
  token_checksum_.update(buffer_);
  file_.append(buffer_);
  buffer_.clear();
}

ShardEntry ShardWriter::commit() {
  flush();
  const ShardHeader header = make_shard_header(dtype_, n_tokens_);
  file_.write_at(0, bytes_of(header));
  file_.commit();
  Crc32 header_checksum;
  header_checksum.update(bytes_of(header));
  const int64_t body_bytes = n_tokens_ * token_bytes(dtype_);
  return {
      .file = file_.path().filename().string(),
      .n_tokens = n_tokens_,
      .n_bytes = kShardHeaderBytes + body_bytes,
      .crc32 = Crc32::concatenate(header_checksum.value(), token_checksum_.value(), body_bytes)};
}

}  // namespace isoflop
