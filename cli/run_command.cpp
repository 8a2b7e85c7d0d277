#include "cli/run_command.hpp"

#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <iostream>
#include <limelight/omni.hpp>
#include <limelight/trace.hpp>
#include <nlohmann/json.hpp>

#include "cli/end_signals.hpp"
#include "cli/run_inputs.hpp"
#include "cli/run_outputs.hpp"
#include "cli/statistics.hpp"

namespace limelight::cli {

using nlohmann::json;

namespace {

int refuse(int code, const std::string& what) {
  std::cerr << "limelight run: " << what << "\n";
  return code;
}
int exit_code(const Error& error) {
  return error.code == ErrorCode::invalid_argument || error.code == ErrorCode::not_found ? 2 : 1;
}

std::string whose(const RankTrace& t) {
  return t.stage_id < 0
             ? "the orchestrator"
             : "rank " + std::to_string(t.rank) + " (stage " + std::to_string(t.stage_id) + ")";
}
// The line that says why a rank has no trace.
std::string failed_trace(const RankTrace& t) {
  return "no trace of " + whose(t) + ": " + t.error.message;
}
}  // namespace

int run(const RunOptions& options) {
  auto prompts = options.prompt.empty() ? read_prompts(options.prompts_file)
                                        : std::vector<std::string>{options.prompt};
  if (!prompts) return refuse(2, prompts.error().message);
  const auto stages = read_stages(options.profile);
  if (!stages) return refuse(2, stages.error().message);

  const bool profiled = !options.profile.empty();
  const std::filesystem::path trace_folder =
      profiled && options.profile_dir.empty() ? "traces" : options.profile_dir;

  EndSignals signals;
  const bool terminal = isatty(STDERR_FILENO) != 0;
  std::cerr << "starting the pipeline of " << options.config.string() << "\n";
  auto omni = Omni::from_engine_args({.config = options.config,
                                      .profile_dir = trace_folder,
                                      .slow_request = options.slow_request,
                                      .full_queue = options.full_queue});
  if (!omni) return refuse(exit_code(omni.error()), omni.error().message);
  signals.watch([&](int signal) {
    if (signal == SIGUSR2) {
      const auto dumped = (*omni)->dump_profile();
      if (!dumped) std::cerr << "flight recorder: " << dumped.error().message << "\n";
      else
        for (const RankTrace& t : *dumped)
          if (t.error.code != ErrorCode::none)
            std::cerr << "flight recorder of rank " << t.rank << ": " << t.error.message << "\n";
          else
            std::cerr << "flight recorder of rank " << t.rank << ": " << t.file.string() << ", "
                      << t.events << " events\n";
      return;
    }
    (*omni)->cancel(std::string("ended by ") + (signal == SIGINT ? "Ctrl-C" : "SIGTERM"));
  });

  int code = 0;
  json traces = json::array();
  std::vector<RequestOutput> outputs;
  std::string problem;
  const auto start = std::chrono::steady_clock::now();
  if (profiled)
    for (const auto& left : profiling::unfinished_traces(trace_folder))
      std::cerr << "a rank was killed while it was profiled; `limelight trace recover "
                << left.string() << "` makes its trace readable\n";
  if (profiled)
    if (auto started = (*omni)->start_profile(*stages, options.profile_options); !started) {
      problem = started.error().message;
      code = exit_code(started.error());
    }
  if (problem.empty()) {
    std::size_t shown = 0;
    const bool tells = prompts->size() == 1 && !options.json;
    outputs = (*omni)->generate(*prompts, {}, [&](const Progress& p) {
      if (tells) std::cout << p.fresh_text << (p.done == p.total ? "\n\n" : "") << std::flush;
      else if (terminal)
        std::fprintf(stderr, "\r%zu/%zu requests, %lu bytes of text, %.1f s of sound ", p.done,
                     p.total, p.text_bytes, static_cast<double>(p.audio_samples) / 24000);
      else if (p.done > shown) std::fprintf(stderr, "%zu/%zu requests\n", shown = p.done, p.total);
    });
    if (terminal && !tells) std::fprintf(stderr, "\n");
  }
  const double wall =
      std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
  for (const RequestOutput& out : outputs)
    if (out.error.code != ErrorCode::none) {
      code = 1;
      if (problem != out.error.message)
        problem += (problem.empty() ? "" : "\n") + out.error.message;
      if (out.error.code == ErrorCode::rank_failed || out.error.code == ErrorCode::cancelled) break;
    }
  std::vector<RankTrace> files;
  if (profiled && code != 2 && problem.empty()) {
    auto stopped = (*omni)->stop_profile();
    if (!stopped) problem = stopped.error().message, code = 1;
    else
      for (RankTrace& t : *stopped) {
        if (t.error.code != ErrorCode::none)
          problem += (problem.empty() ? "" : "\n") + failed_trace(t), code = 1;
        files.push_back(std::move(t));
      }
  }
  signals.stop();
  omni->reset();

  if (!options.output_dir.empty() && !outputs.empty())
    if (const auto wrote = write_outputs(options.output_dir, outputs); !wrote)
      problem = wrote.error().message, code = 1;
  if (options.json) {
    for (const RankTrace& t : files) traces.push_back(to_json(t));
    json requests = json::array();
    for (const RequestOutput& out : outputs) requests.push_back(to_json(out));
    std::cout << text_of({{"requests", requests}, {"traces", traces}, {"wall_ms", wall}}, 2)
              << "\n";
  } else if (!outputs.empty()) {
    std::cout << statistics_table(outputs, wall);
    for (const RankTrace& t : files)
      if (t.error.code == ErrorCode::none)
        std::cout << "trace of " << whose(t) << ": " << t.file.string() << ", " << t.events
                  << " events, " << t.drops << " drops\n";
    if (!files.empty())
      std::cout
          << "open a trace at https://ui.perfetto.dev (Open trace file) or in chrome://tracing\n";
    if (!options.output_dir.empty())
      std::cout << "text, sound and outputs.jsonl: " << options.output_dir.string() << "\n";
  }
  return problem.empty() ? code : refuse(code, problem);
}

}  // namespace limelight::cli
