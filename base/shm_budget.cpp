#include "base/shm_budget.hpp"

#include <fcntl.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace limelight {

namespace {

constexpr std::uint64_t mebibyte = std::uint64_t{1} << 20;

// Rounds up, so that the size in the message is sufficient.
std::uint64_t whole_mebibytes(std::uint64_t bytes) noexcept {
  return (bytes + mebibyte - 1) / mebibyte;
}

// Has one decimal, so that the parts in the message add up to the sum.
std::string mebibytes(std::uint64_t bytes) {
  const std::uint64_t tenths = (bytes * 10 + mebibyte - 1) / mebibyte;
  return std::to_string(tenths / 10) + "." + std::to_string(tenths % 10) + " MiB";
}

Error no_room(const std::vector<ShmNeed>& needs) {
  struct statvfs info {};
  if (::statvfs("/dev/shm", &info) != 0)
    return {ErrorCode::unavailable, std::string("/dev/shm: ") + std::strerror(errno) +
                                        ": shared memory between processes needs it"};
  std::uint64_t needed = 0;
  std::string parts;
  for (const ShmNeed& need : needs) {
    needed += need.bytes;
    parts += (parts.empty() ? "" : ", ") + need.what + " " + mebibytes(need.bytes);
  }
  const std::uint64_t used = (info.f_blocks - info.f_bfree) * info.f_frsize;
  return {ErrorCode::unavailable,
          "/dev/shm is too small: needed " + mebibytes(needed) + " (" + parts + "), free " +
              std::to_string(shm_free() / mebibyte) +
              " MiB; in a container, start it with --shm-size=" +
              std::to_string(whole_mebibytes(used + needed)) +
              "m or more; elsewhere, remove what fills /dev/shm or mount it larger"};
}

}  // namespace

std::uint64_t shm_free() noexcept {
  struct statvfs info {};
  return ::statvfs("/dev/shm", &info) == 0 ? info.f_bavail * info.f_frsize : 0;
}

Result<void> shm_has_room(const std::vector<ShmNeed>& needs) {
  std::uint64_t needed = 0;
  for (const ShmNeed& need : needs) needed += need.bytes;
  if (needed > shm_free()) return no_room(needs);
  return {};
}

Result<void> allocate_shm(int fd,
                          std::uint64_t size,
                          const std::vector<ShmRange>& ranges,
                          const std::string& what) {
  const auto failed = [&](int error) {
    return Error{ErrorCode::io, "shared memory for " + what + ": " + std::strerror(error)};
  };
  // posix_fallocate() sets the size last. A process that waits for the file to have its size
  // therefore finds all of it allocated. No process waits for a file that is allocated in parts.
  if (!ranges.empty() && ::ftruncate(fd, static_cast<off_t>(size)) != 0) return failed(errno);
  const std::vector<ShmRange> whole{{0, size}};
  for (const ShmRange& range : ranges.empty() ? whole : ranges) {
    int error = 0;
    do
      error =
          ::posix_fallocate(fd, static_cast<off_t>(range.offset), static_cast<off_t>(range.bytes));
    while (error == EINTR);
    if (error == ENOSPC) return no_room({{what, page_bytes(ranges.empty() ? whole : ranges)}});
    if (error != 0) return failed(error);
  }
  return {};
}

std::uint64_t page_bytes(const std::vector<ShmRange>& ranges) noexcept {
  const auto page = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  std::uint64_t sum = 0, counted = 0;  // counted: pages before this one are in the sum
  for (const ShmRange& range : ranges) {
    if (range.bytes == 0) continue;
    const std::uint64_t first = std::max(range.offset / page, counted),
                        last = (range.offset + range.bytes + page - 1) / page;
    if (last > first) sum += last - first;
    counted = std::max(counted, last);
  }
  return sum * page;
}

std::uint64_t shm_share(std::uint64_t free,
                        std::uint64_t reserve,
                        std::uint64_t count,
                        std::uint64_t least,
                        std::uint64_t most) noexcept {
  if (count == 0) return most;
  const std::uint64_t left = free > reserve ? free - reserve : 0;
  return std::clamp(left / count, std::min(least, most), most);
}

}  // namespace limelight
