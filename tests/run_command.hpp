// `limelight run` as a user starts it, with the shipped config or a changed one, and what it leaves
// behind.
#pragma once

#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "tests/support.hpp"

namespace limelight::tests {

namespace fs = std::filesystem;

inline const fs::path configs = CONFIG_DIR;

inline Ran limelight_command(const std::string& arguments) {
  return run(LIMELIGHT_COMMAND " " + arguments);
}
// Writes the shipped config with one piece of text replaced.
inline fs::path changed_config(const Folder& folder,
                               const std::string& from,
                               const std::string& to) {
  std::string text = read_file(configs / "omni_tiny.yaml");
  const auto at = text.find(from);
  BOOST_REQUIRE(at != std::string::npos);
  text.replace(at, from.size(), to);
  return write_file(folder.path / "changed.yaml", text);
}
// One request after the other, so that the first line of progress comes long before the end.
inline std::string one_by_one(const Folder& folder) {
  return changed_config(folder, "max_inflight: 4", "max_inflight: 1");
}
inline std::vector<std::string> left_behind() {
  std::vector<std::string> names;
  for (const char* place : {"/dev/shm", "/tmp"})
    for (const auto& entry : fs::directory_iterator(place)) {
      const std::string name = entry.path().filename();
      const bool ours = name.starts_with("limelight-") && !entry.is_directory();
      if (ours || name == "iceoryx_mgmt" || name == "roudi") names.push_back(entry.path());
    }
  return names;
}

// Runs `limelight run`. For each piece of output it calls `watch` with the pid and all output so
// far.
inline Ran watched_run(std::vector<std::string> arguments,
                       const std::function<void(pid_t, const std::string&)>& watch) {
  int output[2];
  BOOST_REQUIRE(pipe(output) == 0);
  const pid_t run = fork();
  if (run == 0) {
    dup2(output[1], 1);
    dup2(output[1], 2);
    close(output[0]);
    arguments.insert(arguments.begin(), {"limelight", "run"});
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    execv(LIMELIGHT_COMMAND, argv.data());
    _exit(127);
  }
  close(output[1]);
  Ran ran;
  std::array<char, 4096> buffer;
  for (ssize_t n; (n = read(output[0], buffer.data(), buffer.size())) > 0;) {
    ran.output.append(buffer.data(), static_cast<std::size_t>(n));
    watch(run, ran.output);
  }
  close(output[0]);
  int status = 0;
  waitpid(run, &status, 0);
  ran.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return ran;
}

}  // namespace limelight::tests
