// `limelight bench serve`: a load on a server with OpenAI's routes (ours, vLLM's, llama.cpp's).
#pragma once

#include <limelight/result.hpp>
#include <string>
#include <vector>

#include "bench/load/openai_client.hpp"
#include "bench/load/plan.hpp"
#include "bench/load/result_file.hpp"

namespace limelight::bench {

struct ServeLoadOptions {
  PlanOptions plan = {};
  OpenAiOptions client = {};
  OutputOptions output = {};
  int warmups = 0;  // requests before the measured ones, one after the other
  int runs = 1;     // how often the plan is sent
  // A profile of the measured part, by POST /start_profile and /stop_profile.
  bool profile = false;
  std::vector<int> profile_stages = {};  // empty: all
};

// Errors: of make_plan() and OpenAiClient; unavailable if a warm-up fails. Requests that fail are
// in the result; all of them is an error.
Result<void> bench_serve(const ServeLoadOptions& options);

}  // namespace limelight::bench
