#include "bench/profiler_instructions.hpp"

#include <cmath>
#include <cstdio>
#include <fstream>
#include <limelight/omni.hpp>
#include <string>

#include "base/helper.hpp"
#include "base/subprocess.hpp"
#include "base/try.hpp"

namespace limelight::bench {

using namespace std::chrono_literals;

namespace {

constexpr int counted_tokens = 8;
constexpr const char* counted_details[] = {"", "step", "block", "op"};  // "": not profiled

// A rank under callgrind: its place is taken by a script that starts it so.
Result<std::filesystem::path> counted_rank(const std::filesystem::path& folder) {
  const auto rank = find_helper("limelight-rank");
  if (!rank) return rank.error();
  const auto script = folder / "counted-rank";
  std::ofstream(script) << "#!/bin/sh\nexec valgrind --tool=callgrind --callgrind-out-file="
                        << (folder / "counts.%p").string() << " " << rank->string() << " \"$@\"\n";
  std::filesystem::permissions(script, std::filesystem::perms::owner_all);
  return script;
}

// Tells callgrind in each rank to begin at 0, or to write what it has counted since.
Result<void> tell_callgrind(const Omni& omni, const char* what) {
  for (int rank = 0; rank < omni.config().world_size(); ++rank) {
    const auto told =
        run_program("vgdb", {"--pid=" + std::to_string(omni.rank_pid(rank)), what}, 60s);
    if (!told) return told.error();
    if (!told->good) return Error{ErrorCode::internal, "vgdb " + told->cause + ": " + told->output};
  }
  return {};
}

// The instructions of all ranks that callgrind has written since the last call.
double take_instructions(const std::filesystem::path& folder) {
  double sum = 0;
  std::vector<std::filesystem::path> read;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (!entry.path().filename().string().starts_with("counts.")) continue;
    std::ifstream in(entry.path());
    bool found = false;
    for (std::string line; std::getline(in, line);)
      if (line.starts_with("totals: ")) {
        sum += std::stod(line.substr(8));
        found = true;
      }
    if (found) read.push_back(entry.path());
  }
  for (const auto& file : read) std::filesystem::remove(file);
  return sum;
}

struct OfRequest {
  double instructions = 0, events = 0;
};

// Of one of some requests, profiled with this detail or not.
Result<OfRequest> count_requests(Omni& omni,
                                 const std::filesystem::path& folder,
                                 const std::string& detail,
                                 int requests) {
  if (!detail.empty()) LIMELIGHT_TRY(omni.start_profile({}, {.detail = detail}));
  stages::SamplingParams brief = omni.config().stages.front().sampling;
  brief.max_tokens = counted_tokens;
  brief.ignore_eos = true;
  LIMELIGHT_TRY(tell_callgrind(omni, "zero"));
  for (int i = 0; i < requests; ++i) {
    const auto outputs = omni.generate({"What does a profiler cost?"}, brief);
    if (outputs[0].error.code != ErrorCode::none) return outputs[0].error;
  }
  double events = 0;
  if (!detail.empty()) {
    // With what is left to write.
    const auto traces = omni.stop_profile();
    if (!traces) return traces.error();
    for (const RankTrace& trace : *traces) {
      events += static_cast<double>(trace.events);
      std::filesystem::remove(trace.file);
    }
  }
  LIMELIGHT_TRY(tell_callgrind(omni, "dump"));
  const double instructions = take_instructions(folder);
  if (instructions == 0)
    return Error{ErrorCode::internal, "callgrind has written no counts of a rank"};
  return OfRequest{instructions / requests, events / requests};
}

// Half of the interval that holds the mean in 95 of 100 cases (Student), for few values.
double half_interval(const std::vector<double>& values) {
  constexpr double quantiles[] = {0, 12.71, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365};
  const std::size_t n = values.size();
  if (n < 2) return 0;
  double mean = 0, squares = 0;
  for (const double value : values) mean += value / static_cast<double>(n);
  for (const double value : values) squares += (value - mean) * (value - mean);
  const double quantile = n - 1 < std::size(quantiles) ? quantiles[n - 1] : 2;
  return quantile * std::sqrt(squares / static_cast<double>(n - 1) / static_cast<double>(n));
}

}  // namespace

Result<void> measure_instructions(const ProfilerOptions& options,
                                  const std::filesystem::path& folder,
                                  std::vector<Measurement>& results) {
  const auto valgrind = run_program("valgrind", {"--version"}, 20s);
  if (!valgrind || !valgrind->good) return {};
  const auto rank = counted_rank(folder);
  if (!rank) return rank.error();
  auto omni = Omni::from_engine_args({.config = options.config,
                                      .profile_dir = folder / "counted-traces",
                                      .rank_timeout = 300s,
                                      .flight_recorder = 0ms,
                                      .rank_executable = *rank});
  if (!omni) return omni.error();
  LIMELIGHT_TRY(count_requests(**omni, folder, "op", 1));  // finds cold caches
  const int requests = 2, rounds = options.quick ? 3 : 6;
  std::vector<double> percent[std::size(counted_details)], added[std::size(counted_details)];
  double events[std::size(counted_details)] = {};
  for (int round = 0; round < rounds; ++round) {
    double plain = 0;
    for (std::size_t d = 0; d < std::size(counted_details); ++d) {
      const auto one = count_requests(**omni, folder, counted_details[d], requests);
      if (!one) return one.error();
      if (d == 0) plain = one->instructions;
      added[d].push_back(one->instructions - plain);
      percent[d].push_back(100 * (one->instructions / plain - 1));
      events[d] = one->events;
    }
  }
  for (std::size_t d = 1; d < std::size(counted_details); ++d) {
    const auto mean = [](const std::vector<double>& values) {
      double sum = 0;
      for (const double value : values) sum += value;
      return sum / static_cast<double>(values.size());
    };
    char interval[32], more[32], count[32];
    std::snprintf(interval, sizeof interval, "%.3f", half_interval(percent[d]));
    std::snprintf(more, sizeof more, "%.0f", mean(added[d]));
    std::snprintf(count, sizeof count, "%.0f", events[d]);
    results.push_back({"instructions",
                       {{"detail", counted_details[d]},
                        {"events", count},
                        {"added", more},
                        {"rounds", std::to_string(rounds)},
                        {"ci95", interval}},
                       mean(percent[d]),
                       "%"});
  }
  return {};
}

}  // namespace limelight::bench
