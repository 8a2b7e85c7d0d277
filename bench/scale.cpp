#include "bench/scale.hpp"

#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <fstream>
#include <limelight/omni.hpp>
#include <thread>

#include "bench/own_config.hpp"

namespace limelight::bench {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

namespace {

constexpr const char* three_stages = R"(stage_args:
  - stage_id: 0
    engine_args: {model_stage: thinker, load_format: dummy,
        model_shape: {layers: 1, hidden: 64, heads: 2, kv_heads: 2, head_dim: 32, mlp: 64,
          vocab: 256, max_model_len: 64}}
    final_output: true
    final_output_type: text
  - stage_id: 1
    engine_args: {model_stage: talker, load_format: dummy,
        model_shape: {layers: 1, hidden: 32, heads: 2, kv_heads: 2, head_dim: 16, mlp: 32,
          input_hidden: 64, codebooks: 1, codebook_size: 16, chunk_frames: 2, max_model_len: 64}}
    engine_input_source: [0]
  - stage_id: 2
    engine_args: {model_stage: code2wav, load_format: dummy,
        model_shape: {layers: 1, hidden: 32, heads: 2, kv_heads: 2, head_dim: 16, mlp: 32,
          codebooks: 1, codebook_size: 16, channels: 8, upsampling: [2, 2]}}
    engine_input_source: [1]
    final_output: true
    final_output_type: audio
runtime:
  edges: [{from: 0, to: 1, window_size: 4}, {from: 1, to: 2, window_size: 4}]
)";
constexpr const char* many_replicas = R"(stage_args:
  - stage_id: 0
    num_replicas: 64
    engine_args: {model_stage: thinker, load_format: dummy,
        model_shape: {layers: 1, hidden: 64, heads: 2, kv_heads: 2, head_dim: 32, mlp: 64,
          vocab: 256, max_model_len: 64}}
    final_output: true
)";

double ms_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

Result<std::unique_ptr<Omni>> start(const std::filesystem::path& config) {
  return Omni::from_engine_args({.config = config});
}

// The CPU time that the threads of a process have used, in ms. Those that ended do not count.
double cpu_ms(int pid) {
  double ns = 0;
  std::error_code gone;
  for (const auto& task :
       std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/task", gone)) {
    double of_thread = 0;
    std::ifstream(task.path() / "schedstat") >> of_thread;
    ns += of_thread;
  }
  return ns / 1e6;
}

// This process, its ranks, and the broker, of which a machine has one.
std::vector<int> processes(const Omni& omni) {
  std::vector<int> pids{getpid()};
  for (int rank = 0; rank < omni.config().world_size(); ++rank) pids.push_back(omni.rank_pid(rank));
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    std::string name;
    std::getline(std::ifstream(entry.path() / "comm"), name);
    if (name == "limelight-broke") pids.push_back(std::stoi(entry.path().filename().string()));
  }
  return pids;
}

double cpu_ms(const std::vector<int>& pids) {
  double sum = 0;
  for (const int pid : pids) sum += cpu_ms(pid);
  return sum;
}

Result<void> measure_start(const char* config, int rounds, std::vector<Measurement>& results) {
  const OwnConfig own(config);
  std::vector<double> starts, ends;
  int ranks = 0;
  for (int round = 0; round < rounds; ++round) {
    auto begun = Clock::now();
    auto omni = start(own.file);
    if (!omni) return omni.error();
    starts.push_back(ms_since(begun));
    ranks = (*omni)->config().world_size();
    begun = Clock::now();
    omni->reset();
    ends.push_back(ms_since(begun));
  }
  const std::vector<std::pair<std::string, std::string>> params{{"ranks", std::to_string(ranks)}};
  results.push_back({"start", params, quantile(starts, 0.5), "ms"});
  results.push_back({"end", params, quantile(ends, 0.5), "ms"});
  return {};
}

Result<void> measure_use(const ScaleOptions& options, std::vector<Measurement>& results) {
  auto started = start(options.config);
  if (!started) return started.error();
  Omni& omni = **started;
  const auto ask = [&]() -> Result<RequestOutput> {
    std::optional<GenerateRequest> request(
        {.prompt = "What does a pipeline cost?", .modalities = {"text"}});
    RequestOutput answer;
    omni.generate_each([&] { return std::exchange(request, std::nullopt); },
                       [&](RequestOutput output) { answer = std::move(output); });
    if (answer.error.code != ErrorCode::none) return answer.error;
    return answer;
  };
  std::vector<double> percent, compute;
  const int requests = options.quick ? 5 : 30;
  for (int i = -1; i < requests; ++i) {
    auto answer = ask();
    if (!answer) return answer.error();
    if (i < 0) continue;  // the first one finds cold caches
    compute.push_back(answer->stages.front().stage_gen_time_ms);
    percent.push_back(100 * (answer->e2e_time_ms / compute.back() - 1));
  }
  const auto pids = processes(omni);
  const auto time = options.quick ? 3s : 20s;
  std::this_thread::sleep_for(1s);  // until what the requests left to do is done
  const double before = cpu_ms(pids);
  const auto begun = Clock::now();
  std::this_thread::sleep_for(time);
  const double used = 100 * (cpu_ms(pids) - before) / ms_since(begun);
  results.push_back({"idle", {{"ranks", std::to_string(omni.config().world_size())}}, used, "%"});
  results.push_back({"overhead",
                     {{"requests", std::to_string(requests)}},
                     quantile(percent, 0.5),
                     "%",
                     "compute ms",
                     quantile(compute, 0.5)});
  return {};
}

}  // namespace

Result<std::vector<Measurement>> bench_scale(const ScaleOptions& options) {
  std::vector<Measurement> results;
  for (const char* config : {three_stages, many_replicas})
    if (auto done = measure_start(config, options.quick ? 3 : 10, results); !done)
      return done.error();
  if (auto done = measure_use(options, results); !done) return done.error();
  return results;
}

}  // namespace limelight::bench
