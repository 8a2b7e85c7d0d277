// The processes that a test has started, also through others: they inherit a mark in the
// environment. Those of other tests and of other users of the machine have none, and stay alone.
#pragma once

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/whole_number.hpp"
#include "tests/support.hpp"

namespace limelight::tests {

// Call mark_own_processes() before the first one is started.
inline std::string mark_of_own_processes() {
  return "LIMELIGHT_STARTED_BY_TEST=" + std::to_string(getpid());
}
inline void mark_own_processes() {
  setenv("LIMELIGHT_STARTED_BY_TEST", std::to_string(getpid()).c_str(), 1);
}

// name: of at most 15 letters, as the kernel has it. In the order of their numbers.
inline std::vector<pid_t> own_processes(std::string_view name) {
  const std::string mark = mark_of_own_processes();
  std::vector<pid_t> found;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const auto pid = whole_number<pid_t>(entry.path().filename().string(), 1);
    if (!pid || read_file(entry.path() / "comm") != std::string(name) + "\n") continue;
    const std::string variables = read_file(entry.path() / "environ");
    if (variables.find(mark + std::string(1, '\0')) != std::string::npos) found.push_back(*pid);
  }
  std::sort(found.begin(), found.end());
  return found;
}
inline bool own_ranks_run() { return !own_processes("limelight-rank").empty(); }

// Of the newest one of that name. False: there is none.
inline bool kill_own(std::string_view name) {
  const auto found = own_processes(name);
  return !found.empty() && kill(found.back(), SIGKILL) == 0;
}

}  // namespace limelight::tests
