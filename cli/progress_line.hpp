// Says how far a run is: one line that is rewritten in place on a terminal, and elsewhere, where
// every line stays, at most ten lines. One thread uses it.
#pragma once

#include <chrono>
#include <cstdio>
#include <limelight/omni.hpp>

namespace limelight::cli {

class ProgressLine {
 public:
  // total: the answers of the run. Writes to `file`, which stays open.
  ProgressLine(std::FILE* file, bool terminal, std::size_t total)
      : file_(file), terminal_(terminal), total_(total) {}
  void show(const Progress& progress);
  // Ends the line of a terminal.
  void end();

 private:
  std::FILE* file_;
  bool terminal_;
  std::size_t total_, shown_ = 0;  // requests, as the last line has it
  bool open_ = false;              // the line of a terminal
  std::chrono::steady_clock::time_point last_{};
};

}  // namespace limelight::cli
