#include "profiling/member_file.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>
#include <zstd.h>

#include <cerrno>
#include <cstring>

#include "profiling/trace_deflate.hpp"

namespace limelight::profiling {

namespace {
Error io_error(const std::filesystem::path& path, const char* what) {
  return {ErrorCode::io, path.string() + ": " + what + ": " + std::strerror(errno)};
}

class Gzip final : public MemberCompressor {
 public:
  void compress(std::string_view text, std::string& out) override { deflate_.compress(text, out); }

 private:
  TraceDeflate deflate_;
};

class Zstd final : public MemberCompressor {
 public:
  void compress(std::string_view text, std::string& out) override {
    out.resize(ZSTD_compressBound(text.size()));
    out.resize(ZSTD_compressCCtx(context_.get(), out.data(), out.size(), text.data(), text.size(), 1));
  }

 private:
  struct Free {
    void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
  };
  std::unique_ptr<ZSTD_CCtx, Free> context_{ZSTD_createCCtx()};
};
}  // namespace

std::unique_ptr<MemberCompressor> make_compressor(const std::filesystem::path& name) {
  if (name.extension() == ".zst") return std::make_unique<Zstd>();
  return std::make_unique<Gzip>();
}

std::filesystem::path part_of(const std::filesystem::path& path) { return path.parent_path() / ("." + path.filename().string() + ".part"); }
std::filesystem::path whole_of(const std::filesystem::path& part) {
  const std::string name = part.filename();
  if (!name.starts_with('.') || !name.ends_with(".part")) return {};
  return part.parent_path() / name.substr(1, name.size() - 6);
}

Result<MemberFile> MemberFile::create(std::filesystem::path path) {
  std::filesystem::path part = part_of(path);
  const int fd = ::open(part.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return io_error(part, "cannot create");
  ::flock(fd, LOCK_EX | LOCK_NB);  // as long as this process writes; tells `trace recover` that it does
  return MemberFile(std::move(path), std::move(part), fd);
}

MemberFile::MemberFile(std::filesystem::path path, std::filesystem::path part, int fd)
    : path_(std::move(path)),
      part_(std::move(part)),
      fd_(fd),
      compressor_(make_compressor(path_)) {}

MemberFile::MemberFile(MemberFile&& other) noexcept
    : path_(std::move(other.path_)),
      part_(std::move(other.part_)),
      fd_(std::exchange(other.fd_, -1)),
      compressor_(std::move(other.compressor_)),
      text_(std::move(other.text_)),
      out_(std::move(other.out_)),
      written_(other.written_) {}

MemberFile::~MemberFile() {
  if (fd_ < 0) return;
  ::close(fd_);
  ::unlink(part_.c_str());
}

Result<void> MemberFile::write(std::string_view text) {
  text_ += text;
  return text_.size() >= member_bytes ? end_member() : Result<void>();
}

Result<void> MemberFile::end_member() {
  if (text_.empty()) return {};
  compressor_->compress(text_, out_);
  const std::size_t size = out_.size();
  text_.clear();
  for (std::size_t done = 0; done < size;) {
    const ssize_t n = ::write(fd_, out_.data() + done, size - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return io_error(part_, "cannot write");
    done += static_cast<std::size_t>(n);
  }
  written_ += size;
  return {};
}

Result<std::uint64_t> MemberFile::finish() {
  if (auto ended = end_member(); !ended) return ended.error();
  if (::fsync(fd_) != 0) return io_error(part_, "cannot sync");
  if (::rename(part_.c_str(), path_.c_str()) != 0) return io_error(path_, "cannot rename the finished trace");
  ::close(std::exchange(fd_, -1));
  const int folder = ::open(path_.has_parent_path() ? path_.parent_path().c_str() : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder >= 0) {
    ::fsync(folder);
    ::close(folder);
  }
  return written_;
}

}  // namespace limelight::profiling
