#include "cli/run_command.hpp"

#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <iostream>
#include <limelight/omni.hpp>
#include <limelight/trace.hpp>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "actors/formats/output_json.hpp"
#include "cli/end_signals.hpp"
#include "cli/log_stats.hpp"
#include "cli/pipeline_table.hpp"
#include "cli/profile_words.hpp"
#include "cli/progress_line.hpp"
#include "cli/refuse.hpp"
#include "cli/request_lines.hpp"
#include "cli/run_output.hpp"
#include "cli/run_spans.hpp"
#include "cli/stage_list.hpp"
#include "cli/statistics.hpp"
#include "cli/trace_command.hpp"
#include "profiling/record/clock.hpp"

namespace limelight::cli {

using nlohmann::json;

namespace {

// The errors of a run, or what stages remarked, each once, and no more than somebody reads.
class Problems {
 public:
  void add(const std::string& problem) {
    if (!seen_.insert(std::hash<std::string>()(problem)).second) return;
    if (++count_ <= most_shown) text_ += (text_.empty() ? "" : "\n") + problem;
  }
  bool empty() const noexcept { return count_ == 0; }
  std::string text() const {
    return count_ <= most_shown
               ? text_
               : text_ + "\nand " + std::to_string(count_ - most_shown) + " others";
  }

 private:
  static constexpr std::size_t most_shown = 10;
  std::set<std::size_t> seen_;
  std::size_t count_ = 0;
  std::string text_;
};

// The requests of a run, and where the answer to each of them stands among the outputs.
class Requests {
 public:
  static Result<Requests> read(const RunOptions& options, const stages::SamplingParams& params) {
    Requests requests;
    requests.system_ = options.system;
    requests.modalities_ = options.modalities;
    if (options.prompt.empty()) {
      auto lines = RequestLines::open(options.prompts_file, params);
      if (!lines) return lines.error();
      requests.lines_.emplace(std::move(lines).value());
      requests.answers_ = requests.lines_->answers();
    } else {
      requests.one_ = GenerateRequest{.prompt = options.prompt, .request_id = "0"};
      if (!options.media.empty()) {
        auto parts = read_media_files(options.media);
        if (!parts) return parts.error();
        parts->push_back({.text = std::move(requests.one_->prompt)});
        requests.one_->prompt.clear();
        requests.one_->messages = {{.role = "user", .parts = std::move(parts).value()}};
      }
      requests.answers_ = static_cast<std::size_t>(params.n);
    }
    return requests;
  }
  std::size_t answers() const noexcept { return answers_; }
  bool from_file() const noexcept { return lines_.has_value(); }

  Result<std::optional<GenerateRequest>> next(const stages::SamplingParams& params) {
    std::optional<GenerateRequest> request;
    if (lines_) {
      auto line = lines_->next(params);
      if (!line) return line.error();
      request = std::move(*line);
    } else {
      request = std::exchange(one_, std::nullopt);
      if (request) request->sampling_params = params;
    }
    if (!request) return request;
    add_system(system_, *request);
    if (request->modalities.empty()) request->modalities = modalities_;
    const int n = request->sampling_params->n;
    places_[request->request_id] = {asked_, n};
    asked_ += static_cast<std::size_t>(n);
    return request;
  }
  // Of the request that came last, as its line says it.
  std::string traceparent() const { return lines_ ? lines_->traceparent() : std::string(); }
  std::size_t place_of(const RequestOutput& output) {
    const auto at = places_.find(output.request_id);
    const std::size_t place = at->second.first + static_cast<std::size_t>(output.index);
    if (--at->second.left == 0) places_.erase(at);
    return place;
  }

