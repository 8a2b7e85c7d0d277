// What both kinds of chaos share: the pipeline, the requests, and what is looked at before and
// after.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <set>
#include <string>
#include <vector>

namespace limelight::bench {

// A config whose requests take a few hundredths of a second, so that some end well between two
// faults.
extern const char* const chaos_pipeline;

// Requests that differ in the length of the prompt and of the answer, in how tokens are chosen, and
// in what is wanted.
struct ChaosRequest {
  std::string prompt;
  std::uint64_t seed = 0;
  float temperature = 0;
  int max_tokens = 0;
  bool text_alone = false;
};
std::vector<ChaosRequest> chaos_requests();

// Whether a process is called so. The number of one that has ended may be another's by now, so this
// is asked before a signal is sent. Names are cut after 15 characters by the kernel.
bool is_called(pid_t pid, const std::string& name);
// The anonymous memory of a process. 0: it is gone.
double anonymous_kib(pid_t pid);
// Limelight's in /dev/shm.
std::set<std::string> shared_files();

}  // namespace limelight::bench
