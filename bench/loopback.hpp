// Processes that echo what they get over TCP on loopback. Their time is a lower bound for any
// question to as many ranks.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <limelight/result.hpp>
#include <vector>

namespace limelight::bench {

class Echoes {
 public:
  // Call it while this process has one thread, because it forks. Errors: unavailable.
  static Result<Echoes> start(int processes);
  Echoes(Echoes&& other) noexcept;
  Echoes& operator=(Echoes&&) = delete;
  ~Echoes();  // ends the processes
  // Sends `bytes` (at most 4096) to each process and returns when all have answered.
  void ask(std::size_t bytes);

 private:
  Echoes() = default;
  std::vector<int> sockets_;
  std::vector<pid_t> children_;
};

}  // namespace limelight::bench
