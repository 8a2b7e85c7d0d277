// Measures in a process of its own, and what processes use.
#pragma once

#include <functional>
#include <limelight/omni.hpp>
#include <limelight/result.hpp>
#include <vector>

namespace limelight::bench {

// Runs `body` in a process of its own, since iceoryx attaches a process to one broker for life, and
// returns its numbers. Call it while this process has one thread. Errors: those of `body`, with its
// code.
Result<std::vector<double>> in_child(const std::function<Result<std::vector<double>>()>& body);

// The CPU time that the threads of processes have used, in ms. Those that ended do not count.
double cpu_ms(int pid);
double cpu_ms(const std::vector<int>& pids);
// This process, its ranks, and the broker, of which a machine has one.
std::vector<int> processes(const Omni& omni);
// What a process holds that is in no file, in bytes.
double anonymous_bytes(int pid);

}  // namespace limelight::bench
