#include "bench/chaos.hpp"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <limelight/log.hpp>
#include <limelight/omni.hpp>
#include <map>
#include <mutex>
#include <random>
#include <set>
#include <thread>

#include "base/scratch.hpp"
#include "base/whole_number.hpp"
#include "bench/chaos_load.hpp"

namespace limelight::bench {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

namespace {

std::vector<GenerateRequest> requests_of(const Omni& omni) {
  std::vector<GenerateRequest> all;
  std::set<std::string> kinds;
  for (const auto& stage : omni.config().stages)
    if (stage.final_output) kinds.insert(stage.final_output_type);
  for (const ChaosRequest& one : chaos_requests()) {
    stages::SamplingParams sampling = omni.default_sampling_params();
    sampling.seed = one.seed;
    sampling.temperature = one.temperature;
    sampling.max_tokens = one.max_tokens;
    GenerateRequest request;
    request.prompt = one.prompt;
    request.sampling_params = sampling;
    if (one.text_alone && kinds.contains("text")) request.modalities = {"text"};
    all.push_back(std::move(request));
  }
  return all;
}

// What is known of a replica that was hit.
class Restarts {
 public:
  void hit(int stage, int replica) {
    const std::lock_guard lock(mutex_);
    since_.try_emplace({stage, replica}, Clock::now(), restarts_[{stage, replica}]);
  }
  void see(const PipelineStatus& status) {
    const std::lock_guard lock(mutex_);
    for (const ReplicaStatus& one : status.replicas) {
      const std::pair key(one.stage_id, one.replica);
      restarts_[key] = one.restarts;
      const auto at = since_.find(key);
      if (at == since_.end() || one.phase != ReplicaPhase::serving ||
          one.restarts == at->second.second)
        continue;
      ms_.push_back(
          std::chrono::duration<double, std::milli>(Clock::now() - at->second.first).count());
      since_.erase(at);
    }
  }
  std::vector<double> ms() const {
    const std::lock_guard lock(mutex_);
    return ms_;
  }

