#include "bench/scale.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <fstream>
#include <functional>
#include <limelight/omni.hpp>
#include <sstream>
#include <thread>

#include "base/whole_number.hpp"
#include "bench/scratch.hpp"
#include "bench/time.hpp"

namespace limelight::bench {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

namespace {

constexpr const char* many_replicas = R"(stage_args:
  - stage_id: 0
    num_replicas: 64
    engine_args: {model_stage: thinker, load_format: dummy,
        model_shape: {layers: 1, hidden: 64, heads: 2, kv_heads: 2, head_dim: 32, mlp: 64,
          vocab: 256, max_model_len: 64}}
    final_output: true
)";

constexpr const char* one_small_thinker = R"(stage_args:
  - stage_id: 0
    runtime: {max_batch_size: 8}
    engine_args: {model_stage: thinker, load_format: dummy,
        model_shape: {layers: 1, hidden: 64, heads: 2, kv_heads: 2, head_dim: 32, mlp: 64,
          vocab: 256, max_model_len: 64}}
    default_sampling_params: {max_tokens: 1}
    final_output: true
runtime:
  defaults: {max_inflight: 8}
)";

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
    const auto pid = whole_number<int>(entry.path().filename().string(), 1);
    if (pid && name == "limelight-broke") pids.push_back(*pid);
  }
  return pids;
}

double cpu_ms(const std::vector<int>& pids) {
  double sum = 0;
  for (const int pid : pids) sum += cpu_ms(pid);
  return sum;
}

