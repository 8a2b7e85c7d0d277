// `--log-stats`: what requests took, as tables in the log, every few seconds and at the end. A
// table has a line for each request, each stage and each edge, and the totals of all. Any thread
// may call add().
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <limelight/request.hpp>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "cli/statistics.hpp"

namespace limelight::cli {

// A line for each of these requests, in their order; most: the others are counted.
std::string requests_table(const std::vector<RequestOutput>& outputs, std::size_t most);

class LogStats {
 public:
  explicit LogStats(std::chrono::milliseconds interval);
  // Logs what came since the last table, then the totals since the beginning.
  ~LogStats();
  LogStats(const LogStats&) = delete;
  // An answer has ended. Its text and sound are not looked at.
  void add(const RequestOutput& output);

 private:
  using Clock = std::chrono::steady_clock;
  static constexpr std::size_t most_listed = 50;
  void run();
  void say(std::unique_lock<std::mutex>& lock);

  const std::chrono::milliseconds interval_;
  const Clock::time_point start_ = Clock::now();
  std::mutex mutex_;
  std::condition_variable wake_;
  bool ending_ = false;
  Clock::time_point since_ = start_;   // of the following three
  std::vector<RequestOutput> listed_;  // the first most_listed, without texts and sounds
  std::size_t ended_ = 0;
  Statistics fresh_;
  Statistics all_;
  std::thread thread_;
};

}  // namespace limelight::cli
