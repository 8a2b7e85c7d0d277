// What many suites need: a folder of their own, files, commands and processes. Traces are read with
// trace_file.hpp.
#pragma once

#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <string_view>

namespace limelight::tests {

// The allocators of sanitizers end the process in place of throwing std::bad_alloc.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool allocations_throw = false;
#else
inline constexpr bool allocations_throw = true;
#endif

// ThreadSanitizer keeps a signal until the thread calls one of its functions.
#if defined(__SANITIZE_THREAD__)
inline constexpr bool signals_come_at_once = false;
#else
inline constexpr bool signals_come_at_once = true;
#endif

// Of this case alone, and removed at its end.
struct Folder {
  std::filesystem::path path;
  Folder() {
    std::string name = std::filesystem::temp_directory_path() / "limelight-test-XXXXXX";
    if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("cannot make " + name);
    path = name;
  }
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
  Folder(const Folder&) = delete;
};

inline std::string read_file(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}
inline std::filesystem::path write_file(const std::filesystem::path& path, std::string_view text) {
  std::ofstream(path, std::ios::binary) << text;
  return path;
}

// Of a process that has ended; a signal is 128 and its number, as a shell has it.
inline int code_of_status(int status) {
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
// Waits for the process.
inline int exit_code(pid_t pid) {
  int status = 0;
  waitpid(pid, &status, 0);
  return code_of_status(status);
}
// Runs body in a process of its own, which exits with what it returns.
template <class F>
pid_t in_process(F body) {
  const pid_t pid = fork();
  if (pid == 0) _exit(body());
  return pid;
}

struct Ran {
  int code = 0;
  std::string output;  // standard output and error together
};
inline Ran run(const std::string& command_line) {
  Ran ran;
  FILE* pipe = popen((command_line + " 2>&1").c_str(), "r");
  std::array<char, 4096> buffer;
  while (const std::size_t n = fread(buffer.data(), 1, buffer.size(), pipe))
    ran.output.append(buffer.data(), n);
  ran.code = code_of_status(pclose(pipe));
  return ran;
}

}  // namespace limelight::tests