 private:
  struct Place {
    std::size_t first;
    int left;  // answers that are not there yet
  };
  std::string system_;
  std::vector<std::string> modalities_;
  std::optional<RequestLines> lines_;
  std::optional<GenerateRequest> one_;
  std::map<std::string, Place> places_;
  std::size_t asked_ = 0, answers_ = 0;
};

}  // namespace

int run(const RunOptions& options) {
  log_as(options.log_format);
  EngineArgs args{.config = options.config,
                  .slow_request = options.slow_request,
                  .full_queue = options.full_queue,
                  .model = options.model,
                  .deploy_config = options.deploy_config,
                  .stage_overrides = options.stage_overrides,
                  .token_file = options.token_file,
                  .collect_traces = options.collect};
  if (options.check) {
    const auto pipeline = pipeline_of(args);
    if (!pipeline) return refuse("run", 2, pipeline.error().message);
    std::cout << describe(*pipeline);
    return 0;
  }
  const auto with_flags = [&](stages::SamplingParams params) {
    for (const auto& set : options.sampling) set(params);
    return params;
  };
  const stages::SamplingParams checked = with_flags({});
  if (const auto good = stages::check(checked); !good)
    return refuse("run", 2, good.error().message);
  auto requests = Requests::read(options, checked);
  if (!requests) return refuse("run", 2, requests.error().message);
  const bool profiled = !options.profile.empty();
  const auto stages = profiled ? read_stages(options.profile) : std::vector<int>();
  if (!stages) return refuse("run", 2, stages.error().message);
  auto out = RunOutput::create(options.output_dir, options.json);
  if (!out) return refuse("run", 1, out.error().message);
  auto spans =
      RunSpans::open(options.otlp_endpoint,
                     options.model.empty() ? options.config.stem().string() : options.model);
  if (!spans) return refuse("run", 2, spans.error().message);

  std::unique_ptr<TraceCommand> on_trace;
  if (!options.on_trace.empty()) {
    auto command = TraceCommand::make(options.on_trace, options.on_trace_time);
    if (!command) return refuse("run", 2, command.error().message);
    on_trace = std::move(command).value();
    args.on_trace = [&](const std::filesystem::path& file) { on_trace->add(file); };
  }
  args.profile_dir = options.profile_dir;
  args.profile_startup = options.profile_startup;
  args.will_profile = profiled;

  EndSignals signals;
  std::cerr << "starting the pipeline of "
            << (options.model.empty() ? options.config.string() : options.model) << "\n";
  auto omni = Omni::from_engine_args(args);
  if (!omni) return refuse("run", exit_code(omni.error()), omni.error().message);
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
    (*omni)->cancel("ended by " + name_signal(signal));
  });

  int code = 0;
  Problems problems, remarks;
  const auto fail = [&](int with, const std::string& what) {
    problems.add(what);
    code = with;
  };
  const auto start = std::chrono::steady_clock::now();
  std::filesystem::path trace_folder = options.profile_dir;
  if (trace_folder.empty()) trace_folder = (*omni)->config().profile_dir;
  if (trace_folder.empty()) trace_folder = "traces";
  std::set<std::filesystem::path> told;
  const auto tell_unfinished = [&] {
    for (const auto& left : profiling::unfinished_traces(trace_folder))
      if (told.insert(left).second)
        std::cerr << "a rank was killed while it was profiled; `limelight trace recover "
                  << left.string() << "` makes its trace readable\n";
  };
  if (profiled) tell_unfinished();
  bool records = false, request_came = false;
  if (profiled) {
    const auto started = (*omni)->start_profile(*stages, options.profile_options);
    records = started.ok();
    if (!started) fail(exit_code(started.error()), started.error().message);
  }
  Statistics statistics;
  std::optional<LogStats> stats;
  if (options.log_stats) stats.emplace(options.log_stats_interval);
  spans->set_stages((*omni)->config());
  if (problems.empty()) {
    const stages::SamplingParams params = with_flags((*omni)->default_sampling_params());
    const bool tells = !requests->from_file() && !options.json;
    const bool streams = tells && requests->answers() == 1;
    ProgressLine progress(stderr, isatty(STDERR_FILENO) != 0, requests->answers());
    bool given_up = false;
    (*omni)->generate_each(
        [&]() -> std::optional<GenerateRequest> {
          if (given_up) return std::nullopt;
          auto request = requests->next(params);
          if (request && *request)
            request_came =
                request_came || (*request)->request_id == options.profile_options.request_id;
          if (request && *request) spans->begin(**request, requests->traceparent());
          if (request) return std::move(*request);
          fail(2, request.error().message);
          return std::nullopt;
        },
        [&](RequestOutput output) {
          if (output.error.code != ErrorCode::none) fail(1, output.error.message);
          given_up = given_up || output.error.code == ErrorCode::rank_failed ||
                     output.error.code == ErrorCode::cancelled;
          const std::string traceparent = spans->end(output);
          if (const auto written = out->add(requests->place_of(output), output, traceparent);
              !written)
            fail(1, written.error().message);
          if (tells && !streams)
            std::cout << "answer " << output.index << ": " << output.text << "\n\n" << std::flush;
          for (const StageStats& stage : output.stages)
            for (const std::string& remark : stage.remarks)
              remarks.add("request " + output.request_id + ", stage " +
                          std::to_string(stage.stage_id) + ": " + remark);
          statistics.add(output);
          if (stats) stats->add(output);
        },
        [&](const Progress& p) {
          if (streams) std::cout << p.fresh_text << (p.done == p.total ? "\n\n" : "") << std::flush;
          else progress.show(p);
        });
    progress.end();
    stats.reset();
    if (const std::size_t rest = requests->answers() - statistics.requests(); rest > 0)
      problems.add(std::to_string(rest) + " of " + std::to_string(requests->answers()) +
                   " requests were not begun");
  }
  const double wall =
      std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
  std::vector<RankTrace> files;
  if (records) {  // also after a failure: what was recorded until then may explain it
    auto stopped = (*omni)->stop_profile();
    if (!stopped) fail(1, stopped.error().message);
    else {
      files = std::move(stopped).value();
      const ProfileWords words =
          describe_traces(files, options.profile_options, request_came, profiling::realtime_ns());
      for (const std::string& failure : words.failures) fail(1, failure);
      for (const std::string& remark : words.remarks) remarks.add(remark);
    }
  }
  signals.stop();
  omni->reset();
  if (profiled) tell_unfinished();
  if (on_trace)
    if (const std::size_t failed = on_trace->finish(); failed > 0)
      fail(1, "--on-trace: the command failed for " + std::to_string(failed) +
                  (failed == 1 ? " trace" : " traces"));

  if (const auto written = out->finish(); !written) fail(1, written.error().message);
  if (options.json) {
    json traces = json::array();
    for (const RankTrace& t : files) traces.push_back(formats::to_json(t));
    if (const auto written = out->write_json(stdout, traces, wall); !written)
      fail(1, written.error().message);
  } else {
    if (statistics.requests() > 0) std::cout << statistics.table(wall);
    bool any = false;
    for (const RankTrace& t : files) {
      if (t.error.code != ErrorCode::none) continue;
      any = true;
      for (const std::string& earlier : t.earlier_files)
        std::cout << "trace of " << whose(t) << ": " << earlier << "\n";
      std::cout << "trace of " << whose(t) << ": " << t.file.string() << ", " << t.events
                << " events, " << t.drops << " drops\n";
      if (!t.stacks.trigger.empty())
        std::cout << "stacks of " << whose(t) << ": " << t.stacks.file << ", " << t.stacks.samples
                  << " samples by " << t.stacks.trigger << ", " << t.stacks.drops << " drops\n";
    }
    if (any)
      std::cout
          << "open a trace at https://ui.perfetto.dev (Open trace file) or in chrome://tracing\n";
    if (statistics.requests() > 0 && !options.output_dir.empty())
      std::cout << "text, sound and outputs.jsonl: " << options.output_dir.string() << "\n";
  }
  if (!remarks.empty()) std::cerr << remarks.text() << "\n";
  return problems.empty() ? code : refuse("run", code, problems.text());
}

}  // namespace limelight::cli
