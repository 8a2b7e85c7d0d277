// Processes that echo over TCP on loopback: no question to as many ranks can be answered sooner.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <limelight/result.hpp>
#include <vector>

namespace limelight::bench {

class Echoes {
 public:
  // Call it while this process has one thread: the others are forked. Errors: unavailable.
  static Result<Echoes> start(int processes);
  Echoes(Echoes&& other) noexcept;
  Echoes& operator=(Echoes&&) = delete;
  ~Echoes();  // ends them
  // Sends `bytes` to each, at most 4096, and returns once all came back.
  void ask(std::size_t bytes);

 private:
  Echoes() = default;
  std::vector<int> sockets_;
  std::vector<pid_t> children_;
};

}  // namespace limelight::bench
