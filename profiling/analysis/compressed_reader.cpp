#include "profiling/analysis/compressed_reader.hpp"

#include <fcntl.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include <cerrno>
#include <cstring>
#include <vector>

namespace limelight::profiling {

namespace {
constexpr std::size_t piece_bytes = std::size_t{1} << 18;
}

struct CompressedReader::State {
  enum class Packing { none, gzip, zstd } packing = Packing::none;
  int fd = -1;
  std::vector<unsigned char> in = std::vector<unsigned char>(piece_bytes);
  std::size_t at = 0, filled = 0;
  std::uint64_t consumed = 0, text = 0, whole_bytes = 0, whole_text = 0;
  bool ended = false, broken = false, in_member = false;
  z_stream gzip{};
  ZSTD_DStream* zstd = nullptr;

  ~State() {
    if (fd >= 0) ::close(fd);
    if (packing == Packing::gzip) inflateEnd(&gzip);
    if (zstd != nullptr) ZSTD_freeDStream(zstd);
  }
  bool fill() {
    if (at < filled) return true;
    const ssize_t n = ::read(fd, in.data(), in.size());
    at = 0;
    filled = n > 0 ? static_cast<std::size_t>(n) : 0;
    return filled > 0;
  }
  void used(std::size_t bytes) {
    at += bytes;
    consumed += bytes;
  }
  void member_ended() {
    in_member = false;
    whole_bytes = consumed;
    whole_text = text;
  }

  // Tapes and block devices pad a file with zeros, as gzip's manual says.
  bool is_padding() const {
    return whole_bytes > 0 && !in_member && packing == Packing::gzip && in[at] == 0;
  }

  std::size_t unpack_gzip(char* to, std::size_t room) {
    gzip.next_in = in.data() + at;
    gzip.avail_in = static_cast<uInt>(filled - at);
    gzip.next_out = reinterpret_cast<Bytef*>(to);
    gzip.avail_out = static_cast<uInt>(room);
    in_member = true;
    const int status = inflate(&gzip, Z_NO_FLUSH);
    used(filled - at - gzip.avail_in);
    const std::size_t got = room - gzip.avail_out;
    text += got;
    if (status == Z_STREAM_END) {
      member_ended();
      inflateReset(&gzip);
    } else broken = status != Z_OK && status != Z_BUF_ERROR;
    return got;
  }
  std::size_t unpack_zstd(char* to, std::size_t room) {
    ZSTD_inBuffer from{in.data(), filled, at};
    ZSTD_outBuffer out{to, room, 0};
    in_member = true;
    const std::size_t left = ZSTD_decompressStream(zstd, &out, &from);
    used(from.pos - at);
    text += out.pos;
    broken = ZSTD_isError(left) != 0;
    if (left == 0) member_ended();
    return out.pos;
  }
};

CompressedReader::CompressedReader(std::unique_ptr<State> state) : state_(std::move(state)) {}
CompressedReader::CompressedReader(CompressedReader&&) noexcept = default;
CompressedReader::~CompressedReader() = default;
bool CompressedReader::broken() const noexcept { return state_->broken; }
std::uint64_t CompressedReader::whole_bytes() const noexcept { return state_->whole_bytes; }
std::uint64_t CompressedReader::whole_text() const noexcept { return state_->whole_text; }

Result<CompressedReader> CompressedReader::open(const std::filesystem::path& path) {
  auto state = std::make_unique<State>();
  state->fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (state->fd < 0)
    return Error{ErrorCode::not_found, path.string() + ": cannot open: " + std::strerror(errno)};
  if (state->fill()) {
    const auto starts = [&](std::initializer_list<unsigned char> magic) {
      return state->filled >= magic.size() &&
             std::equal(magic.begin(), magic.end(), state->in.begin());
    };
    if (starts({0x1f, 0x8b})) {
      state->packing = State::Packing::gzip;
      inflateInit2(&state->gzip, 15 + 16);
    } else if (starts({0x28, 0xb5, 0x2f, 0xfd})) {
      state->packing = State::Packing::zstd;
      state->zstd = ZSTD_createDStream();
    }
  }
  return CompressedReader(std::move(state));
}

std::size_t CompressedReader::read(char* to, std::size_t room) {
  State& s = *state_;
  while (!s.ended && !s.broken) {
    if (!s.fill()) {
      s.ended = true;
      s.broken = s.in_member;
      break;
    }
    if (s.is_padding()) {
      s.used(1);
      continue;
    }
    std::size_t got = 0;
    switch (s.packing) {
      case State::Packing::gzip: got = s.unpack_gzip(to, room); break;
      case State::Packing::zstd: got = s.unpack_zstd(to, room); break;
      case State::Packing::none:
        got = std::min(room, s.filled - s.at);
        std::memcpy(to, s.in.data() + s.at, got);
        s.used(got);
        break;
    }
    if (got > 0) return got;
  }
  return 0;
}

}  // namespace limelight::profiling
