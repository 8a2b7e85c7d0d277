#include "bench/load/pipeline_load.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <iostream>
#include <limelight/async_omni.hpp>
#include <limelight/task.hpp>
#include <mutex>
#include <nlohmann/json.hpp>

#include "base/try.hpp"
#include "bench/load/progress_bar.hpp"
#include "bench/load/rank_usage.hpp"
#include "bench/load/sample.hpp"

namespace limelight::bench {

using Clock = std::chrono::steady_clock;
using nlohmann::ordered_json;

namespace {

class Clients {
 public:
  Clients(AsyncOmni& omni, const PipelineLoadOptions& options) : omni_(omni), options_(options) {}

  // As many clients as are asked for, each with one request open, until the plan is done.
  std::vector<RequestTimes> serve(const std::vector<PlannedRequest>& plan,
                                  std::size_t clients,
                                  ProgressBar* bar) {
    plan_ = &plan;
    if (bar_ != bar) ended_ = failed_ = 0;
    bar_ = bar;
    all_.assign(plan.size(), {});
    next_ = 0;
    start_ = Clock::now();
    std::vector<Task<void>> running;
    for (std::size_t i = 0; i < std::min(clients, plan.size()); ++i) running.push_back(client());
    for (auto& one : running) one.get();
    return std::move(all_);
  }

 private:
  double now() const { return std::chrono::duration<double>(Clock::now() - start_).count(); }

  GenerateRequest request_for(const PlannedRequest& planned) const {
    GenerateRequest request;
    request.prompt = planned.prompt;
    stages::SamplingParams sampling = omni_.default_sampling_params();
    if (options_.temperature >= 0)
      sampling.temperature = static_cast<decltype(sampling.temperature)>(options_.temperature);
    sampling.max_tokens = planned.output_len;
    sampling.ignore_eos = options_.ignore_eos;
    request.sampling_params = sampling;
    return request;
  }
  static void add_stages(const RequestOutput& output, RequestTimes& times) {
    for (const StageStats& stage : output.stages)
      times.stages["stage_" + std::to_string(stage.stage_id) + "_gen_ms"] +=
          stage.stage_gen_time_ms;
    for (const TransferStats& hop : output.transfers)
      if (hop.from_stage != TransferStats::from_request)
        times.stages["transfer_" + std::to_string(hop.from_stage) + "_" +
                     std::to_string(hop.to_stage) + "_ms"] += hop.total_time_ms();
  }

  // Runs on the caller's thread until it first waits, then on the one of AsyncOmni.
  Task<void> client() {
    for (std::size_t mine; (mine = next_.fetch_add(1)) < plan_->size();) {
      RequestTimes times{.start = now()};
      auto stream = omni_.generate(request_for((*plan_)[mine]));
      while (auto part = co_await stream.next()) {
        const double at = now();
        if (!part->text.empty()) {
          times.texts.push_back(at);
          times.text += part->text;
        }
        if (!part->audio.empty())
          times.sound.add(at, static_cast<double>(part->audio.size()) / part->sample_rate);
        if (!part->finished) continue;
        if (part->error.code != ErrorCode::none) times.error = part->error.message;
        times.prompt_tokens = part->answer.prompt_tokens;
        times.output_tokens = part->answer.output_tokens;
        add_stages(*part, times);
      }
      times.end = now();
      times.success = times.error.empty();
      const std::lock_guard lock(mutex_);
      ++ended_;
      failed_ += !times.success;
      all_[mine] = std::move(times);
      if (bar_ != nullptr) bar_->show(ended_, failed_);
    }
  }

