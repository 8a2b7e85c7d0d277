#include "bench/load/commands.hpp"

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <iostream>

#include "base/helper.hpp"
#include "base/try.hpp"
#include "base/whole_number.hpp"
#include "bench/load/compare.hpp"

namespace limelight::bench {

namespace {

constexpr int most = 1 << 20;

int ended(const char* command, const Result<void>& result) {
  if (result) return 0;
  std::cerr << "limelight bench " << command << ": " << result.error().message << "\n";
  const bool wrong = result.error().code == ErrorCode::invalid_argument ||
                     result.error().code == ErrorCode::not_found;
  return wrong ? 2 : 1;
}

Result<double> rate_of(const std::string& text) {
  if (text == "inf") return std::numeric_limits<double>::infinity();
  char* end = nullptr;
  const double rate = std::strtod(text.c_str(), &end);
  if (text.empty() || *end != 0 || !(rate > 0) || rate > 1e9)
    return Error{ErrorCode::invalid_argument,
                 "--request-rate: found '" + text + "', expected requests a second, or inf"};
  return rate;
}

// "all" or "0,2".
Result<std::vector<int>> stages_of(const std::string& text) {
  std::vector<int> stages;
  if (text == "all") return stages;
  std::size_t at = 0;
  while (at <= text.size()) {
    const std::size_t end = std::min(text.find(',', at), text.size());
    const auto stage = whole_number<int>(text.substr(at, end - at), 0);
    if (!stage)
      return Error{ErrorCode::invalid_argument,
                   "--profile: found '" + text + "', expected all, or stages such as 0,2"};
    stages.push_back(*stage);
    at = end + 1;
  }
  return stages;
}

}  // namespace

LoadCommands::LoadCommands(CLI::App& bench) {
  if (const auto found = find_shared("configs/omni_tiny.yaml"))
    pipeline_.engine.config = found->string();

  serve_ = bench.add_subcommand(
      "serve", "A load on a server with OpenAI's routes: ours, vLLM's, llama.cpp's");
  serve_->footer(
      "Examples:\n"
      "  limelight bench serve --base-url http://127.0.0.1:8091 --num-prompts 200 "
      "--request-rate 8\n"
      "  limelight bench serve --backend openai-audio-speech --max-concurrency 4 --save-result\n"
      "  limelight bench serve --goodput ttft:500,e2el:3000 --profile 0,2 --json");
  serve_
      ->add_option("--backend", backend_,
                   "openai (completions), openai-chat, "
                   "openai-chat-omni (text and sound) or openai-audio-speech")
      ->check(CLI::IsMember({"openai", "openai-chat", "openai-chat-omni", "openai-audio-speech"}))
      ->capture_default_str();
  serve_->add_option("--base-url", client_.base_url, "of the server")->capture_default_str();
  serve_->add_option("--endpoint", client_.endpoint, "a route in place of the backend's own");
  serve_->add_option("--model", client_.model, "without it the first that the server lists");
  serve_->add_option("--api-key", client_.api_key)->envname("OPENAI_API_KEY");
  serve_->add_option("--voice", client_.voice, "of sound")->capture_default_str();
  serve_->add_option("--request-rate", rate_, "requests a second, or inf: all at the start")
      ->capture_default_str();
  serve_
      ->add_option("--burstiness", plan_.burstiness,
                   "of the intervals: 1 as a Poisson process, less in bursts, more evenly")
      ->check(CLI::Range(0.001, 1e6))
      ->capture_default_str();
  serve_->add_option("--timeout", client_.timeout_s, "of a request, in s")
      ->check(CLI::Range(0.001, 1e6))
      ->capture_default_str();

  throughput_ =
      bench.add_subcommand("throughput", "A load on a pipeline in this process, without a server");
  throughput_->footer(
      "Examples:\n"
      "  limelight bench throughput --model smollm2 --num-prompts 64 --max-concurrency 8\n"
      "  limelight bench throughput --dataset-path prompts.jsonl --profile all --profile-dir "
      "traces");
  latency_ = bench.add_subcommand("latency", "How long a batch of requests takes, again and again");
  latency_->footer("Example:\n  limelight bench latency --model smollm2 --batch-size 4");
  latency_->add_option("--batch-size", pipeline_.batch_size, "requests submitted together")
      ->check(CLI::Range(1, most))
      ->capture_default_str();
  latency_->add_option("--num-iters", pipeline_.num_iters)
      ->check(CLI::Range(1, most))
      ->capture_default_str();
  latency_->add_option("--num-iters-warmup", pipeline_.num_iters_warmup)
      ->check(CLI::Range(0, most))
      ->capture_default_str();
  for (CLI::App* command : {throughput_, latency_}) add_pipeline(*command);
  for (CLI::App* command : {serve_, throughput_}) {
    add_plan(*command);
    add_profile(*command);
  }
  add_lengths(*latency_);
  for (CLI::App* command : {serve_, throughput_, latency_}) add_output(*command);

  compare_ =
      bench.add_subcommand("compare", "Two results, and whether what differs is more than noise");
  compare_->footer(
      "Examples:\n"
      "  limelight bench compare before.json after.json\n"
      "  limelight bench compare --before a1.json a2.json a3.json --after b1.json b2.json b3.json");
  compare_->add_option("FILES", compared_, "two results, kept with --save-result: before, after")
      ->expected(0, 2);
  compare_->add_option("--before", before_, "several results, measured in turn with those after");
  compare_->add_option("--after", after_);
  compare_->add_flag("--json", output_.json, "on standard output");
}

void LoadCommands::add_lengths(CLI::App& command) {
  command.add_option("--random-input-len,--input-len", plan_.input_len, "words of a made prompt")
      ->check(CLI::Range(1, most))
      ->capture_default_str();
  command.add_option("--random-output-len,--output-len", plan_.output_len, "tokens of an answer")
      ->check(CLI::Range(1, most))
      ->capture_default_str();
  command
      .add_option("--random-range-ratio", plan_.range_ratio,
                  "r: lengths are uniform from len * (1 - r) to len * (1 + r)")
      ->check(CLI::Range(0.0, 0.999))
      ->capture_default_str();
  command.add_option("--random-prefix-len", plan_.prefix_len, "words that all prompts begin with")
      ->check(CLI::Range(0, most))
      ->capture_default_str();
  // CLI11 reads -1 as the largest number.
  const auto whole = [](const std::string& text) -> std::string {
    if (whole_number<std::uint64_t>(text)) return "";
    return "found '" + text + "', expected a whole number, 0 or more";
  };
  command.add_option("--seed", seed_, "of prompts, lengths and intervals")
      ->check(whole)
      ->capture_default_str();
  command.add_flag("--ignore-eos", ignore_eos_, "answers are as long as they may be");
  command.add_option("--temperature", temperature_)->check(CLI::Range(0.0, 100.0));
}

void LoadCommands::add_plan(CLI::App& command) {
  command.add_option("--num-prompts", plan_.num_prompts)
      ->check(CLI::Range(1, most))
      ->capture_default_str();
  command.add_option("--dataset-path", plan_.dataset_path,
                     R"(lines of {"prompt": "...", "output_tokens": N} in place of made prompts)");
  add_lengths(command);
  command.add_option("--max-concurrency", max_concurrency_, "requests open at one time; 0: all")
      ->check(CLI::Range(0, most))
      ->capture_default_str();
  command
      .add_option("--num-runs", runs_,
                  "how often the prompts are sent: compare judges by what differs between runs, of "
                  "which it wants three or more")
      ->check(CLI::Range(1, most))
      ->capture_default_str();
  command.add_option("--num-warmups", warmups_, "requests before the measured ones")
      ->check(CLI::Range(0, most))
      ->capture_default_str();
}

void LoadCommands::add_profile(CLI::App& command) {
  command.add_option("--profile", profile_,
                     "profile the measured part: all, or stages such as 0,2");
}

void LoadCommands::add_output(CLI::App& command) {
  command
      .add_option("--percentile-metrics", metrics_,
                  "some of ttft, tpot, itl, e2el, audio_ttfp, audio_rtf, audio_duration, "
                  "audio_underrun")
      ->delimiter(',');
  command.add_option("--metric-percentiles", percentiles_)->capture_default_str();
  command.add_option("--goodput", goodput_,
                     "limits in ms that a good request keeps, such as ttft:500,e2el:3000");
  auto* json = command.add_flag("--json", output_.json, "the result on standard output");
  command.add_flag("--csv", output_.csv, "a line for each metric")->excludes(json);
  command.add_flag("--save-result", output_.save_result, "keep the result as a JSON file");
  command.add_flag("--save-detailed", output_.report.detailed,
                   "with a list of each request's times, which compare takes in pairs");
  command.add_option("--result-dir", output_.result_dir);
  command.add_option("--result-filename", output_.result_filename,
                     "without it BACKEND-RATEqps-MODEL-TIME.json");
}

void LoadCommands::add_pipeline(CLI::App& command) {
  command.add_option("--config", pipeline_.engine.config, "stage config of the pipeline")
      ->capture_default_str();
  command.add_option("--model", pipeline_.engine.model, "as of `limelight run`");
  command.add_option("--deploy-config", pipeline_.engine.deploy_config, "as of `limelight run`");
  command.add_option("--stage-overrides", pipeline_.engine.stage_overrides,
                     "as of `limelight run`");
  command.add_option("--profile-dir", pipeline_.engine.profile_dir, "for traces");
}

Result<void> LoadCommands::read() {
  plan_.seed = *whole_number<std::uint64_t>(seed_);
  const auto rate = rate_of(rate_);
  if (!rate) return rate.error();
  plan_.request_rate = *rate;
  if (!metrics_.empty()) output_.report.metrics = metrics_;
  else if (backend_ == "openai-chat-omni" || backend_ == "openai-audio-speech" || !serve_->parsed())
    output_.report.metrics = {"ttft",      "tpot",           "itl",           "e2el", "audio_ttfp",
                              "audio_rtf", "audio_duration", "audio_underrun"};
  auto percentiles = read_percentiles(percentiles_);
  if (!percentiles) return percentiles.error();
  output_.report.percentiles = *std::move(percentiles);
  if (!goodput_.empty()) {
    auto goodput = read_goodput(goodput_);
    if (!goodput) return goodput.error();
    output_.report.goodput = *std::move(goodput);
  }
  output_.save_result |= output_.report.detailed;
  if (!pipeline_.engine.model.empty()) pipeline_.engine.config.clear();
  profiles_ = !profile_.empty();
  if (profiles_) {
    auto stages = stages_of(profile_);
    if (!stages) return stages.error();
    pipeline_.profile_stages = *std::move(stages);
  }
  client_.backend = backend_ == "openai"                ? OpenAiBackend::completions
                    : backend_ == "openai-audio-speech" ? OpenAiBackend::speech
                                                        : OpenAiBackend::chat;
  client_.audio = backend_ == "openai-chat-omni";
  client_.ignore_eos = pipeline_.ignore_eos = ignore_eos_;
  client_.temperature = pipeline_.temperature = temperature_;
  client_.max_concurrency = pipeline_.max_concurrency = max_concurrency_;
  pipeline_.plan = plan_;
  pipeline_.output = output_;
  pipeline_.warmups = warmups_;
  pipeline_.runs = runs_;
  pipeline_.profile = profiles_;
  return {};
}

std::optional<int> LoadCommands::run() {
  if (compare_->parsed()) {
    if (compared_.size() == 2 && before_.empty() && after_.empty()) {
      before_ = {compared_[0]};
      after_ = {compared_[1]};
    } else if (!compared_.empty() || before_.empty() || after_.empty()) {
      return ended("compare",
                   Result<void>(Error{ErrorCode::invalid_argument,
                                      "expected two results, or --before and --after with some"}));
    }
    const auto text = compare_results(before_, after_, output_.json);
    if (!text) return ended("compare", Result<void>(text.error()));
    std::cout << *text;
    return 0;
  }
  const CLI::App* command = serve_->parsed()        ? serve_
                            : throughput_->parsed() ? throughput_
                            : latency_->parsed()    ? latency_
                                                    : nullptr;
  if (command == nullptr) return std::nullopt;
  const std::string name = command->get_name();
  if (const auto good = read(); !good) return ended(name.c_str(), good);
  if (command == serve_)
    return ended("serve", bench_serve({.plan = plan_,
                                       .client = client_,
                                       .output = output_,
                                       .warmups = warmups_,
                                       .runs = runs_,
                                       .profile = profiles_,
                                       .profile_stages = pipeline_.profile_stages}));
  return ended(name.c_str(),
               command == throughput_ ? bench_throughput(pipeline_) : bench_latency(pipeline_));
}

}  // namespace limelight::bench
