// How far a load is, on standard error: a bar with the time that is left, rewritten in place, where
// that is a terminal, and nothing elsewhere.
#pragma once

#include <chrono>
#include <cstddef>

namespace limelight::bench {

class ProgressBar {
 public:
  explicit ProgressBar(std::size_t total);
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;
  ~ProgressBar();  // ends the line

  void show(std::size_t ended, std::size_t failed);

 private:
  std::size_t total_;
  bool terminal_;
  std::chrono::steady_clock::time_point start_, last_;
};

}  // namespace limelight::bench
