// What a load asks for, and when: prompts from a file, or made of common words with lengths from a
// distribution, and the moments at which they are sent. The same options give the same plan.
#pragma once

#include <cstdint>
#include <filesystem>
#include <limelight/result.hpp>
#include <limits>
#include <string>
#include <vector>

namespace limelight::bench {

struct PlanOptions {
  int num_prompts = 100;
  // Lines of {"prompt": "...", "output_tokens": N}, asked in turn; N may be left out. Empty: made.
  std::filesystem::path dataset_path = {};
  // Of made prompts, in words, each of which is one token or two; the result has what the server
  // counted. range_ratio r: lengths are uniform from len * (1 - r) to len * (1 + r).
  int input_len = 64;
  int prefix_len = 0;    // words that all prompts begin with, besides
  int output_len = 128;  // tokens; of a file's prompts without a number of their own, too
  double range_ratio = 0;
  // Requests a second. Infinite: all are there at the start.
  double request_rate = std::numeric_limits<double>::infinity();
  // Intervals are gamma distributed with this shape: 1 is a Poisson process, less comes in bursts,
  // more is steadier.
  double burstiness = 1;
  std::uint64_t seed = 0;
};

struct PlannedRequest {
  std::string prompt;
  int output_len = 0;
  double at_s = 0;  // after the start
};

// In the order of at_s. The intervals are scaled so that the last request is sent at
// num_prompts / request_rate, as vLLM's benchmark does it. Errors: invalid_argument (a number
// outside of its range, or the file's line and what is wrong there), not_found.
Result<std::vector<PlannedRequest>> make_plan(const PlanOptions& options);

}  // namespace limelight::bench
