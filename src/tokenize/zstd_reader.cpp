// SPDX-License-Identifier: MIT
#include "tokenize/zstd_reader.hpp"

#include "core/base/error.hpp"
#include "core/base/file_failure.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <fstream>
#include <vector>
#include <zstd.h>

namespace isoflop {

struct ZstdReader::Stream {
  struct FreeContext {
    void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
  };

  std::filesystem::path path;
  std::ifstream file;
  std::unique_ptr<ZSTD_DCtx, FreeContext> context{ZSTD_createDCtx()};
  std::vector<char> packed = std::vector<char>(ZSTD_DStreamInSize());
  ZSTD_inBuffer input{packed.data(), 0, 0};
  int64_t packed_bytes = 0;
  std::size_t frame_left = 0;  // 0 at the end of a frame
  bool may_hold_text = false;  // the decoder had more than fitted into the last buffer

  [[noreturn]] void fail(const char* reason) const {
    throw FileError(
        fmt::format("{}: cannot read ({}); fetch or pack it again", path.string(), reason));
  }

  void unpack(ZSTD_outBuffer& output) {
    frame_left = ZSTD_decompressStream(context.get(), &output, &input);
    if (ZSTD_isError(frame_left)) fail("the packed data is damaged");
    may_hold_text = frame_left != 0 && output.pos == output.size;
  }

  /// False at the end of the file.
  bool refill() {
    file.read(packed.data(), static_cast<std::streamsize>(packed.size()));
    if (file.bad()) throw_file_failure(path, "read", errno);
    input = {packed.data(), static_cast<std::size_t>(file.gcount()), 0};
    packed_bytes += file.gcount();
    return input.size > 0;
  }
};

ZstdReader::ZstdReader(const std::filesystem::path& path) : stream_(std::make_unique<Stream>()) {
  stream_->path = path;
  stream_->file.open(path, std::ios::binary);
  if (!stream_->file) throw_file_failure(path, "open", errno);
  // Windows of up to 2 GiB: corpora are packed with "zstd --long=31".
  ZSTD_DCtx_setParameter(stream_->context.get(), ZSTD_d_windowLogMax, 31);
}

ZstdReader::~ZstdReader() = default;

std::size_t ZstdReader::read(std::span<char> buffer) {
  ZSTD_outBuffer output{buffer.data(), buffer.size(), 0};
  while (output.pos < output.size) {
    const bool has_input = stream_->input.pos < stream_->input.size;
    if (!has_input && !stream_->may_hold_text && !stream_->refill()) {
      if (stream_->frame_left != 0) stream_->fail("the packed data ends early");
      break;
    }
    stream_->unpack(output);
  }
  return output.pos;
}

int64_t ZstdReader::packed_bytes() const { return stream_->packed_bytes; }

}  // namespace isoflop
