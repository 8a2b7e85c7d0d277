#include "profiling/gzip_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace limelight::profiling {

namespace {
Error io_error(const std::filesystem::path& path, const char* what) {
  return {ErrorCode::io, path.string() + ": " + what + ": " + std::strerror(errno)};
}
constexpr int level = 1;            // the fastest: traces are repetitive, and a higher level costs more time than it saves bytes
constexpr int gzip_window = 15 + 16;
}  // namespace

Result<GzipFile> GzipFile::create(std::filesystem::path path) {
  std::filesystem::path part = path.parent_path() / ("." + path.filename().string() + ".part");
  const int fd = ::open(part.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return io_error(part, "cannot create");
  return GzipFile(std::move(path), std::move(part), fd);
}

GzipFile::GzipFile(std::filesystem::path path, std::filesystem::path part, int fd)
    : path_(std::move(path)), part_(std::move(part)), fd_(fd), stream_(std::make_unique<z_stream>()), out_(256 * 1024) {
  deflateInit2(stream_.get(), level, Z_DEFLATED, gzip_window, 8, Z_DEFAULT_STRATEGY);
}

GzipFile::GzipFile(GzipFile&& other) noexcept
    : path_(std::move(other.path_)),
      part_(std::move(other.part_)),
      fd_(std::exchange(other.fd_, -1)),
      stream_(std::move(other.stream_)),
      out_(std::move(other.out_)),
      written_(other.written_) {}

GzipFile::~GzipFile() {
  if (stream_) deflateEnd(stream_.get());
  if (fd_ < 0) return;
  ::close(fd_);
  ::unlink(part_.c_str());
}

Result<void> GzipFile::deflate_into_file(int flush) {
  do {
    stream_->next_out = out_.data();
    stream_->avail_out = static_cast<uInt>(out_.size());
    deflate(stream_.get(), flush);
    const unsigned char* at = out_.data();
    std::size_t left = out_.size() - stream_->avail_out;
    while (left > 0) {
      const ssize_t n = ::write(fd_, at, left);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return io_error(part_, "cannot write");
      at += n;
      left -= static_cast<std::size_t>(n);
      written_ += static_cast<std::uint64_t>(n);
    }
  } while (stream_->avail_out == 0);
  return {};
}

Result<void> GzipFile::write(std::string_view text) {
  stream_->next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream_->avail_in = static_cast<uInt>(text.size());
  return deflate_into_file(Z_NO_FLUSH);
}

Result<std::uint64_t> GzipFile::finish() {
  stream_->avail_in = 0;
  if (auto done = deflate_into_file(Z_FINISH); !done) return done.error();
  if (::fsync(fd_) != 0) return io_error(part_, "cannot sync");
  if (::rename(part_.c_str(), path_.c_str()) != 0) return io_error(path_, "cannot rename into place");
  ::close(std::exchange(fd_, -1));
  return written_;
}

}  // namespace limelight::profiling
