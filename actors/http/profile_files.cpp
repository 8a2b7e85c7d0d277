#include "actors/http/profile_files.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstring>

namespace limelight::http {

namespace fs = std::filesystem;

namespace {
bool is_profile_name(std::string_view name) {
  if (name.empty() || name.front() == '.') return false;
  // The names that ranks give are of these, and need no quotes in a header or a URL.
  const bool plain = std::all_of(name.begin(), name.end(), [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '-' || c == '_' || c == '.';
  });
  if (!plain) return false;
  for (const char* end :
       {".pt.trace.json.gz", ".pt.trace.json.zst", ".pt.trace.json", ".pt.trace.pftrace"})
    if (name.ends_with(end)) return true;
  return (name.starts_with("profiler_out_") && name.ends_with(".txt")) ||
         name.ends_with(".folded.txt");
}
}  // namespace

std::vector<ProfileFile> list_profiles(const fs::path& folder) {
  std::vector<ProfileFile> files;
  std::error_code failed;
  for (fs::directory_iterator at(folder, failed), end; !failed && at != end; at.increment(failed)) {
    ProfileFile file{.name = at->path().filename().string()};
    struct stat status {};
    if (!is_profile_name(file.name) || ::lstat(at->path().c_str(), &status) != 0 ||
        !S_ISREG(status.st_mode))
      continue;
    file.bytes = static_cast<std::uint64_t>(status.st_size);
    file.modified_s = status.st_mtim.tv_sec;
    files.push_back(std::move(file));
  }
  std::sort(files.begin(), files.end(), [](const ProfileFile& a, const ProfileFile& b) {
    return a.modified_s != b.modified_s ? a.modified_s > b.modified_s : a.name > b.name;
  });
  return files;
}

void OpenProfile::Close::operator()(const int* fd) const {
  ::close(*fd);
  delete fd;
}
OpenProfile::OpenProfile(int fd, std::uint64_t bytes)
    : fd_(new int(fd)), bytes_(bytes), left_(bytes) {}

Result<OpenProfile> OpenProfile::open(const fs::path& folder, std::string_view name) {
  const auto files = list_profiles(folder);
  const auto found = std::find_if(files.begin(), files.end(),
                                  [&](const ProfileFile& one) { return one.name == name; });
  const Error none{ErrorCode::not_found,
                   "found no finished trace of that name; GET /profiles "
                   "lists those that are there"};
  if (found == files.end()) return none;
  const int fd = ::open((folder / found->name).c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  struct stat status {};
  if (fd < 0) return none;
  if (::fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) {
    ::close(fd);
    return none;
  }
  return OpenProfile(fd, static_cast<std::uint64_t>(status.st_size));
}

Result<std::string> OpenProfile::read(std::size_t most) {
  std::string piece(static_cast<std::size_t>(std::min<std::uint64_t>(most, left_)), '\0');
  const ssize_t size = piece.empty() ? 0 : ::read(*fd_, piece.data(), piece.size());
  if (size < 0 || (size == 0 && !piece.empty()))
    return Error{ErrorCode::io, std::string("cannot read the trace: ") +
                                    (size < 0 ? std::strerror(errno) : "it has become shorter")};
  piece.resize(static_cast<std::size_t>(size));
  left_ -= piece.size();
  return piece;
}

const char* profile_type(std::string_view name) {
  return name.ends_with(".gz")        ? "application/gzip"
         : name.ends_with(".zst")     ? "application/zstd"
         : name.ends_with(".txt")     ? "text/plain; charset=utf-8"
         : name.ends_with(".pftrace") ? "application/x-protobuf"
                                      : "application/json";
}

}  // namespace limelight::http