// What a process holds that is in no file, in bytes.
double anonymous_bytes(int pid) {
  std::ifstream status("/proc/" + std::to_string(pid) + "/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("RssAnon:")) return 1024 * std::stod(line.substr(8));
  return 0;
}

// Runs `body` in a process of its own, since iceoryx attaches a process to one broker for life, and
// returns its numbers. This process has no other threads.
Result<std::vector<double>> in_child(const std::function<Result<std::vector<double>>()>& body) {
  int ends[2];
  if (::pipe(ends) != 0) return Error{ErrorCode::io, "cannot make a pipe"};
  const pid_t child = ::fork();
  if (child == 0) {
    ::close(ends[0]);
    const auto numbers = body();
    std::string text = numbers ? "" : "error " + numbers.error().message;
    if (numbers)
      for (const double one : *numbers) text += std::to_string(one) + " ";
    (void)!::write(ends[1], text.data(), text.size());
    ::_exit(0);
  }
  ::close(ends[1]);
  std::string text;
  char bytes[4096];
  for (ssize_t n; (n = ::read(ends[0], bytes, sizeof bytes)) > 0;)
    text.append(bytes, static_cast<std::size_t>(n));
  ::close(ends[0]);
  ::waitpid(child, nullptr, 0);
  if (text.empty()) return Error{ErrorCode::internal, "the process that measured has failed"};
  if (text.starts_with("error ")) return Error{ErrorCode::internal, text.substr(6)};
  std::vector<double> all;
  std::istringstream in(text);
  for (double one = 0; in >> one;) all.push_back(one);
  return all;
}

// Start, end and number of ranks.
Result<std::vector<double>> start_and_end(const std::filesystem::path& config) {
  auto begun = Clock::now();
  auto omni = start(config);
  if (!omni) return omni.error();
  const double up = ms_since(begun);
  const double ranks = (*omni)->config().world_size();
  begun = Clock::now();
  omni->reset();
  return std::vector<double>{up, ms_since(begun), ranks};
}

// The use while idle, in %, then the overhead and the compute time of each request.
Result<std::vector<double>> idle_and_requests(const std::filesystem::path& config, bool quick) {
  auto started = start(config);
  if (!started) return started.error();
  Omni& omni = **started;
  std::vector<double> percent, compute;
  for (int i = -1; i < (quick ? 5 : 30); ++i) {
    std::optional<GenerateRequest> request(
        {.prompt = "What does a pipeline cost?", .modalities = {"text"}});
    RequestOutput answer;
    omni.generate_each([&] { return std::exchange(request, std::nullopt); },
                       [&](RequestOutput output) { answer = std::move(output); });
    if (answer.error.code != ErrorCode::none) return answer.error;
    if (i < 0) continue;  // the first one finds cold caches
    compute.push_back(answer.stages.front().stage_gen_time_ms);
    percent.push_back(100 * (answer.e2e_time_ms / compute.back() - 1));
  }
  const auto pids = processes(omni);
  std::this_thread::sleep_for(1s);  // until what the requests left to do is done
  const double before = cpu_ms(pids);
  const auto begun = Clock::now();
  std::this_thread::sleep_for(quick ? 3s : 20s);
  const double used = 100 * (cpu_ms(pids) - before) / ms_since(begun);
  return std::vector<double>{used, quantile(percent, 0.5), quantile(compute, 0.5),
                             static_cast<double>(omni.config().world_size()),
                             static_cast<double>(percent.size())};
}

// Number of requests, then by how many bytes a request made this process and its rank grow.
Result<std::vector<double>> growth(const std::filesystem::path& config, bool quick) {
  auto started = start(config);
  if (!started) return started.error();
  Omni& omni = **started;
  const int pids[] = {getpid(), omni.rank_pid(0)};
  const int count = quick ? 20'000 : 1'000'000;
  double before[2] = {};
  Error failed{ErrorCode::none, {}};
  for (const int requests : {10'000, count}) {  // the first ones fill caches and pools
    for (int i : {0, 1}) before[i] = anonymous_bytes(pids[i]);
    int submitted = 0;
    omni.generate_each(
        [&] {
          std::optional<GenerateRequest> request;
          if (submitted++ < requests) request.emplace(GenerateRequest{.prompt = "What grows?"});
          return request;
        },
        [&](const RequestOutput& output) {
          if (output.error.code != ErrorCode::none) failed = output.error;
        });
    if (failed.code != ErrorCode::none) return failed;
  }
  std::vector<double> numbers{static_cast<double>(count)};
  for (int i : {0, 1}) numbers.push_back((anonymous_bytes(pids[i]) - before[i]) / count);
  return numbers;
}

std::string whole(double number) { return std::to_string(static_cast<int>(number)); }

}  // namespace

Result<std::vector<Measurement>> bench_scale(const ScaleOptions& options) {
  std::vector<Measurement> results;
  const auto scratch = Scratch::make(std::filesystem::temp_directory_path());
  if (!scratch) return scratch.error();
  for (const auto& config : {options.config, scratch->write("many.yaml", many_replicas)}) {
    std::vector<double> starts, ends;
    std::string ranks;
    for (int round = 0; round < (options.quick ? 3 : 10); ++round) {
      const auto times = in_child([&] { return start_and_end(config); });
      if (!times) return times.error();
      starts.push_back(times->at(0));
      ends.push_back(times->at(1));
      ranks = whole(times->at(2));
    }
    results.push_back({"start", {{"ranks", ranks}}, quantile(starts, 0.5), "ms"});
    results.push_back({"end", {{"ranks", ranks}}, quantile(ends, 0.5), "ms"});
  }
  const auto used = in_child([&] { return idle_and_requests(options.config, options.quick); });
  if (!used) return used.error();
  results.push_back({"idle", {{"ranks", whole(used->at(3))}}, used->at(0), "%"});
  results.push_back({"overhead",
                     {{"requests", whole(used->at(4))}, {"compute_ms", whole(used->at(2))}},
                     used->at(1),
                     "%"});
  const auto config = scratch->write("one.yaml", one_small_thinker);
  const auto grown = in_child([&] { return growth(config, options.quick); });
  if (!grown) return grown.error();
  for (const int i : {0, 1})
    results.push_back(
        {"growth",
         {{"requests", whole(grown->at(0))}, {"process", i == 0 ? "orchestrator" : "rank"}},
         grown->at(static_cast<std::size_t>(1 + i)),
         "B"});
  return results;
}

}  // namespace limelight::bench
