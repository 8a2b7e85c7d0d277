#include "profiling/analysis/compressed_reader.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>
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
  std::string ahead;  // read already, by peek()
  std::size_t ahead_at = 0;
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
std::string CompressedReader::damage() const {
  const State& s = *state_;
  if (!s.broken) return "";
  const std::string at = std::to_string(s.consumed);
  if (s.ended)
    return "the compressed data ends early, behind byte " + at + ": what followed is lost";
  struct stat status {};
  const std::uint64_t size = ::fstat(s.fd, &status) == 0 && S_ISREG(status.st_mode)
                                 ? static_cast<std::uint64_t>(status.st_size)
                                 : 0;
  std::string text = "the compressed data is damaged at about byte " + at;
  if (size > s.consumed) text += " of " + std::to_string(size) + ": what is behind it is lost";
  return text;
}

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

std::string_view CompressedReader::peek(std::size_t bytes) {
  std::string begin(bytes, '\0');
  std::size_t filled = 0;
  while (filled < bytes) {
    const std::size_t n = read(begin.data() + filled, bytes - filled);
    if (n == 0) break;
    filled += n;
  }
  begin.resize(filled);
  state_->ahead = std::move(begin);
  state_->ahead_at = 0;
  return state_->ahead;
}

std::size_t CompressedReader::read(char* to, std::size_t room) {
  State& s = *state_;
  if (s.ahead_at < s.ahead.size()) {
    const std::size_t n = std::min(room, s.ahead.size() - s.ahead_at);
    std::copy_n(s.ahead.data() + s.ahead_at, n, to);
    s.ahead_at += n;
    return n;
  }
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
