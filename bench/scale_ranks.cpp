#include "bench/scale_ranks.hpp"

#include <sys/statvfs.h>
#include <unistd.h>

#include <chrono>
#include <limelight/omni.hpp>
#include <optional>
#include <thread>

#include "bench/child_numbers.hpp"
#include "bench/loopback.hpp"
#include "bench/report.hpp"
#include "bench/small_stages.hpp"
#include "bench/time.hpp"

namespace limelight::bench {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

namespace {

constexpr double mib = 1 << 20;
constexpr std::size_t about_a_question = 300;

std::string replicas_config(int ranks) {
  return "stage_args:\n  - stage_id: 0\n    num_replicas: " + std::to_string(ranks) + R"(
    engine_args: {model_stage: thinker, load_format: dummy,
        model_shape: {layers: 1, hidden: 64, heads: 2, kv_heads: 2, head_dim: 32, mlp: 64,
          vocab: 256, max_model_len: 64}}
    final_output: true
)";
}

std::string mesh_config(int replicas) {
  const std::string count = std::to_string(replicas);
  return "stage_args:\n  - stage_id: 0\n    num_replicas: " + count + R"(
    engine_args: {model_stage: thinker, load_format: dummy,
        model_shape: {layers: 1, hidden: 32, heads: 2, kv_heads: 2, head_dim: 16, mlp: 32,
          vocab: 256, max_model_len: 64}}
    default_sampling_params: {max_tokens: 4, ignore_eos: true}
  - stage_id: 1
    num_replicas: )" +
         count + R"(
    engine_args: {model_stage: talker, load_format: dummy,
        model_shape: {layers: 1, hidden: 32, heads: 2, kv_heads: 2, head_dim: 16, mlp: 32,
          input_hidden: 32, codebooks: 1, codebook_size: 16, chunk_frames: 2, max_model_len: 64}}
    engine_input_source: [0]
    default_sampling_params: {max_tokens: 4}
)" + small_code2wav_yaml;
}

double shm_used_mib() {
  struct statvfs space {};
  if (::statvfs("/dev/shm", &space) != 0) return 0;
  return static_cast<double>(space.f_blocks - space.f_bfree) * static_cast<double>(space.f_frsize) /
         mib;
}

std::vector<double> echoes_ms(int ranks, int times) {
  std::vector<double> ms;
  auto echoes = Echoes::start(ranks);
  for (int i = 0; echoes && i < times; ++i) {
    const auto start = Clock::now();
    echoes->ask(about_a_question);
    ms.push_back(ms_since(start));
  }
  return ms;
}

// The numbers of RanksMeasured in their order, each list with its length before it.
Result<std::vector<double>> numbers_of_ranks(const std::filesystem::path& config,
                                             const std::filesystem::path& traces,
                                             int ranks,
                                             bool quick) {
  const int times = quick ? 8 : 40;
  const std::vector<double> echo = echoes_ms(ranks, times);
  const double shm_before = shm_used_mib();
  auto begun = Clock::now();
  auto started = Omni::from_engine_args({.config = config, .profile_dir = traces});
  if (!started) return started.error();
  Omni& omni = **started;
  std::vector<double> all{ms_since(begun), 0};
  std::this_thread::sleep_for(500ms);
  std::vector<double> anonymous;
  for (int rank = 0; rank < ranks; ++rank)
    anonymous.push_back(anonymous_bytes(omni.rank_pid(rank)) / mib);
  all.insert(all.end(), {quantile(anonymous, 0.5), anonymous_bytes(getpid()) / mib,
                         shm_used_mib() - shm_before});
  const auto pids = processes(omni);
  const double cpu_before = cpu_ms(pids);
  begun = Clock::now();
  std::this_thread::sleep_for(quick ? 2s : 8s);
  all.push_back(100 * (cpu_ms(pids) - cpu_before) / ms_since(begun) / ranks);
  std::vector<double> starts, stops;
  double own = 0;
  for (int i = -1; i < times; ++i) {
    const double own_before = cpu_ms(getpid());
    begun = Clock::now();
    const auto start = omni.start_profile();
    const double took = ms_since(begun);
    if (!start) return start.error();
    begun = Clock::now();
    const auto stop = omni.stop_profile();
    const double stopped = ms_since(begun);
    if (!stop) return stop.error();
    for (const RankTrace& trace : *stop) std::filesystem::remove(trace.file);
    if (i < 0) continue;  // the first one finds cold caches
    own += cpu_ms(getpid()) - own_before;
    starts.push_back(took);
    stops.push_back(stopped);
  }
  all.push_back(1000 * own / (2.0 * times * ranks));
  begun = Clock::now();
  started->reset();
  all[1] = ms_since(begun);
  for (const auto& list : {starts, stops, echo}) {
    all.push_back(static_cast<double>(list.size()));
    all.insert(all.end(), list.begin(), list.end());
  }
  return all;
}

}  // namespace

Result<RanksMeasured> measure_ranks(const Scratch& scratch, int ranks, bool quick) {
  const auto config = scratch.write("ranks.yaml", replicas_config(ranks));
  const auto numbers =
      in_child([&] { return numbers_of_ranks(config, scratch.path / "traces", ranks, quick); });
  if (!numbers) return numbers.error();
  const std::vector<double>& n = *numbers;
  RanksMeasured measured{.ranks = ranks,
                         .start_ms = n[0],
                         .end_ms = n[1],
                         .rank_mib = n[2],
                         .orchestrator_mib = n[3],
                         .shm_mib = n[4],
                         .idle_percent = n[5],
                         .supervisor_us = n[6],
                         .started_ms = {},
                         .stopped_ms = {},
                         .echo_ms = {}};
  auto at = n.begin() + 7;
  for (auto* list : {&measured.started_ms, &measured.stopped_ms, &measured.echo_ms}) {
    const auto count = static_cast<std::ptrdiff_t>(*at++);
    list->assign(at, at + count);
    at += count;
  }
  return measured;
}

Result<HandOffMeasured> measure_hand_off(const Scratch& scratch, int replicas) {
  const auto config = scratch.write("mesh.yaml", mesh_config(replicas));
  const auto numbers = in_child([&]() -> Result<std::vector<double>> {
    auto omni = Omni::from_engine_args({.config = config});
    if (!omni) return omni.error();
    std::vector<double> in_flight;
    int left = 8 * replicas;
    Error failed{ErrorCode::none, {}};
    (*omni)->generate_each(
        [&]() -> std::optional<GenerateRequest> {
          if (left-- <= 0) return {};
          return GenerateRequest{.prompt = "What does a hand-off cost?"};
        },
        [&](const RequestOutput& output) {
          if (output.error.code != ErrorCode::none) failed = output.error;
          for (const TransferStats& hop : output.transfers)
            if (hop.chunks > 0)
              in_flight.push_back(1000 * hop.in_flight_time_ms / static_cast<double>(hop.chunks));
        });
    if (failed.code != ErrorCode::none) return failed;
    if (in_flight.empty()) return Error{ErrorCode::internal, "no chunk was handed over"};
    return std::vector<double>{static_cast<double>((*omni)->config().world_size()),
                               quantile(in_flight, 0.5)};
  });
  if (!numbers) return numbers.error();
  return HandOffMeasured{.ranks = static_cast<int>(numbers->at(0)),
                         .channels = replicas * replicas + 2 * replicas,
                         .in_flight_us = numbers->at(1)};
}

}  // namespace limelight::bench
