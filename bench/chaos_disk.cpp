#include "bench/chaos_disk.hpp"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <string>
#include <system_error>
#include <vector>

namespace limelight::bench {

namespace {

// In a namespace of its own the mount is seen by nobody else, and goes with the last process.
bool own_mounts() {
  if (::unshare(CLONE_NEWNS) != 0) {
    const auto user = std::to_string(::getuid()), group = std::to_string(::getgid());
    if (::unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) return false;
    std::ofstream("/proc/self/setgroups") << "deny";
    std::ofstream("/proc/self/uid_map") << user + " " + user + " 1";
    std::ofstream("/proc/self/gid_map") << group + " " + group + " 1";
  }
  return ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
}

}  // namespace

SmallDisk::SmallDisk(std::filesystem::path folder, std::uint64_t bytes)
    : folder_(std::move(folder)) {
  const std::string size = "mode=700,size=" + std::to_string(bytes);
  mounted_ = own_mounts() &&
             ::mount("tmpfs", folder_.c_str(), "tmpfs", MS_NOSUID | MS_NODEV, size.c_str()) == 0;
}

SmallDisk::~SmallDisk() {
  if (mounted_) ::umount2(folder_.c_str(), MNT_DETACH);
}

void SmallDisk::fill() const {
  const int file =
      ::open((folder_ / "filler").c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (file < 0) return;
  const std::vector<char> bytes(std::size_t{1} << 16);
  for (std::size_t piece = bytes.size(); piece > 0;)
    if (::write(file, bytes.data(), piece) <= 0) piece /= 2;
  ::close(file);
}

void SmallDisk::empty() const {
  std::error_code ignored;
  std::filesystem::remove(folder_ / "filler", ignored);
}

}  // namespace limelight::bench
