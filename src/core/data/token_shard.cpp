// SPDX-License-Identifier: MIT
#include "core/data/token_shard.hpp"

#include "core/base/check.hpp"
#include "core/base/error.hpp"
#include "core/base/file_failure.hpp"
#include "core/data/checksum.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace isoflop {
namespace {

/// A read-only descriptor closed at the end of its scope; the mapping outlives it.
class InputDescriptor {
 public:
  explicit InputDescriptor(const std::filesystem::path& path)
      : path_(path), fd_(open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
    if (fd_ < 0) throw_file_failure(path, "open", errno);
  }
  InputDescriptor(const InputDescriptor&) = delete;
  InputDescriptor& operator=(const InputDescriptor&) = delete;
  ~InputDescriptor() { close(fd_); }

  std::size_t size() const {
    struct stat status {};
    if (fstat(fd_, &status) != 0) throw_file_failure(path_, "read the size", errno);
    if (!S_ISREG(status.st_mode))
      throw FileError(fmt::format("{}: is not a regular file; name a token shard", path_.string()));
    return static_cast<std::size_t>(status.st_size);
  }
  int get() const { return fd_; }

 private:
  const std::filesystem::path& path_;
  int fd_;
};

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
    const InputDescriptor file(path);
    size_ = file.size();
    if (static_cast<int64_t>(size_) < kShardHeaderBytes)
      throw FileError(
          fmt::format("{}: is not a token shard ({} bytes, the header alone is {}); "
                      "tokenize again",
                      path.string(), size_, kShardHeaderBytes));
    address_ = mmap(nullptr, size_, PROT_READ, MAP_SHARED, file.get(), 0);
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
  if (dtype() == TokenDtype::uint16) {
    widen<uint16_t>(source, tokens);
  } else {
    widen<uint32_t>(source, tokens);
  }
}

uint32_t TokenShard::compute_crc32() const {
  Crc32 checksum;
  checksum.update(bytes());
  return checksum.value();
}

}  // namespace isoflop
