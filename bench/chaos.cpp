#include "bench/chaos.hpp"

#include <signal.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <limelight/log.hpp>
#include <limelight/omni.hpp>
#include <map>
#include <mutex>
#include <random>
#include <set>
#include <thread>

#include "base/whole_number.hpp"
#include "bench/scratch.hpp"

namespace limelight::bench {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

namespace {

// Requests take a few hundredths of a second, so that some end well between two kills.
constexpr const char* small_pipeline = R"(stage_args:
  - stage_id: 0
    engine_args: {model_stage: thinker, load_format: dummy, weights_seed: 1,
        model_shape: {layers: 2, hidden: 128, heads: 4, kv_heads: 2, head_dim: 32, mlp: 256,
          vocab: 512, max_model_len: 512}}
    final_output: true
    final_output_type: text
    default_sampling_params: {max_tokens: 40}
  - stage_id: 1
    num_replicas: 2
    engine_args: {model_stage: talker, load_format: dummy, weights_seed: 2,
        model_shape: {layers: 2, hidden: 64, heads: 2, kv_heads: 2, head_dim: 32, mlp: 128,
          input_hidden: 128, codebooks: 2, codebook_size: 64, chunk_frames: 5, max_model_len: 256}}
    engine_input_source: [0]
    default_sampling_params: {max_tokens: 50}
  - stage_id: 2
    engine_args: {model_stage: code2wav, load_format: dummy, weights_seed: 3,
        model_shape: {layers: 1, hidden: 64, heads: 2, kv_heads: 2, head_dim: 32, mlp: 64,
          codebooks: 2, codebook_size: 64, channels: 16, upsampling: [2, 4]}}
    engine_input_source: [1]
    final_output: true
    final_output_type: audio
runtime:
  defaults: {max_inflight: 8}
  edges: [{from: 0, to: 1, window_size: 4}, {from: 1, to: 2, window_size: 4}]
)";

// Requests that differ in the length of the prompt and of the answer, in how tokens are chosen, and
// in what is wanted.
std::vector<GenerateRequest> mixed_requests(const Omni& omni) {
  std::vector<GenerateRequest> all;
  std::set<std::string> kinds;
  for (const auto& stage : omni.config().stages)
    if (stage.final_output) kinds.insert(stage.final_output_type);
  for (int i = 0; i < 24; ++i) {
    GenerateRequest request;
    for (int word = 0; word <= i % 7 * 5; ++word)
      request.prompt += "word" + std::to_string(word * i) + " ";
    stages::SamplingParams sampling = omni.default_sampling_params();
    sampling.seed = static_cast<std::uint64_t>(i);
    sampling.temperature = i % 2 == 0 ? 0.0f : 0.8f;
    sampling.max_tokens = 4 + i * 3 % 40;
    request.sampling_params = sampling;
    if (i % 3 == 0 && kinds.contains("text")) request.modalities = {"text"};
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

// Whether the process is a rank: the number of one that has ended may be another's by now.
bool is_rank(int pid) {
  std::string name;
  std::getline(std::ifstream("/proc/" + std::to_string(pid) + "/comm"), name);
  return pid > 0 && name.starts_with("limelight-rank");
}

void kill_at_random(Omni& omni, const ChaosOptions& options, int kills, Restarts& restarts) {
  std::mt19937_64 random(options.seed);
  const auto ranks = static_cast<std::uint64_t>(omni.config().world_size());
  for (int i = 0; i < kills;) {
    std::this_thread::sleep_for(std::chrono::milliseconds(random() % 500));
    const int rank = static_cast<int>(random() % ranks);
    const std::uint64_t which = random() % 16;
    const int pid = omni.rank_pid(rank);
    if (!is_rank(pid)) continue;
    const auto replica = *omni.config().replica_of(rank);
    restarts.hit(replica.stage_id, replica.index);
    if (kill(pid, which == 0 ? SIGSTOP : which == 1 ? SIGABRT : SIGKILL) != 0) continue;
    if (++i % 20 == 0) std::fprintf(stderr, "%d of %d kills\n", i, kills);
  }
}

double anonymous_kib() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("RssAnon:")) return std::stod(line.substr(8));
  return 0;
}

std::set<std::string> shared_files() {
  std::set<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator("/dev/shm"))
    if (const std::string name = entry.path().filename(); name.starts_with("limelight-"))
      names.insert(name);
  return names;
}

}  // namespace

Result<std::vector<Measurement>> bench_chaos(const ChaosOptions& options) {
  const auto before = shared_files();
  const auto scratch = Scratch::make(std::filesystem::temp_directory_path());
  if (!scratch) return scratch.error();
  Restarts restarts;
  auto started = Omni::from_engine_args(
      {.config =
           options.config.empty() ? scratch->write("chaos.yaml", small_pipeline) : options.config,
       .rank_timeout = 1500ms,
       .flight_recorder = 0ms,
       .on_status = [&](const auto& status) { restarts.see(status); },
       .supervision = {
           {.max_failures = 1'000'000, .restart_backoff = 1ms, .max_retries = options.retries}}});
  if (!started) return started.error();
  std::unique_ptr<Omni> omni = std::move(*started);
  const auto requests = mixed_requests(*omni);
  const int kills = std::max(1, options.quick ? options.kills / 10 : options.kills);
  std::vector<RequestOutput> calm;
  const auto once = [&](std::size_t asked) { return asked < requests.size(); };
  if (const Load first = serve(*omni, requests, calm, once); first.done != requests.size())
    return Error{ErrorCode::internal, "the calm run failed: " + first.first_wrong};
  const Load peace =
      serve(*omni, requests, calm, [&](std::size_t asked) { return asked < 5 * requests.size(); });

  set_log_sink({});  // a message for each kill
  const double kib = anonymous_kib();
  std::atomic<bool> over = false;
  std::thread killer([&] {
    kill_at_random(*omni, options, kills, restarts);
    over = true;
  });
  Load load = serve(*omni, requests, calm, [&](std::size_t) { return !over; });
  killer.join();
  const double grown = anonymous_kib() - kib;
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
