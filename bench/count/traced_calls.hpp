// Counts the system calls of a process that marks where the counting begins and ends, by ptrace.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <limelight/result.hpp>
#include <vector>

namespace limelight::bench {

// In the process that is counted: part n begins, and ends. Outside of run_counted() it does nothing
// but one system call.
void begin_part(int n) noexcept;
void end_part() noexcept;

struct CountedCalls {
  int exit_code = 0;
  std::vector<std::uint64_t> parts;  // the calls of the main thread in each
  bool counted = false;              // false: this machine does not let a process be traced
};

// Runs `body` in a child and counts; `body` returns its exit code. Call it while this process has
// one thread. Errors: io (no child can be made).
Result<CountedCalls> run_counted(const std::function<int()>& body);

}  // namespace limelight::bench
