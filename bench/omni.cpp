#include "bench/omni.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <limelight/async_omni.hpp>
#include <limelight/task.hpp>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/try.hpp"
#include "bench/peer.hpp"

namespace limelight::bench {

using Clock = std::chrono::steady_clock;
using nlohmann::json;

namespace {

constexpr const char* questions[] = {
    "How does a sound become a number?",
    "Tell me of the sea in the morning.",
    "Why is the sky blue, and the evening red?",
    "Name three rivers and where they end.",
    "What does a clock measure?",
    "Explain to a child how bread is made.",
    "Which birds stay for the winter?",
    "Describe the road from your house to the station.",
};

// The times of a request, in seconds on one clock.
struct Timeline {
  double submitted = 0, first_text = 0, text_done = 0, first_sound = 0, done = 0, sound = 0;
};

struct Served {
  std::vector<Timeline> all;
  std::optional<Error> error;
};

class Clients {
 public:
  Clients(AsyncOmni& omni, const OmniOptions& options) : omni_(omni), options_(options) {}

  Served serve(int concurrency, int requests) {
    served_ = {};
    next_ = 0;
    requests_ = requests;
    start_ = Clock::now();
    std::vector<Task<void>> clients;
    for (int i = 0; i < concurrency; ++i) clients.push_back(client());
    for (auto& client : clients) client.get();
    return std::move(served_);
  }

 private:
  double now() const { return std::chrono::duration<double>(Clock::now() - start_).count(); }

  // Coroutines run on this thread until they first wait, and then on the one of AsyncOmni: no two
  // of them at one time, but for the start.
  std::optional<int> take() {
    const int mine = next_.fetch_add(1);
    return mine < requests_ ? std::optional(mine) : std::nullopt;
  }
  Task<void> client() {
    while (const auto number = take()) {
      GenerateRequest request;
      request.prompt = questions[static_cast<std::size_t>(*number) % std::size(questions)];
      stages::SamplingParams sampling = omni_.default_sampling_params();
      sampling.temperature = 0;
      sampling.max_tokens = options_.tokens;
      sampling.ignore_eos = true;
      request.sampling_params = sampling;
      Timeline times{.submitted = now()};
      auto stream = omni_.generate(std::move(request));
      while (auto part = co_await stream.next()) {
        const double at = now();
        if (part->error.code != ErrorCode::none) {
          note(part->error);
          co_return;
        }
        if (!part->text.empty()) {
          if (times.first_text == 0) times.first_text = at;
          times.text_done = at;
        }
        if (!part->audio.empty()) {
          if (times.first_sound == 0) times.first_sound = at;
          times.sound += static_cast<double>(part->audio.size()) / part->sample_rate;
        }
        times.done = at;
      }
      const std::lock_guard lock(mutex_);
      served_.all.push_back(times);
    }
  }
  void note(const Error& error) {
    const std::lock_guard lock(mutex_);
    if (!served_.error) served_.error = error;
    next_ = requests_;
  }

