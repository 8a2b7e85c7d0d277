// `limelight serve` as a child of a chaos run, with all processes that it starts.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <limelight/result.hpp>
#include <optional>
#include <string>
#include <vector>

namespace limelight::bench {

// All processes below this one, as the kernel has them now: those without a parent come to this one
// as well, once adopt_orphans() was called. Zombies are left out.
std::vector<pid_t> descendants();
void adopt_orphans();
// Takes what is left of children that have ended. No other thread may wait for children meanwhile.
void reap();

class ChaosService {
 public:
  // Starts the command that belongs to this program and waits until it serves. Its log is added to
  // `log`. Errors: not_found (no such command), rank_failed (it ended, with the end of its log).
  static Result<ChaosService> start(const std::vector<std::string>& arguments,
                                    const std::filesystem::path& log);
  ChaosService(ChaosService&& other) noexcept;
  ChaosService& operator=(ChaosService&&) = delete;
  ~ChaosService();  // kill -9, if it still runs

  pid_t pid() const noexcept { return pid_; }
  const std::string& url() const noexcept { return url_; }
  // Of its own, as of now.
  static std::vector<pid_t> ranks();
  static std::optional<pid_t> broker();
  std::size_t count(const char* folder) const;  // of /proc/PID: "fd" or "task"

  void signal(int number) const;
  // Its exit status, or 128 and the number of the signal; none: it has not ended within the time.
  std::optional<int> wait(std::chrono::milliseconds most);
  // Whether all that it had started has ended within the time; otherwise what has not.
  static std::vector<std::string> left_processes(std::chrono::milliseconds most);

 private:
  ChaosService(pid_t pid, std::string url) : pid_(pid), url_(std::move(url)) {}
  pid_t pid_;
  std::string url_;
};

}  // namespace limelight::bench
