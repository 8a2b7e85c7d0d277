#include "bench/load/serve_load.hpp"

#include <chrono>
#include <cstdio>
#include <iostream>
#include <nlohmann/json.hpp>

#include "base/try.hpp"
#include "bench/load/progress_bar.hpp"

namespace limelight::bench {

using nlohmann::json;
using nlohmann::ordered_json;

namespace {

constexpr const char* backends[] = {"openai", "openai-chat", "openai-audio-speech"};

std::string number_or_inf(double value) {
  if (value > 1e300) return "inf";
  char text[32];
  std::snprintf(text, sizeof text, "%g", value);
  return text;
}

// The files of a profile, as /stop_profile answers, or what went wrong with it: the requests were
// measured all the same.
ordered_json stop_profile(const OpenAiClient& client) {
  const auto answer = client.ask("/stop_profile", "");
  if (!answer) {
    std::cerr << "limelight bench serve: no profile: " << answer.error().message << "\n";
    return {{"profile_error", answer.error().message}};
  }
  const json all = json::parse(*answer, nullptr, false);
  return {{"profile", all.is_discarded() ? ordered_json(*answer) : ordered_json(all)}};
}

}  // namespace

Result<void> bench_serve(const ServeLoadOptions& options) {
  LIMELIGHT_TRY(check(options.output));
  const auto plan = make_plan(options.plan);
  if (!plan) return plan.error();
  OpenAiClient client(options.client);
  LIMELIGHT_TRY(client.find_model());
  for (int i = 0; i < options.warmups; ++i) {
    const auto warm = client.send({plan->front()});
    if (!warm.front().success)
      return Error{ErrorCode::unavailable, "the warm-up failed: " + warm.front().error};
  }
  if (options.profile) {
    json body = json::object();
    if (!options.profile_stages.empty()) body["stages"] = options.profile_stages;
    const auto started = client.ask("/start_profile", body.dump().c_str());
    if (!started) return started.error();
  }
  std::vector<LoadResult> runs;
  {
    ProgressBar bar(plan->size() * static_cast<std::size_t>(options.runs));
    for (int i = 0; i < options.runs; ++i) {
      const std::size_t before = plan->size() * runs.size();
      LoadResult run;
      const auto start = std::chrono::steady_clock::now();
      run.requests = client.send(
          *plan, [&](std::size_t ended, std::size_t failed) { bar.show(before + ended, failed); });
      run.duration =
          std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
      runs.push_back(std::move(run));
    }
  }
  ordered_json more = ordered_json::object();
  if (options.profile) more = stop_profile(client);
  more["num_prompts"] = plan->size();
  more["burstiness"] = options.plan.burstiness;
  more["max_concurrency"] = options.client.max_concurrency > 0
                                ? ordered_json(options.client.max_concurrency)
                                : ordered_json();
  runs.front().about = {{"date", time_in_name()},
                        {"endpoint_type", backends[static_cast<int>(options.client.backend)]},
                        {"backend", backends[static_cast<int>(options.client.backend)]},
                        {"model_id", client.options().model},
                        {"tokenizer_id", client.options().model},
                        {"request_rate", number_or_inf(options.plan.request_rate)}};
  LIMELIGHT_TRY(put_out(runs, more, options.output));
  for (const LoadResult& run : runs)
    for (const RequestTimes& request : run.requests)
      if (request.success) return {};
  return Error{ErrorCode::unavailable,
               "all requests failed, the first with: " + runs.front().requests.front().error};
}

}  // namespace limelight::bench
