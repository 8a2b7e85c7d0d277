#include "profiling/trace/member_file.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>
#include <zstd.h>

#include <cerrno>
#include <cstring>

#include "base/try.hpp"
#include "profiling/trace/trace_deflate.hpp"

namespace limelight::profiling {

namespace {
Error io_error(const std::filesystem::path& path, const char* what) {
  return {ErrorCode::io, path.string() + ": " + what + ": " + std::strerror(errno)};
}

std::filesystem::path folder_of(const std::filesystem::path& path) {
  return path.has_parent_path() ? path.parent_path() : ".";
}

class Gzip final : public MemberCompressor {
 public:
  void add(std::string_view text) override { deflate_.add(text); }
  std::string_view finish() override { return deflate_.finish(); }

 private:
  TraceDeflate deflate_;
};

class Zstd final : public MemberCompressor {
 public:
  Zstd() { ZSTD_CCtx_setParameter(context_.get(), ZSTD_c_compressionLevel, 1); }
  void add(std::string_view text) override {
    if (std::exchange(whole_, false)) out_.clear();
    push(text, ZSTD_e_continue);
  }
  std::string_view finish() override {
    if (std::exchange(whole_, true)) out_.clear();
    push({}, ZSTD_e_end);
    return out_;
  }

 private:
  // Cannot fail: the parameters are valid, and out_ grows as needed.
  void push(std::string_view text, ZSTD_EndDirective directive) {
    ZSTD_inBuffer in{text.data(), text.size(), 0};
    for (bool done = false; !done;) {
      const std::size_t before = out_.size();
      out_.resize(before + ZSTD_CStreamOutSize());
      ZSTD_outBuffer out{out_.data() + before, out_.size() - before, 0};
      const std::size_t left = ZSTD_compressStream2(context_.get(), &out, &in, directive);
      out_.resize(before + out.pos);
      done = ZSTD_isError(left) || (directive == ZSTD_e_end ? left == 0 : in.pos == in.size);
    }
  }
  struct Free {
    void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
  };
  std::unique_ptr<ZSTD_CCtx, Free> context_{ZSTD_createCCtx()};
  std::string out_;
  bool whole_ = false;  // whether out_ is a complete member
};
}  // namespace

std::unique_ptr<MemberCompressor> make_compressor(const std::filesystem::path& name) {
  if (name.extension() == ".zst") return std::make_unique<Zstd>();
  return std::make_unique<Gzip>();
}

std::filesystem::path part_of(const std::filesystem::path& path) {
  return path.parent_path() / ("." + path.filename().string() + ".part");
}
std::filesystem::path whole_of(const std::filesystem::path& part) {
  const std::string name = part.filename();
  if (!name.starts_with('.') || !name.ends_with(".part")) return {};
  return part.parent_path() / name.substr(1, name.size() - 6);
}

Result<MemberFile> MemberFile::create(std::filesystem::path path) {
  std::filesystem::path part = part_of(path);
  int fd = ::open(folder_of(path).c_str(), O_WRONLY | O_TMPFILE | O_CLOEXEC, 0600);
  const bool named = fd < 0;
  if (named) fd = ::open(part.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return io_error(part, "cannot create");
  ::flock(fd,
          LOCK_EX | LOCK_NB);  // held while this process writes, so that `trace recover` waits
  return MemberFile(std::move(path), std::move(part), fd, named);
}

MemberFile::MemberFile(std::filesystem::path path, std::filesystem::path part, int fd, bool named)
    : path_(std::move(path)),
      part_(std::move(part)),
      fd_(fd),
      named_(named),
      compressor_(make_compressor(path_)) {}

MemberFile::MemberFile(MemberFile&& other) noexcept
    : path_(std::move(other.path_)),
      part_(std::move(other.part_)),
      fd_(std::exchange(other.fd_, -1)),
      named_(other.named_),
      compressor_(std::move(other.compressor_)),
      text_bytes_(other.text_bytes_),
      written_(other.written_) {}

MemberFile::~MemberFile() {
  if (fd_ < 0) return;
  ::close(fd_);
  if (named_) ::unlink(part_.c_str());
}

Result<void> MemberFile::give_name() {
  const std::string own = "/proc/self/fd/" + std::to_string(fd_);
  const auto link = [&] {
    return ::linkat(AT_FDCWD, own.c_str(), AT_FDCWD, part_.c_str(), AT_SYMLINK_FOLLOW) == 0;
  };
  // What stands there was left by an earlier process of the same name and number.
  if (!link() && (errno != EEXIST || ::unlink(part_.c_str()) != 0 || !link()))
    return io_error(part_, "cannot create");
  named_ = true;
  return {};
}

Result<void> MemberFile::write(std::string_view text) {
  compressor_->add(text);
  text_bytes_ += text.size();
  return text_bytes_ >= member_bytes ? end_member() : Result<void>();
}

Result<void> MemberFile::end_member() {
  if (std::exchange(text_bytes_, 0) == 0) return {};
  for (std::string_view left = compressor_->finish(); !left.empty();) {
    const ssize_t n = ::write(fd_, left.data(), left.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return io_error(part_, "cannot write");
    left.remove_prefix(static_cast<std::size_t>(n));
    written_ += static_cast<std::uint64_t>(n);
  }
  return named_ ? Result<void>() : give_name();
}

Result<std::uint64_t> MemberFile::finish() {
  LIMELIGHT_TRY(end_member());
  if (!named_) LIMELIGHT_TRY(give_name());
  if (::fsync(fd_) != 0) return io_error(part_, "cannot sync");
  if (::rename(part_.c_str(), path_.c_str()) != 0)
    return io_error(path_, "cannot rename the finished trace");
  ::close(std::exchange(fd_, -1));
  const int folder = ::open(folder_of(path_).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder >= 0) {
    ::fsync(folder);
    ::close(folder);
  }
  return written_;
}

}  // namespace limelight::profiling
