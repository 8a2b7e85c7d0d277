#include "profiling/analysis/output_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>

namespace limelight::profiling {

namespace fs = std::filesystem;

Result<void> may_write(const fs::path& out,
                       const std::vector<fs::path>& inputs,
                       bool force,
                       const std::function<bool(const fs::path&)>& made_here) {
  const auto refuse = [&](const std::string& why) {
    return Error{ErrorCode::invalid_argument, out.string() + ": " + why};
  };
  if (out.empty() || !out.has_filename()) return refuse("expected the name of a file to write");
  std::error_code failed;
  const fs::file_status status = fs::symlink_status(out, failed);
  if (!fs::exists(status)) return {};
  if (fs::is_symlink(status))
    return refuse("found a link, expected a new file; name the file that it leads to");
  if (!fs::is_regular_file(status))
    return refuse("found no plain file but a folder, a pipe or a device, expected a new file");
  for (const fs::path& input : inputs)
    if (fs::equivalent(out, input, failed))
      return refuse("is one of the inputs, expected another name");
  if (!force && !made_here(out))
    return refuse("is there already and was not made by this command; --force replaces it");
  return {};
}

Result<void> write_whole(const fs::path& out, std::string_view text) {
  std::string part = out.parent_path() / ("." + out.filename().string() + ".XXXXXX");
  const int fd = ::mkostemp(part.data(), O_CLOEXEC);
  const auto fail = [&](const char* what) {
    const Error error{ErrorCode::io, out.string() + ": " + what + ": " + std::strerror(errno)};
    if (fd >= 0) {
      ::close(fd);
      ::unlink(part.c_str());
    }
    return error;
  };
  if (fd < 0) return fail("cannot write a file in its folder");
  while (!text.empty()) {
    const ssize_t n = ::write(fd, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return fail("cannot write");
    text.remove_prefix(static_cast<std::size_t>(n));
  }
  const mode_t mask = ::umask(0);
  ::umask(mask);
  if (::fchmod(fd, 0666 & ~mask) != 0 || ::fsync(fd) != 0 ||
      ::rename(part.c_str(), out.c_str()) != 0)
    return fail("cannot put it into place");
  ::close(fd);
  return {};
}

}  // namespace limelight::profiling
