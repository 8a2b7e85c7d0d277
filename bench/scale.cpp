#include "bench/scale.hpp"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <limelight/omni.hpp>
#include <thread>

#include "base/scratch.hpp"
#include "base/try.hpp"
#include "bench/child_numbers.hpp"
#include "bench/scale_beyond.hpp"
#include "bench/scale_ranks.hpp"
#include "bench/time.hpp"

namespace limelight::bench {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

namespace {

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

// No answer takes less in a network of one building (there and back); it is not measured here.
constexpr double assumed_network_us = 100;

void add_ranks(const RanksMeasured& m, std::vector<Measurement>& rows) {
  const std::pair<std::string, std::string> ranks{"ranks", std::to_string(m.ranks)};
  rows.push_back({"start", {ranks}, m.start_ms, "ms"});
  rows.push_back({"end", {ranks}, m.end_ms, "ms"});
  rows.push_back({"memory", {ranks, {"of", "rank"}}, m.rank_mib, "MiB"});
  rows.push_back({"memory", {ranks, {"of", "orchestrator"}}, m.orchestrator_mib, "MiB"});
  rows.push_back({"memory", {ranks, {"of", "/dev/shm"}}, m.shm_mib, "MiB"});
  rows.push_back({"idle_each", {ranks}, m.idle_percent, "%"});
  for (const char* p : {"50", "99"}) {
    const double q = std::stod(p) / 100;
    std::vector<double> started = m.started_ms, stopped = m.stopped_ms, echo = m.echo_ms;
    rows.push_back({"start_answer", {ranks, {"p", p}}, quantile(started, q), "ms"});
    if (!echo.empty()) {
      rows.back().peer = "echo over TCP";
      rows.back().peer_value = quantile(echo, q);
    }
    rows.push_back({"stop_answer", {ranks, {"p", p}}, quantile(stopped, q), "ms"});
  }
  rows.push_back({"supervisor", {ranks}, m.supervisor_us, "us"});
}

// By the number of ranks, and what is beyond.
Result<void> measure_many(const ScaleOptions& options,
                          const Scratch& scratch,
                          ScaleResult& result) {
  std::vector<RanksMeasured> measured;
  for (const int ranks :
       options.quick ? std::vector<int>{1, 8, 32} : std::vector<int>{1, 2, 4, 8, 16, 32, 64, 128}) {
    std::fprintf(stderr, "%d ranks\n", ranks);
    auto one = measure_ranks(scratch, ranks, options.quick);
    if (!one) return one.error();
    add_ranks(*one, result.rows);
    measured.push_back(std::move(*one));
  }
  std::string refused;
  for (const int replicas :
       options.quick ? std::vector<int>{1, 4, 32} : std::vector<int>{1, 2, 4, 8, 16, 32}) {
    const auto one = measure_hand_off(scratch, replicas);
    if (!one) {
      if (one.error().code != ErrorCode::invalid_argument) return one.error();
      const std::string& why = one.error().message;  // <file of the scratch>:<line>: key ...
      refused = why.substr(std::min(why.find("found "), why.size()));
      break;
    }
    result.rows.push_back(
        {"hand_off",
         {{"ranks", std::to_string(one->ranks)}, {"channels", std::to_string(one->channels)}},
         one->in_flight_us,
         "us"});
  }
  std::fprintf(stderr, "what is beyond\n");
  ScaleConstants constants;
  constants.supervisor_us = measured.back().supervisor_us;
  for (const double ms : measured.front().started_ms) constants.rank_us.push_back(1000 * ms);
  constants.network_us = assumed_network_us;
  const auto merge = measure_merge(scratch, options.quick);
  if (!merge) return merge.error();
  constants.merge_file_us = merge->file_us;
  constants.merge_event_us = merge->event_us;
  LIMELIGHT_TRY(measure_volume(options.config, scratch, options.quick, constants));
  measure_messages(constants);
  for (Measurement& row : beyond_rows(constants)) result.rows.push_back(std::move(row));
  result.notes = what_breaks(measured, constants, *merge, refused);
  if (options.plot.empty()) return {};
  std::ofstream out(options.plot);
  out << to_svg(scale_plot(measured, constants));
  if (!out.flush()) return Error{ErrorCode::io, options.plot.string() + ": cannot be written"};
  return {};
}

}  // namespace

Result<ScaleResult> bench_scale(const ScaleOptions& options) {
  ScaleResult result;
  std::vector<Measurement>& results = result.rows;
  const auto scratch = Scratch::make("bench");
  if (!scratch) return scratch.error();
  std::vector<double> starts, ends;
  std::string ranks;
  for (int round = 0; round < (options.quick ? 3 : 10); ++round) {
    const auto times = in_child([&] { return start_and_end(options.config); });
    if (!times) return times.error();
    starts.push_back(times->at(0));
    ends.push_back(times->at(1));
    ranks = whole(times->at(2));
  }
  results.push_back({"start", {{"ranks", ranks}}, quantile(starts, 0.5), "ms"});
  results.push_back({"end", {{"ranks", ranks}}, quantile(ends, 0.5), "ms"});
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
  LIMELIGHT_TRY(measure_many(options, *scratch, result));
  return result;
}

}  // namespace limelight::bench
