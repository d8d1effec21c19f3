// SPDX-License-Identifier: MIT
#include "tokenize/text_source.hpp"

#include "core/base/error.hpp"
#include "tokenize/zstd_reader.hpp"

#include <fmt/format.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <optional>
#include <vector>
#include <zlib.h>

namespace isoflop {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kChunkBytes = std::size_t{1} << 20;

struct ForeignPacking {
  std::string_view magic;
  const char* name;
};

/// First bytes of packed formats that this program does not unpack.
constexpr std::array<ForeignPacking, 2> kForeignPackings = {{{"\xfd"
                                                              "7zXZ",
                                                              "xz"},
                                                             {"BZh", "bzip2"}}};
/// First bytes of a zstd frame (RFC 8878, section 3.1.1).
constexpr std::string_view kZstdMagic = "\x28\xb5\x2f\xfd";

void check_regular(const fs::path& path) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (status.type() == fs::file_type::not_found || error)
    throw FileError(fmt::format("{}: cannot open ({})", path.string(),
                                error ? error.message() : std::strerror(ENOENT)));
  if (fs::is_directory(status))
    throw FileError(fmt::format("{}: is a folder; name a file", path.string()));
  if (!fs::is_regular_file(status))
    throw FileError(fmt::format("{}: is not a regular file; name a text file", path.string()));
}

/// Throws for packings that are not unpacked here; true for zstd.
bool is_zstd(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file)
    throw FileError(fmt::format("{}: cannot open ({})", path.string(), std::strerror(errno)));
  std::array<char, 8> head{};
  file.read(head.data(), head.size());
  const std::string_view start(head.data(), static_cast<std::size_t>(file.gcount()));
  for (const ForeignPacking& packing : kForeignPackings) {
    if (start.starts_with(packing.magic))
      throw FileError(
          fmt::format("{}: is packed by {} (only gzip and zstd are unpacked here); unpack it first",
                      path.string(), packing.name));
  }
  return start.starts_with(kZstdMagic);
}

}  // namespace

struct TextSource::Stream {
  fs::path path;
  gzFile file = nullptr;           // of files that are not zstd
  std::optional<ZstdReader> zstd;  // of those that are
  std::vector<char> chunk = std::vector<char>(kChunkBytes);

  [[noreturn]] void fail_to_read() const {
    int code = Z_OK;
    const char* reason = gzerror(file, &code);
    if (code == Z_ERRNO) reason = std::strerror(errno);
    if (code == Z_BUF_ERROR) reason = "the packed data ends early";
    if (code == Z_DATA_ERROR) reason = "the packed data is damaged";
    throw FileError(
        fmt::format("{}: cannot read ({}); fetch or pack it again", path.string(), reason));
  }
};

TextSource::TextSource(const fs::path& path) : stream_(std::make_unique<Stream>()) {
  check_regular(path);
  stream_->path = path;
  if (is_zstd(path)) {
    stream_->zstd.emplace(path);
    return;
  }
  stream_->file = gzopen(path.c_str(), "rbe");
  if (stream_->file == nullptr)
    throw FileError(fmt::format("{}: cannot open ({})", path.string(), std::strerror(errno)));
  gzbuffer(stream_->file, 1u << 18);
}

TextSource::~TextSource() {
  if (stream_->file != nullptr) gzclose_r(stream_->file);
}

std::string_view TextSource::next() {
  std::vector<char>& chunk = stream_->chunk;
  if (stream_->zstd) return {chunk.data(), stream_->zstd->read(chunk)};
  const int count = gzread(stream_->file, chunk.data(), static_cast<unsigned>(chunk.size()));
  int code = Z_OK;
  gzerror(stream_->file, &code);
  if (count < 0 || code == Z_BUF_ERROR) stream_->fail_to_read();
  return {chunk.data(), static_cast<std::size_t>(count)};
}

bool TextSource::is_packed() const { return stream_->zstd || gzdirect(stream_->file) == 0; }

int64_t TextSource::stored_bytes() const {
  return stream_->zstd ? stream_->zstd->packed_bytes() : gzoffset(stream_->file);
}

int64_t count_text_bytes(const fs::path& path) {
  TextSource source(path);
  if (!source.is_packed()) return static_cast<int64_t>(fs::file_size(path));
  int64_t total = 0;
  for (std::string_view text = source.next(); !text.empty(); text = source.next())
    total += static_cast<int64_t>(text.size());
  return total;
}

}  // namespace isoflop
