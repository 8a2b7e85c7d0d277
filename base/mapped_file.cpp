#include "base/mapped_file.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace limelight {

Result<std::shared_ptr<const MappedFile>> MappedFile::open(const std::filesystem::path& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return Error{ErrorCode::not_found, path.string() + ": cannot open: " + std::strerror(errno)};
  struct stat info;
  const bool regular = ::fstat(fd, &info) == 0 && S_ISREG(info.st_mode) && info.st_size > 0;
  void* memory = regular ? ::mmap(nullptr, static_cast<std::size_t>(info.st_size), PROT_READ,
                                  MAP_SHARED, fd, 0)
                         : MAP_FAILED;
  const int why = errno;
  ::close(fd);
  if (!regular)
    return Error{ErrorCode::corrupt, path.string() + ": expected a file with bytes in it"};
  if (memory == MAP_FAILED)
    return Error{ErrorCode::io, path.string() + ": cannot map: " + std::strerror(why)};
  std::shared_ptr<MappedFile> file(new MappedFile);
  file->path_ = path;
  file->bytes_ = {static_cast<const std::byte*>(memory), static_cast<std::size_t>(info.st_size)};
  return std::shared_ptr<const MappedFile>(file);
}

MappedFile::~MappedFile() {
  if (!bytes_.empty()) ::munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
}

}  // namespace limelight
