#include "base/memory.hpp"

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <limits>

namespace limelight {

namespace {
constexpr std::uint64_t unknown = std::numeric_limits<std::uint64_t>::max();

// Returns the number in the file. "max" and a missing file give `unknown`.
std::uint64_t number_in(const std::string& path) {
  std::ifstream in(path);
  std::uint64_t number = 0;
  return in >> number ? number : unknown;
}

std::uint64_t left_on_the_machine() {
  std::ifstream in("/proc/meminfo");
  std::string key;
  std::uint64_t kib = 0;
  for (std::string rest; in >> key >> kib; std::getline(in, rest))
    if (key == "MemAvailable:") return kib * 1024;
  return unknown;
}

// Returns the memory that a control group uses, without its page cache. The kernel frees the page
// cache when memory is short. If it were counted, a mapped model file would look like used memory.
std::uint64_t used_in(const std::string& group_folder) {
  std::uint64_t used = number_in(group_folder + "/memory.current");
  std::ifstream in(group_folder + "/memory.stat");
  std::string key;
  for (std::uint64_t bytes = 0; used != unknown && in >> key >> bytes;)
    if (key == "inactive_file" || key == "active_file") used -= std::min(used, bytes);
  return used;
}

// For version 2 of control groups. The limits of this process's group and of all groups above it
// apply, so the smallest rest counts.
std::uint64_t left_in_the_group() {
  std::ifstream in("/proc/self/cgroup");
  std::uint64_t left = unknown;
  for (std::string line; std::getline(in, line);) {
    if (!line.starts_with("0::/")) continue;
    for (std::string group = line.substr(3);; group.resize(group.find_last_of('/'))) {
      const std::string folder = "/sys/fs/cgroup" + group;
      const std::uint64_t most = number_in(folder + "/memory.max");
      const std::uint64_t used = used_in(folder);
      if (most != unknown && used != unknown) left = std::min(left, most - std::min(most, used));
      if (group.find_last_of('/') == std::string::npos) return left;
    }
  }
  return left;
}
}  // namespace

std::uint64_t available_memory() { return std::min(left_on_the_machine(), left_in_the_group()); }

std::string gibibytes(std::uint64_t bytes) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f GiB", static_cast<double>(bytes) / (1u << 30));
  return text;
}

}  // namespace limelight
