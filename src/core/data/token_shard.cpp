// SPDX-License-Identifier: MIT
#include "core/data/token_shard.hpp"

#include "core/base/check.hpp"
#include "core/base/error.hpp"
#include "core/base/file_failure.hpp"
#include "core/base/input_file.hpp"
#include "core/data/checksum.hpp"
#include "core/data/mapped_access.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <sys/mman.h>

namespace isoflop {
namespace {

template <typename T>
void widen(std::string_view bytes, std::span<int32_t> tokens) {
  const char* source = bytes.data();
  for (int32_t& token : tokens) {
    T narrow;
    std::memcpy(&narrow, source, sizeof(T));
    token = static_cast<int32_t>(narrow);
    source += sizeof(T);
  }
}

ShardHeaderFields read_header(std::string_view bytes, const std::string& path) {
  ShardHeader header;
  std::memcpy(header.data(), bytes.data(), static_cast<std::size_t>(kShardHeaderBytes));
  const ShardHeaderFields fields = parse_shard_header(header, path);
  const int64_t expected = shard_file_bytes(fields.dtype, fields.n_tokens);
  if (static_cast<int64_t>(bytes.size()) != expected)
    throw FileError(
        fmt::format("{}: has {} bytes ({} tokens need {}); the shard is torn, tokenize again", path,
                    bytes.size(), fields.n_tokens, expected));
  return fields;
}

}  // namespace

/// Owns the mapped pages.
class TokenShard::Mapping {
 public:
  explicit Mapping(const std::filesystem::path& path) {
    const InputFile file(path);
    if (!file.is_regular())
      throw FileError(fmt::format("{}: is not a regular file; name a token shard", path.string()));
    size_ = static_cast<std::size_t>(file.size());
    if (static_cast<int64_t>(size_) < kShardHeaderBytes)
      throw FileError(
          fmt::format("{}: is not a token shard ({} bytes, the header alone is {}); "
                      "tokenize again",
                      path.string(), size_, kShardHeaderBytes));
    address_ = mmap(nullptr, size_, PROT_READ, MAP_SHARED, file.descriptor(), 0);
    if (address_ == MAP_FAILED) throw_file_failure(path, "map", errno);
  }
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
  ~Mapping() { munmap(address_, size_); }

  std::string_view bytes() const { return {static_cast<const char*>(address_), size_}; }

 private:
  void* address_ = nullptr;
  std::size_t size_ = 0;
};

TokenShard::TokenShard(const std::filesystem::path& path)
    : path_(path),
      mapping_(std::make_unique<const Mapping>(path)),
      fields_(read_header(mapping_->bytes(), path.string())) {}

TokenShard::~TokenShard() = default;
TokenShard::TokenShard(TokenShard&&) noexcept = default;
TokenShard& TokenShard::operator=(TokenShard&&) noexcept = default;

std::string_view TokenShard::bytes() const { return mapping_->bytes(); }

void TokenShard::read(int64_t first, std::span<int32_t> tokens) const {
  const auto count = static_cast<int64_t>(tokens.size());
  ISOFLOP_CHECK(first >= 0 && count <= n_tokens() - first);
  const int64_t width = token_bytes(dtype());
  const std::string_view source =
      bytes().substr(static_cast<std::size_t>(kShardHeaderBytes + first * width),
                     static_cast<std::size_t>(count * width));
  access([&] {
    if (dtype() == TokenDtype::uint16) {
      widen<uint16_t>(source, tokens);
    } else {
      widen<uint32_t>(source, tokens);
    }
  });
}

uint32_t TokenShard::compute_crc32() const {
  uint32_t crc = 0;
  access([&] { crc = crc32_of(bytes()); });
  return crc;
}

void TokenShard::access(const std::function<void()>& read_pages) const {
  if (try_mapped_access(read_pages)) return;
  throw FileError(fmt::format(
      "{}: cannot be read any more (an error of the disk or its server, or the file was "
      "cut while in use); restore the shard, then start again",
      path_.string()));
}

}  // namespace isoflop
