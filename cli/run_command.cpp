#include "cli/run_command.hpp"

#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <limelight/omni.hpp>
#include <limelight/trace.hpp>
#include <nlohmann/json.hpp>
#include <sstream>

#include "cli/end_signals.hpp"
#include "cli/statistics.hpp"
#include "cli/wav.hpp"

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

// Reads one JSON object with the key "prompt" from each line. Returns an error text; empty: none.
std::string read_prompts(const std::filesystem::path& file, std::vector<std::string>& prompts) {
  std::ifstream in(file);
  if (!in) return file.string() + ": cannot read the file of prompts";
  int number = 0;
  for (std::string line; std::getline(in, line);) {
    ++number;
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    const json parsed = json::parse(line, nullptr, false);
    const std::string where = file.string() + ":" + std::to_string(number) + ": ";
    if (parsed.is_discarded() || !parsed.is_object())
      return where + "found no JSON object, expected {\"prompt\": \"...\"}";
    if (!parsed.contains("prompt") || !parsed["prompt"].is_string())
      return where + "key 'prompt': found no text, expected a string";
    prompts.push_back(parsed["prompt"]);
  }
  return prompts.empty()
             ? file.string() + ": found no prompt, expected one JSON object in each line"
             : "";
}

std::string read_stages(const std::string& list, std::vector<int>& stages) {
  if (list == "all") return "";
  std::istringstream in(list);
  for (std::string word; std::getline(in, word, ',');) {
    char* end = nullptr;
    const long value = std::strtol(word.c_str(), &end, 10);
    if (word.empty() || *end != '\0' || value < 0)
      return "--profile: found '" + list + "', expected 'all' or stage ids such as 0,2";
    stages.push_back(static_cast<int>(value));
  }
  return "";
}

json to_json(const RequestOutput& out) {
  json stages = json::array(), transfers = json::array();
  std::uint64_t bytes = 0;
  double transfer_ms = 0;
  for (const StageStats& s : out.stages)
    stages.push_back(
        {{"stage_id", s.stage_id},
         {"request_id", out.request_id},
         {"batch_size", 1},
         {"num_tokens_out", s.num_tokens_out},
         {"stage_gen_time_ms", s.stage_gen_time_ms},
         {"tokens_per_s", s.stage_gen_time_ms > 0
                              ? static_cast<double>(s.num_tokens_out) / s.stage_gen_time_ms * 1000
                              : 0}});
  for (const TransferStats& t : out.transfers) {
    transfers.push_back({{"from_stage", t.from_stage},
                         {"to_stage", t.to_stage},
                         {"request_id", out.request_id},
                         {"chunks", t.chunks},
                         {"size_bytes", t.size_bytes},
                         {"tx_time_ms", t.tx_time_ms},
                         {"in_flight_time_ms", t.in_flight_time_ms},
                         {"rx_decode_time_ms", t.rx_decode_time_ms},
                         {"total_time_ms", t.total_time_ms()}});
    bytes += t.size_bytes;
    transfer_ms += t.total_time_ms();
  }
  json result{{"request_id", out.request_id},
              {"prompt", out.prompt},
              {"text", out.text},
              {"audio_samples", out.audio.size()},
              {"e2e_time_ms", out.e2e_time_ms},
              {"transfers_total_bytes", bytes},
              {"transfers_total_time_ms", transfer_ms},
              {"stages", stages},
              {"transfers", transfers}};
  if (out.error.code != ErrorCode::none)
    result["error"] = {{"code", to_string(out.error.code)}, {"message", out.error.message}};
  return result;
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
json to_json(const RankTrace& t) {
  json result{{"rank", t.rank},     {"stage_id", t.stage_id}, {"file", t.file.string()},
              {"events", t.events}, {"drops", t.drops},       {"bytes", t.bytes}};
  if (t.error.code != ErrorCode::none)
    result["error"] = {{"code", to_string(t.error.code)}, {"message", t.error.message}};
  return result;
}

std::string write_outputs(const std::filesystem::path& folder,
                          const std::vector<RequestOutput>& outputs) {
  std::error_code failed;
  std::filesystem::create_directories(folder, failed);
  if (failed) return folder.string() + ": cannot make the output folder: " + failed.message();
  std::ofstream lines(folder / "outputs.jsonl");
  for (const RequestOutput& out : outputs) {
    lines << to_json(out).dump(-1, ' ', false, json::error_handler_t::replace) << "\n";
    std::ofstream(folder / (out.request_id + ".txt")) << out.text << "\n";
    if (!out.audio.empty())
      if (auto written = write_wav(folder / (out.request_id + ".wav"), out.audio); !written)
        return written.error().message;
  }
  return lines.flush() ? "" : folder.string() + ": cannot write outputs.jsonl";
}

}  // namespace

int run(const RunOptions& options) {
  std::vector<std::string> prompts;
  std::vector<int> stages;
  if (!options.prompt.empty()) prompts.push_back(options.prompt);
  else if (const std::string wrong = read_prompts(options.prompts_file, prompts); !wrong.empty())
    return refuse(2, wrong);
  if (const std::string wrong = read_stages(options.profile, stages); !wrong.empty())
    return refuse(2, wrong);

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
    if (auto started = (*omni)->start_profile(stages, options.profile_options); !started) {
      problem = started.error().message;
      code = exit_code(started.error());
    }
  if (problem.empty()) {
    std::size_t shown = 0;
    const bool tells = prompts.size() == 1 && !options.json;
    outputs = (*omni)->generate(prompts, {}, [&](const Progress& p) {
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
    if (const std::string wrong = write_outputs(options.output_dir, outputs); !wrong.empty())
      problem = wrong, code = 1;
  if (options.json) {
    for (const RankTrace& t : files) traces.push_back(to_json(t));
    json requests = json::array();
    for (const RequestOutput& out : outputs) requests.push_back(to_json(out));
    std::cout << json{{"requests", requests}, {"traces", traces}, {"wall_ms", wall}}.dump(
                     2, ' ', false, json::error_handler_t::replace)
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
