#include "bench/profiler_pipeline.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <limelight/omni.hpp>
#include <random>

#include "base/try.hpp"
#include "bench/peer.hpp"
#include "bench/time.hpp"

namespace limelight::bench {

using namespace std::chrono_literals;

namespace {

Result<double> request_ms(Omni& omni) {
  stages::SamplingParams brief = omni.config().stages.front().sampling;
  brief.max_tokens = 8;
  const auto outputs = omni.generate({"What does a profiler cost?"}, brief);
  if (outputs[0].error.code != ErrorCode::none) return outputs[0].error;
  return outputs[0].e2e_time_ms;
}

// The mean of the middle half of the sample.
double midmean(std::vector<double> sample) {
  std::sort(sample.begin(), sample.end());
  const std::size_t cut = sample.size() / 4;
  double sum = 0;
  for (std::size_t i = cut; i < sample.size() - cut; ++i) sum += sample[i];
  return sum / static_cast<double>(sample.size() - 2 * cut);
}

// The midmean, and half the width of its 95 % confidence interval by bootstrap.
std::pair<double, double> estimate(const std::vector<double>& sample) {
  std::mt19937 random(1);
  std::vector<double> drawn;
  for (int i = 0; i < 1000; ++i) {
    std::vector<double> again;
    for (std::size_t n = 0; n < sample.size(); ++n)
      again.push_back(sample[random() % sample.size()]);
    drawn.push_back(midmean(std::move(again)));
  }
  return {midmean(sample), (quantile(drawn, 0.975) - quantile(drawn, 0.025)) / 2};
}

}  // namespace

Result<void> measure_detail(const ProfilerOptions& options,
                            const std::filesystem::path& folder,
                            std::vector<Measurement>& results) {
  auto omni = Omni::from_engine_args(
      {.config = options.config, .profile_dir = folder, .flight_recorder = 0ms});
  if (!omni) return omni.error();
  LIMELIGHT_TRY(request_ms(**omni));
  const std::vector<std::pair<const char*, ProfileOptions>> details{
      {"memory_overhead", {.with_memory = true}}, {"stack_overhead", {.with_stack = true}}};
  const int rounds = options.quick ? 9 : 150;
  for (const auto& [name, detail] : details) {
    std::vector<double> ms, slower_by;
    for (int turn = 0; turn < 2 * rounds + 1; ++turn) {
      LIMELIGHT_TRY((*omni)->start_profile({}, turn % 2 == 1 ? detail : ProfileOptions{}));
      const auto one = request_ms(**omni);
      auto stopped = (*omni)->stop_profile();
      if (!one) return one.error();
      if (!stopped) return stopped.error();
      for (const RankTrace& trace : *stopped)
        for (const auto& file : {trace.file, std::filesystem::path(trace.stacks.file)})
          if (!file.empty()) std::filesystem::remove(file);
      ms.push_back(*one);
    }
    for (std::size_t i = 1; i + 1 < ms.size(); i += 2)
      slower_by.push_back(100 * (2 * ms[i] / (ms[i - 1] + ms[i + 1]) - 1));
    const auto [value, half] = estimate(slower_by);
    char interval[32];
    std::snprintf(interval, sizeof interval, "%.2f", half);
    results.push_back({name,
                       {{"rounds", std::to_string(rounds)}, {"ci95", interval}},
                       value,
                       "%",
                       "",
                       std::nullopt});
  }
  return {};
}

Result<void> measure_overhead(const ProfilerOptions& options,
                              const std::filesystem::path& folder,
                              std::vector<Measurement>& results) {
  auto omni = Omni::from_engine_args(
      {.config = options.config, .profile_dir = folder, .flight_recorder = 0ms});
  if (!omni) return omni.error();
  LIMELIGHT_TRY(request_ms(**omni));
  // The speed of a machine changes over seconds. Each request is therefore compared with the
  // requests before and after it, which are not recorded.
  enum Arm { off, flight, profiled, arms };
  constexpr Arm turns[]{off, flight, off, profiled};
  const int rounds = options.quick ? 9 : 150;
  std::vector<std::pair<Arm, double>> requests;
  std::vector<double> accounted;
  std::uint64_t events = 0, bytes = 0;
  for (int turn = 0; turn < rounds * std::ssize(turns) + 1; ++turn) {
    const Arm arm = turns[turn % std::ssize(turns)];
    LIMELIGHT_TRY((*omni)->set_flight_recorder(arm == off ? 0ms : 10'000ms));
    if (arm == profiled) LIMELIGHT_TRY((*omni)->start_profile());
    const auto one = request_ms(**omni);
    if (!one) return one.error();
    requests.emplace_back(arm, *one);
    if (arm != profiled) continue;
    auto stopped = (*omni)->stop_profile();
    if (!stopped) return stopped.error();
    double sum = 0;
    for (const RankTrace& trace : *stopped) {
      if (trace.error.code != ErrorCode::none) return trace.error;
      sum += trace.overhead_percent();
      events += trace.events;
      bytes += trace.bytes;
      std::filesystem::remove(trace.file);
    }
    accounted.push_back(sum);
  }
  std::vector<double> ms[arms], slower_by[arms];
  for (std::size_t i = 0; i < requests.size(); ++i) {
    const auto [arm, took] = requests[i];
    ms[arm].push_back(took);
    if (arm != off)
      slower_by[arm].push_back(100 *
                               (2 * took / (requests[i - 1].second + requests[i + 1].second) - 1));
  }
  omni->reset();
  const auto torch = run_peer("torch_profiler.py", {options.quick ? "1" : "10"});
  const auto add = [&](const char* name, Arm arm, const std::optional<double>& peer) {
    const auto [value, half] = estimate(slower_by[arm]);
    char interval[32];
    std::snprintf(interval, sizeof interval, "%.2f", half);
    results.push_back({name,
                       {{"rounds", std::to_string(rounds)}, {"ci95", interval}},
                       value,
                       "%",
                       peer ? "torch.profiler" : "",
                       peer});
  };
  add("overhead", profiled,
      torch ? std::optional(torch->value("overhead_percent", 0.0)) : std::nullopt);
  add("flight_overhead", flight, std::nullopt);
  const std::vector<std::pair<std::string, std::string>> params{{"rounds", std::to_string(rounds)}};
  results.push_back(
      {"overhead_accounted", params, quantile(accounted, 0.5), "%", "", std::nullopt});
  results.push_back({"request", params, quantile(ms[profiled], 0.5), "ms", "not profiled",
                     quantile(ms[off], 0.5)});
  results.push_back(
      {"bytes_per_event",
       {{"source", "pipeline"}},
       static_cast<double>(bytes) / static_cast<double>(std::max<std::uint64_t>(events, 1)),
       "B",
       "",
       std::nullopt});
  if (torch)
    results.push_back({"torch_stop", {}, torch->value("stop_ms", 0.0), "ms", "", std::nullopt});
  return {};
}

}  // namespace limelight::bench
