#include "profiling/trace/member_file.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "base/try.hpp"
#include "profiling/trace/trace_deflate.hpp"

namespace limelight::profiling {

namespace {
constexpr int most_names = 1000;  // that are tried, one after the other

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

std::filesystem::path numbered(const std::filesystem::path& path, int number) {
  if (number == 1) return path;
  std::string name = path.filename().string();
  std::size_t at = name.find(".pt.trace.");
  if (at == std::string::npos) at = std::min(name.find('.', 1), name.size());
  name.insert(at, "." + std::to_string(number));
  return path.parent_path() / name;
}

std::filesystem::path part_of(const std::filesystem::path& path) {
  return path.parent_path() / ("." + path.filename().string() + ".part");
}
std::filesystem::path whole_of(const std::filesystem::path& part) {
  const std::string name = part.filename();
  if (!name.starts_with('.') || !name.ends_with(".part")) return {};
  return part.parent_path() / name.substr(1, name.size() - 6);
}

bool rename_to_free_name(const std::filesystem::path& from, const std::filesystem::path& to) {
  if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0) return true;
  if (errno != EINVAL && errno != ENOSYS) return false;
  // A file system that does not know it (NFS) knows links, which do not replace either.
  return ::link(from.c_str(), to.c_str()) == 0 && ::unlink(from.c_str()) == 0;
}

Result<MemberFile> MemberFile::create(std::filesystem::path path, Existing existing) {
  MemberFile file(std::move(path), existing);
  LIMELIGHT_TRY(file.open());
  return file;
}

MemberFile::MemberFile(std::filesystem::path path, Existing existing)
    : wanted_(std::move(path)), existing_(existing), compressor_(make_compressor(wanted_)) {
  use_name(1);
}

MemberFile::MemberFile(MemberFile&& other) noexcept
    : wanted_(std::move(other.wanted_)),
      path_(std::move(other.path_)),
      part_(std::move(other.part_)),
      existing_(other.existing_),
      number_(other.number_),
      fd_(std::exchange(other.fd_, -1)),
      named_(other.named_),
      full_(other.full_),
      compressor_(std::move(other.compressor_)),
      text_bytes_(other.text_bytes_),
      written_(other.written_) {}

MemberFile::~MemberFile() {
  if (fd_ < 0) return;
  ::close(fd_);
  if (named_) ::unlink(part_.c_str());
}

void MemberFile::use_name(int number) {
  number_ = number;
  path_ = numbered(wanted_, number);
  part_ = part_of(path_);
}

// Asked once the unfinished name is this file's: nobody else then takes the other one.
bool MemberFile::own_name_free() const {
  struct stat ignored {};
  return existing_ == Existing::replace || ::lstat(path_.c_str(), &ignored) != 0;
}

Result<void> MemberFile::open() {
  fd_ = ::open(folder_of(path_).c_str(), O_WRONLY | O_TMPFILE | O_CLOEXEC, 0600);
  if (fd_ < 0) {
    const int how = O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW |
                    (existing_ == Existing::keep ? O_EXCL : O_TRUNC);
    for (; fd_ < 0; use_name(number_ + 1)) {
      fd_ = ::open(part_.c_str(), how, 0600);
      if (fd_ < 0 && (errno != EEXIST || number_ == most_names))
        return io_error(part_, "cannot create");
      if (fd_ < 0) continue;
      if (own_name_free()) break;
      ::close(std::exchange(fd_, -1));
      ::unlink(part_.c_str());
    }
    named_ = true;
  }
  ::flock(fd_,
          LOCK_EX | LOCK_NB);  // held while this process writes, so that `trace recover` waits
  return {};
}

Result<void> MemberFile::give_name() {
  const std::string own = "/proc/self/fd/" + std::to_string(fd_);
  const auto link = [&] {
    return ::linkat(AT_FDCWD, own.c_str(), AT_FDCWD, part_.c_str(), AT_SYMLINK_FOLLOW) == 0;
  };
  if (existing_ == Existing::replace) {
    if (!link() && (errno != EEXIST || ::unlink(part_.c_str()) != 0 || !link()))
      return io_error(part_, "cannot create");
  } else {
    // What stands there is another session's, or was left by a process that was killed.
    while (!link()) {
      if (errno != EEXIST || number_ == most_names) return io_error(part_, "cannot create");
      use_name(number_ + 1);
    }
    // The kernel links a file without a name once.
    while (!own_name_free()) {
      const std::filesystem::path before = part_;
      bool renamed = false;
      do {
        use_name(number_ + 1);
        renamed = rename_to_free_name(before, part_);
      } while (!renamed && errno == EEXIST && number_ < most_names);
      if (renamed) continue;
      const Error failed = io_error(part_, "cannot create");
      ::unlink(before.c_str());
      return failed;
    }
  }
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
  const std::uint64_t before = written_;
  for (std::string_view left = compressor_->finish(); !left.empty();) {
    const ssize_t n = ::write(fd_, left.data(), left.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) {
      const int why = errno;
      full_ = why == ENOSPC || why == EDQUOT || why == EFBIG;
      (void)cut_to(before);
      errno = why;
      return io_error(part_, "cannot write");
    }
    left.remove_prefix(static_cast<std::size_t>(n));
    written_ += static_cast<std::uint64_t>(n);
  }
  full_ = false;
  return named_ ? Result<void>() : give_name();
}

Result<void> MemberFile::cut_to(std::uint64_t bytes) {
  compressor_ = make_compressor(wanted_);
  text_bytes_ = 0;
  if (::ftruncate(fd_, static_cast<off_t>(bytes)) != 0 ||
      ::lseek(fd_, static_cast<off_t>(bytes), SEEK_SET) < 0)
    return io_error(part_, "cannot cut off what was written");
  written_ = bytes;
  return {};
}

Result<void> MemberFile::rename_whole() {
  if (existing_ == Existing::replace) {
    if (::rename(part_.c_str(), path_.c_str()) == 0) return {};
  } else {
    const std::filesystem::path part = part_;
    for (; number_ <= most_names; use_name(number_ + 1)) {
      if (rename_to_free_name(part, path_)) return {};
      if (errno != EEXIST) break;
    }
    part_ = part;  // what stands there still
  }
  return io_error(path_, "cannot rename the finished trace");
}

Result<std::uint64_t> MemberFile::finish() {
  LIMELIGHT_TRY(end_member());
  if (!named_) LIMELIGHT_TRY(give_name());
  if (::fsync(fd_) != 0) return io_error(part_, "cannot sync");
  LIMELIGHT_TRY(rename_whole());
  ::close(std::exchange(fd_, -1));
  const int folder = ::open(folder_of(path_).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder >= 0) {
    ::fsync(folder);
    ::close(folder);
  }
  return written_;
}

}  // namespace limelight::profiling