 private:
  mutable std::mutex mutex_;
  std::map<std::pair<int, int>, int> restarts_;
  std::map<std::pair<int, int>, std::pair<Clock::time_point, int>> since_;
  std::vector<double> ms_;
};

struct Load {
  std::size_t done = 0, failed = 0, wrong = 0;
  double seconds = 0;
  std::string first_wrong;
  double rate() const { return static_cast<double>(done) / seconds; }
};

// Serves the requests, again and again, while `on` says so. expected: their outputs; empty: none
// are known yet, and they are put there.
Load serve(Omni& omni,
           const std::vector<GenerateRequest>& requests,
           std::vector<RequestOutput>& expected,
           const std::function<bool(std::size_t asked)>& on) {
  Load load;
  const bool fill = expected.empty();
  if (fill) expected.resize(requests.size());
  std::size_t asked = 0;
  const auto start = Clock::now();
  omni.generate_each(
      [&]() -> std::optional<GenerateRequest> {
        if (!on(asked)) return std::nullopt;
        GenerateRequest next = requests[asked % requests.size()];
        next.request_id = std::to_string(asked++);
        return next;
      },
      [&](RequestOutput output) {
        RequestOutput& calm =
            expected[whole_number<std::size_t>(output.request_id).value_or(0) % requests.size()];
        if (output.error.code == ErrorCode::none && fill) calm = std::move(output), ++load.done;
        else if (output.error.code == ErrorCode::rank_failed) ++load.failed;
        else if (output.error.code == ErrorCode::none && output.text == calm.text &&
                 output.audio == calm.audio)
          ++load.done;
        else if (++load.wrong == 1)
          load.first_wrong =
              "request " + output.request_id + ": " +
              (output.error.code == ErrorCode::none ? "another output" : output.error.message);
      });
  load.seconds = std::chrono::duration<double>(Clock::now() - start).count();
  return load;
}

void kill_at_random(Omni& omni, const ChaosOptions& options, int kills, Restarts& restarts) {
  std::mt19937_64 random(options.seed);
  const auto ranks = static_cast<std::uint64_t>(omni.config().world_size());
  for (int i = 0; i < kills;) {
    std::this_thread::sleep_for(std::chrono::milliseconds(random() % 500));
    const int rank = static_cast<int>(random() % ranks);
    const std::uint64_t which = random() % 16;
    const int pid = omni.rank_pid(rank);
    if (!is_called(pid, "limelight-rank")) continue;
    const auto replica = *omni.config().replica_of(rank);
    restarts.hit(replica.stage_id, replica.index);
    if (kill(pid, which == 0 ? SIGSTOP : which == 1 ? SIGABRT : SIGKILL) != 0) continue;
    if (++i % 20 == 0) std::fprintf(stderr, "%d of %d kills\n", i, kills);
  }
}

}  // namespace

Result<std::vector<Measurement>> bench_chaos(const ChaosOptions& options) {
  const auto before = shared_files();
  const auto scratch = Scratch::make("bench");
  if (!scratch) return scratch.error();
  Restarts restarts;
  auto started = Omni::from_engine_args(
      {.config =
           options.config.empty() ? scratch->write("chaos.yaml", chaos_pipeline) : options.config,
       .rank_timeout = 1500ms,
       .flight_recorder = 0ms,
       .on_status = [&](const auto& status) { restarts.see(status); },
       .supervision = {
           {.max_failures = 1'000'000, .restart_backoff = 1ms, .max_retries = options.retries}}});
  if (!started) return started.error();
  std::unique_ptr<Omni> omni = std::move(*started);
  const auto requests = requests_of(*omni);
  const int kills = std::max(1, options.quick ? options.kills / 10 : options.kills);
  std::vector<RequestOutput> calm;
  const auto once = [&](std::size_t asked) { return asked < requests.size(); };
  if (const Load first = serve(*omni, requests, calm, once); first.done != requests.size())
    return Error{ErrorCode::internal, "the calm run failed: " + first.first_wrong};
  const Load peace =
      serve(*omni, requests, calm, [&](std::size_t asked) { return asked < 5 * requests.size(); });

  set_log_sink({});  // a message for each kill
  const double kib = anonymous_kib(getpid());
  std::atomic<bool> over = false;
  std::thread killer([&] {
    kill_at_random(*omni, options, kills, restarts);
    over = true;
  });
  Load load = serve(*omni, requests, calm, [&](std::size_t) { return !over; });
  killer.join();
  const double grown = anonymous_kib(getpid()) - kib;
  // What was hit last may have to be noticed yet.
  const auto deadline = Clock::now() + 30s;
  while (omni->status().health != Health::running && Clock::now() < deadline)
    std::this_thread::sleep_for(10ms);
  const Load after = serve(*omni, requests, calm, once);
  load.wrong += peace.wrong + after.wrong;
  for (const Load* one : {&peace, &after})
    if (load.first_wrong.empty()) load.first_wrong = one->first_wrong;
  omni.reset();
  std::size_t left = 0;
  for (const std::string& name : shared_files()) left += before.contains(name) ? 0 : 1;
  if (load.wrong > 0) std::fprintf(stderr, "wrong: %s\n", load.first_wrong.c_str());

  const auto count = [](std::size_t n) { return static_cast<double>(n); };
  std::vector<Measurement> results{
      {"kills", {}, static_cast<double>(kills), "1"},
      {"done", {}, count(load.done), "requests"},
      {"failed", {}, count(load.failed), "requests"},
      {"wrong", {}, count(load.wrong), "requests"},
      {"rate", {}, load.rate(), "requests/s", "calm run", peace.rate()}};
  if (auto ms = restarts.ms(); !ms.empty()) {
    results.push_back({"restart", {{"quantile", "0.5"}}, quantile(ms, 0.5), "ms"});
    results.push_back({"restart", {{"quantile", "0.99"}}, quantile(ms, 0.99), "ms"});
  }
  results.push_back({"memory", {}, grown, "KiB"});
  results.push_back({"left", {}, count(left), "files"});
  return results;
}

}  // namespace limelight::bench
