// How soon ranks acknowledge start_profile, and what of it is the machine's: the same question to
// as many processes that echo it, in the same state of the machine.
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <fstream>
#include <limelight/omni.hpp>
#include <thread>

#include "base/try.hpp"
#include "bench/child_numbers.hpp"
#include "bench/loopback.hpp"
#include "bench/profiler_pipeline.hpp"
#include "bench/small_stages.hpp"
#include "bench/time.hpp"
#include "profiling/capture/flight_recorder.hpp"
#include "profiling/capture/session.hpp"
#include "profiling/record/clock.hpp"

namespace limelight::bench {

namespace prof = limelight::profiling;
using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

namespace {

// Eight ranks with little to compute, with small_code2wav_yaml behind it.
constexpr const char* eight_ranks = R"(stage_args:
  - stage_id: 0
    engine_args: {model_stage: thinker, load_format: dummy, tensor_parallel_size: 6,
        model_shape: {layers: 1, hidden: 96, heads: 6, kv_heads: 6, head_dim: 16, mlp: 96,
          vocab: 256, max_model_len: 64}}
    final_output: true
    final_output_type: text
    default_sampling_params: {max_tokens: 2}
  - stage_id: 1
    engine_args: {model_stage: talker, load_format: dummy,
        model_shape: {layers: 1, hidden: 32, heads: 2, kv_heads: 2, head_dim: 16, mlp: 32,
          input_hidden: 96, codebooks: 1, codebook_size: 16, chunk_frames: 2, max_model_len: 64}}
    engine_input_source: [0]
    default_sampling_params: {max_tokens: 2}
)";

constexpr int acknowledging_ranks = 8;
constexpr std::size_t about_a_message = 300;

// A process that computes, at the usual priority, as long as the object lives.
class Busy {
 public:
  Busy() : pid_(::fork()) {
    if (pid_ != 0) return;
    for (;;) asm volatile("");
  }
  ~Busy() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  Busy(const Busy&) = delete;

 private:
  pid_t pid_;
};

struct MachineState {
  const char* name;
  std::chrono::milliseconds idle;  // before each question
  bool busy;                       // another process computes
};
constexpr MachineState machine_states[] = {
    {"at_once", 0ms, false}, {"after_10_ms", 10ms, false}, {"other_core_busy", 0ms, true}};

template <class Ask>
Result<std::vector<double>> times_of(const MachineState& state, int times, Ask ask) {
  std::optional<Busy> busy;
  if (state.busy) busy.emplace();
  std::vector<double> ms;
  for (int i = 0; i < times; ++i) {
    std::this_thread::sleep_for(state.idle);
    const Result<double> one = ask();
    if (!one) return one.error();
    ms.push_back(*one);
  }
  return ms;
}

Result<double> echo_once(Echoes& echoes) {
  const auto start = Clock::now();
  echoes.ask(about_a_message);
  return ms_since(start);
}

// What a rank does for a start and a stop: every second question is a stop. The file goes.
Echoes::Work session_of(const std::filesystem::path& folder, int rank) {
  prof::enable_flight_recorder({});  // as a rank has one
  return [folder, rank, session = std::shared_ptr<prof::Session>(), count = 0]() mutable {
    if (session) {
      if (const auto report = session->stop()) std::filesystem::remove(report->file);
      session.reset();
      return;
    }
    auto started = prof::Session::start({.directory = folder,
                                         .timestamp = std::to_string(2'000'000 + ++count),
                                         .rank = rank,
                                         .world_size = acknowledging_ranks,
                                         .stage_id = 0,
                                         .stage_name = "bench",
                                         .base_ns = prof::default_base_ns()});
    if (started) session = std::move(*started);
  };
}

Result<double> pipeline_once(Omni& omni) {
  const auto start = Clock::now();
  const auto started = omni.start_profile();
  const double ms = ms_since(start);
  if (!started) return started.error();
  if (started->size() != acknowledging_ranks)
    return Error{ErrorCode::internal,
                 "expected the answers of 8 ranks, found " + std::to_string(started->size())};
  const auto stopped = omni.stop_profile();
  if (!stopped) return stopped.error();
  for (const RankTrace& trace : *stopped) std::filesystem::remove(trace.file);
  return ms;
}

}  // namespace

Result<void> measure_acknowledgement(const std::filesystem::path& folder,
                                     bool quick,
                                     std::vector<Measurement>& results) {
  const int times = quick ? 60 : 300;
  std::vector<std::vector<double>> echo, sessions, all;
  {
    auto echoes = Echoes::start(acknowledging_ranks);
    if (!echoes) return echoes.error();
    for (const MachineState& state : machine_states) {
      auto ms = times_of(state, times, [&] { return echo_once(*echoes); });
      if (!ms) return ms.error();
      echo.push_back(std::move(*ms));
    }
  }
  {
    auto echoes = Echoes::start(acknowledging_ranks,
                                [&](int rank) { return session_of(folder / "sessions", rank); });
    if (!echoes) return echoes.error();
    for (const MachineState& state : machine_states) {
      auto ms = times_of(state, times, [&] {
        auto one = echo_once(*echoes);
        echoes->ask(about_a_message);  // the stop
        return one;
      });
      if (!ms) return ms.error();
      sessions.push_back(std::move(*ms));
    }
  }
  const auto config = folder / "eight_ranks.yaml";
  std::ofstream(config) << eight_ranks << small_code2wav_yaml;
  auto omni = Omni::from_engine_args({.config = config, .profile_dir = folder / "ack"});
  if (!omni) return omni.error();
  for (const MachineState& state : machine_states) {
    auto ms = times_of(state, times, [&] { return pipeline_once(**omni); });
    if (!ms) return ms.error();
    all.push_back(std::move(*ms));
  }
  for (std::size_t i = 0; i < std::size(machine_states); ++i) {
    const std::vector<std::pair<std::string, std::string>> params{
        {"ranks", std::to_string(acknowledging_ranks)},
        {"times", std::to_string(times)},
        {"state", machine_states[i].name}};
    for (const auto& [name, q] : {std::pair("_p50", 0.5), std::pair("", 0.99)}) {
      const std::string suffix(name);
      results.push_back({"acknowledged" + suffix, params, quantile(all[i], q), "ms",
                         "echo over TCP", quantile(echo[i], q)});
      results.push_back({"acknowledged" + suffix, params, quantile(all[i], q), "ms",
                         "echo that starts a session", quantile(sessions[i], q)});
    }
  }
  return {};
}

}  // namespace limelight::bench