  AsyncOmni& omni_;
  const PipelineLoadOptions& options_;
  const std::vector<PlannedRequest>* plan_ = nullptr;
  ProgressBar* bar_ = nullptr;
  std::mutex mutex_;
  std::vector<RequestTimes> all_;
  std::atomic<std::size_t> next_{0};
  std::size_t ended_ = 0, failed_ = 0;
  Clock::time_point start_;
};

std::vector<ProcessUsage> usage_of_ranks(const AsyncOmni& omni) {
  std::vector<ProcessUsage> all;
  for (int rank = 0; rank < omni.config().world_size(); ++rank)
    all.push_back(usage_of(omni.rank_pid(rank)));
  return all;
}

// A named object: see AsyncOmni::start_profile().
Task<Result<std::vector<RankTrace>>> start_profile(AsyncOmni& omni,
                                                   const std::vector<int>& stages) {
  StageIds ids;
  ids.ids = stages;
  const ProfileOptions how;
  co_return co_await omni.start_profile(ids, how);
}
Task<Result<std::vector<RankTrace>>> stop_profile(AsyncOmni& omni) {
  co_return co_await omni.stop_profile();
}

ordered_json traces_json(const Result<std::vector<RankTrace>>& traces) {
  ordered_json all = ordered_json::array();
  if (!traces) return {{"profile_error", traces.error().message}};
  for (const RankTrace& trace : *traces) {
    ordered_json one{{"rank", trace.rank},          {"stage_id", trace.stage_id},
                     {"file", trace.file.string()}, {"events", trace.events},
                     {"bytes", trace.bytes},        {"drops", trace.drops}};
    if (trace.error.code != ErrorCode::none) one["error"] = trace.error.message;
    all.push_back(std::move(one));
  }
  return {{"profile", all}};
}

std::string model_of(const PipelineLoadOptions& options) {
  return options.engine.model.empty() ? options.engine.config.stem().string()
                                      : options.engine.model;
}

Result<std::unique_ptr<AsyncOmni>> start(const PipelineLoadOptions& options) {
  EngineArgs args = options.engine;
  args.will_profile = options.profile;
  return AsyncOmni::from_engine_args(args);
}

}  // namespace

Result<void> bench_throughput(const PipelineLoadOptions& options) {
  LIMELIGHT_TRY(check(options.output));
  const auto plan = make_plan(options.plan);
  if (!plan) return plan.error();
  const auto omni = start(options);
  if (!omni) return omni.error();
  Clients clients(**omni, options);
  const std::size_t most = options.max_concurrency > 0
                               ? static_cast<std::size_t>(options.max_concurrency)
                               : plan->size();
  if (options.warmups > 0) {
    const std::vector<PlannedRequest> warm(static_cast<std::size_t>(options.warmups),
                                           plan->front());
    clients.serve(warm, most, nullptr);
  }
  if (options.profile) {
    const auto started = start_profile(**omni, options.profile_stages).get();
    if (!started) return started.error();
  }
  const auto before = usage_of_ranks(**omni);
  std::vector<LoadResult> runs;
  {
    ProgressBar bar(plan->size() * static_cast<std::size_t>(options.runs));
    for (int i = 0; i < options.runs; ++i) {
      LoadResult run;
      const auto begun = Clock::now();
      run.requests = clients.serve(*plan, most, &bar);
      run.duration = std::chrono::duration<double>(Clock::now() - begun).count();
      runs.push_back(std::move(run));
    }
  }
  const auto after = usage_of_ranks(**omni);
  ordered_json more = ordered_json::object();
  if (options.profile) more = traces_json(stop_profile(**omni).get());
  const LoadResult result = joined(runs);
  more["num_requests"] = result.requests.size();
  more["elapsed_time"] = result.duration;
  std::uint64_t tokens = 0, done = 0;
  double peak = 0;
  for (const RequestTimes& request : result.requests) {
    if (!request.success) continue;
    tokens += request.prompt_tokens + request.output_tokens;
    ++done;
  }
  more["total_num_tokens"] = tokens;
  more["requests_per_second"] = static_cast<double>(done) / result.duration;
  more["tokens_per_second"] = static_cast<double>(tokens) / result.duration;
  more["ranks"] = usage_json(before, after);
  for (const ProcessUsage& rank : after) peak += rank.peak_mb;
  more["peak_memory_mb"] = peak;
  runs.front().about = {{"date", time_in_name()},
                        {"backend", "limelight"},
                        {"model_id", model_of(options)},
                        {"request_rate", "inf"}};
  LIMELIGHT_TRY(put_out(runs, more, options.output));
  if (done > 0) return {};
  return Error{ErrorCode::unavailable,
               "all requests failed, the first with: " + result.requests.front().error};
}

Result<void> bench_latency(const PipelineLoadOptions& options) {
  LIMELIGHT_TRY(check(options.output));
  PipelineLoadOptions own = options;
  own.plan.num_prompts = options.batch_size;
  const auto plan = make_plan(own.plan);
  if (!plan) return plan.error();
  const auto omni = start(options);
  if (!omni) return omni.error();
  Clients clients(**omni, options);
  std::vector<double> latencies;
  std::vector<LoadResult> runs;
  const int rounds = options.num_iters_warmup + options.num_iters;
  {
    ProgressBar bar(static_cast<std::size_t>(rounds));
    for (int round = 0; round < rounds; ++round) {
      const auto begun = Clock::now();
      auto served = clients.serve(*plan, plan->size(), nullptr);
      const double took = std::chrono::duration<double>(Clock::now() - begun).count();
      for (const RequestTimes& request : served)
        if (!request.success) return Error{ErrorCode::unavailable, request.error};
      bar.show(static_cast<std::size_t>(round) + 1, 0);
      if (round < options.num_iters_warmup) continue;
      latencies.push_back(took);
      runs.push_back({.requests = std::move(served), .duration = took});
    }
  }
  const Sample sample(latencies);
  ordered_json more{{"avg_latency", sample.mean()},
                    {"avg_latency_ci95",
                     {sample.mean() - sample.half_width(), sample.mean() + sample.half_width()}},
                    {"latencies", latencies},
                    {"percentiles", ordered_json::object()}};
  for (const double p : {10, 25, 50, 75, 90, 99})
    more["percentiles"][std::to_string(static_cast<int>(p))] = sample.percentile(p);
  runs.front().about = {{"date", time_in_name()},
                        {"backend", "limelight"},
                        {"model_id", model_of(options)},
                        {"request_rate", "inf"}};
  if (!options.output.json && !options.output.csv) {
    char line[160];
    std::snprintf(line, sizeof line,
                  "Batches of %d, %d of them: mean %.4f s +- %.4f, median %.4f, p99 %.4f\n",
                  options.batch_size, options.num_iters, sample.mean(), sample.half_width(),
                  sample.median(), sample.percentile(99));
    std::cout << line;
  }
  return put_out(runs, more, options.output);
}

}  // namespace limelight::bench