  AsyncOmni& omni_;
  const OmniOptions& options_;
  std::mutex mutex_;
  Served served_;
  std::atomic<int> next_{0};
  int requests_ = 0;
  Clock::time_point start_;
};

// What `concurrency` clients see of a server that serves one request after the other.
std::vector<Timeline> queued(const std::vector<Timeline>& alone, int concurrency) {
  std::vector<Timeline> seen = alone;
  const auto clients = static_cast<std::size_t>(concurrency);
  for (std::size_t i = 0; i < seen.size(); ++i)
    seen[i].submitted = i < clients ? alone.front().submitted : alone[i - clients].done;
  return seen;
}

struct Means {
  double job = 0, first_text = 0, first_sound = 0, lead = 0, rtf = 0, throughput = 0;
};

Means means_of(const std::vector<Timeline>& all) {
  Means sum;
  double sound = 0, begin = all.front().submitted, end = 0;
  for (const Timeline& one : all) {
    const double share = 1.0 / static_cast<double>(all.size());
    const double job = one.done - one.submitted;
    sum.job += 1000 * share * job;
    sum.first_text += 1000 * share * (one.first_text - one.submitted);
    sum.first_sound += 1000 * share * (one.first_sound - one.submitted);
    sum.lead += 1000 * share * (one.text_done - one.first_sound);
    if (one.sound > 0) sum.rtf += share * job / one.sound;
    sound += one.sound;
    begin = std::min(begin, one.submitted);
    end = std::max(end, one.done);
  }
  sum.throughput = sound / (end - begin);
  return sum;
}

std::vector<Timeline> timeline_of(const json& requests) {
  std::vector<Timeline> all;
  for (const json& one : requests)
    all.push_back({.submitted = one.value("submitted", 0.0),
                   .first_text = one.value("first_text", 0.0),
                   .text_done = one.value("text_done", 0.0),
                   .first_sound = one.value("first_sound", 0.0),
                   .done = one.value("done", 0.0),
                   .sound = one.value("sound", 0.0)});
  return all;
}

// What the clients of a peer see, by their number. Empty: it could not be run.
std::map<int, std::vector<Timeline>> run_omni_peer(const std::string& script,
                                                   const std::string& folder,
                                                   const OmniOptions& options) {
  std::fprintf(stderr, "%s\n", script.c_str());
  json prompts = json::array();
  for (int i = 0; i < options.requests; ++i)
    prompts.push_back(questions[static_cast<std::size_t>(i) % std::size(questions)]);
  std::string list;
  for (const int count : options.concurrency)
    list += (list.empty() ? "" : ",") + std::to_string(count);
  const auto answer =
      run_peer(script, {folder, std::to_string(options.threads), std::to_string(options.tokens),
                        std::to_string(options.frames), prompts.dump(), list});
  std::map<int, std::vector<Timeline>> seen;
  for (const int count : options.concurrency) {
    const std::string key = std::to_string(count);
    if (answer && answer->contains("clients") && (*answer)["clients"].contains(key))
      seen[count] = timeline_of((*answer)["clients"][key]);
    else if (answer && answer->contains("requests"))
      seen[count] = queued(timeline_of((*answer)["requests"]), count);
  }
  if (seen.empty()) std::fprintf(stderr, "%s: not measured, it did not run\n", script.c_str());
  return seen;
}

// Measures of one concurrency, ours beside those of one peer.
void add(std::vector<Measurement>& results,
         int concurrency,
         const Means& ours,
         const std::string& peer,
         const std::optional<Means>& theirs) {
  const std::vector<std::pair<std::string, std::string>> params{
      {"concurrency", std::to_string(concurrency)}};
  const auto one = [&](const char* name, const char* unit, double Means::*value) {
    results.push_back({name, params, ours.*value, unit, peer,
                       theirs ? std::optional((*theirs).*value) : std::nullopt});
  };
  one("job", "ms", &Means::job);
  one("first_text", "ms", &Means::first_text);
  one("first_sound", "ms", &Means::first_sound);
  one("text_after_first_sound", "ms", &Means::lead);
  one("rtf", "s/s", &Means::rtf);
  one("throughput", "s/s", &Means::throughput);
}

// The deploy config's stages with these lengths, greedy, and room for all clients.
std::string overrides_for(const OmniOptions& options) {
  const int most = *std::max_element(options.concurrency.begin(), options.concurrency.end());
  json stages;
  for (const char* stage : {"0", "1", "2"}) stages[stage]["max_num_seqs"] = most;
  stages["1"]["default_sampling_params"] = {
      {"temperature", 0.0}, {"max_tokens", options.frames}, {"ignore_eos", true}};
  return stages.dump();
}

// Serves all clients of each concurrency, and returns what they saw. Errors: of bench_omni().
Result<std::vector<Means>> measure(const OmniOptions& options) {
  std::fprintf(stderr, "limelight\n");
  EngineArgs args;
  args.model = options.model;
  args.deploy_config = options.deploy_config;
  args.stage_overrides = overrides_for(options);
  auto omni = AsyncOmni::from_engine_args(args);
  if (!omni) return omni.error();
  Clients clients(**omni, options);
  if (Served warm = clients.serve(1, 1); warm.error) return *warm.error;
  std::vector<Means> all;
  for (const int count : options.concurrency) {
    const Served served = clients.serve(count, options.requests);
    if (served.error) return *served.error;
    all.push_back(means_of(served.all));
  }
  return all;
}

Means between(const Means& a, const Means& b) {
  Means mean;
  for (double Means::*value : {&Means::job, &Means::first_text, &Means::first_sound, &Means::lead,
                               &Means::rtf, &Means::throughput})
    mean.*value = (a.*value + b.*value) / 2;
  return mean;
}

}  // namespace

Result<std::vector<Measurement>> bench_omni(const OmniOptions& given) {
  OmniOptions options = given;
  if (options.quick) options.requests = std::min(options.requests, 8);
  // Before and after the peers, so that a slow minute of the machine affects all.
  const auto before = measure(options);
  if (!before) return before.error();
  const std::pair<const char*, std::map<int, std::vector<Timeline>>> peers[] = {
      {"transformers", run_omni_peer("omni_transformers.py", options.model, options)},
      {"OpenVINO GenAI",
       options.openvino.empty()
           ? std::map<int, std::vector<Timeline>>()
           : run_omni_peer("omni_openvino.py", options.openvino.string(), options)}};
  const auto after = measure(options);
  if (!after) return after.error();
  std::vector<Measurement> results;
  for (std::size_t i = 0; i < before->size(); ++i) {
    const int concurrency = options.concurrency[i];
    const Means ours = between((*before)[i], (*after)[i]);
    bool alone = true;
    for (const auto& [name, seen] : peers) {
      const auto at = seen.find(concurrency);
      if (at == seen.end() || at->second.empty()) continue;
      add(results, concurrency, ours, name, means_of(at->second));
      alone = false;
    }
    if (alone) add(results, concurrency, ours, "", std::nullopt);
  }
  return results;
}

}  // namespace limelight::bench
