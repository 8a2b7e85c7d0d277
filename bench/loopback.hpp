// Processes that echo what they get over TCP on loopback. Their time is a lower bound for any
// question to as many ranks.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <functional>
#include <limelight/result.hpp>
#include <vector>

namespace limelight::bench {

class Echoes {
 public:
  // Call it while this process has one thread, because it forks. Errors: unavailable.
  // work: makes what a process does between a question and its answer, in that process (its number
  // is given); empty: nothing.
  using Work = std::function<void()>;
  static Result<Echoes> start(int processes, const std::function<Work(int)>& work = {});
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
