// Runs a program to its end and reads what it answers: for work that must not take this process
// down with it.
//
// Any thread may call it. The caller waits.
#pragma once

#include <chrono>
#include <filesystem>
#include <limelight/result.hpp>
#include <string>
#include <vector>

namespace limelight {

// Where the program writes its answer; standard output and error are kept apart from it.
inline constexpr int answer_fd = 3;

struct ProgramEnd {
  std::string answer;
  std::string output;  // the end of what it wrote to standard output and error
  std::string cause;   // such as "exited with status 0", or "killed by signal 11 (...)"
  bool good = false;   // it exited with status 0
};

// executable: a path, or a name without a slash that is looked for in the PATH.
// Errors: io (it cannot be started), timeout (it was killed; the text has the end of its output).
Result<ProgramEnd> run_program(const std::filesystem::path& executable,
                               std::vector<std::string> arguments,
                               std::chrono::milliseconds patience);

// What waitpid() says of a process, as in `cause`.
std::string describe_status(int status);

}  // namespace limelight
