// What Prometheus reads.
#include <boost/test/unit_test.hpp>
#include <sstream>

#include "actors/http/metrics.hpp"

using namespace limelight;
using namespace limelight::http;

namespace {
std::string value_of(const std::string& text, const std::string& name) {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);)
    if (line.starts_with("limelight:" + name + " ")) return line.substr(name.size() + 11);
  return "none";
}
}  // namespace

BOOST_AUTO_TEST_SUITE(metrics)

BOOST_AUTO_TEST_CASE(a_histogram_counts_up_to_each_bound) {
  Histogram histogram({1, 2.5});
  for (const double value : {0.5, 1.0, 2.0, 9.0}) histogram.add(value);
  std::string text;
  histogram.write("x", "a=\"b\"", text);
  BOOST_TEST(value_of(text, "x_bucket{a=\"b\",le=\"1\"}") == "2");
  BOOST_TEST(value_of(text, "x_bucket{a=\"b\",le=\"2.5\"}") == "3");
  BOOST_TEST(value_of(text, "x_bucket{a=\"b\",le=\"+Inf\"}") == "4");
  BOOST_TEST(value_of(text, "x_sum{a=\"b\"}") == "12.5");
  BOOST_TEST(value_of(text, "x_count{a=\"b\"}") == "4");
}

BOOST_AUTO_TEST_CASE(answers_requests_and_traces_are_summed_up) {
  Metrics metrics;
  RequestOutput output;
  output.answer = {.finish_reason = "length", .prompt_tokens = 5, .output_tokens = 11};
  output.e2e_time_ms = 700;
  output.stages = {{.stage_id = 1, .num_tokens_out = 40, .stage_gen_time_ms = 250}};
  output.transfers = {{.from_stage = 0, .to_stage = 1, .chunks = 3, .size_bytes = 99}};
  AnswerTimes times;
  times.start = std::chrono::steady_clock::now();
  times.first_text = times.start + std::chrono::milliseconds(30);
  times.last = times.start + std::chrono::milliseconds(530);
  times.first_sound = times.start + std::chrono::milliseconds(90);
  times.sound_s = 1.4;
  metrics.count_answer(output, times);
  RequestOutput failed;
  failed.answer.finish_reason = "abort";
  failed.error = {ErrorCode::cancelled, "x"};
  metrics.count_answer(failed, {});
  metrics.count_http("/health", 200);
  metrics.count_trace({.events = 7, .drops = 2});
  PipelineStatus status{.running = 3, .waiting = 4};
  status.replicas = {{.stage_id = 1, .phase = ReplicaPhase::serving, .restarts = 6}};
  const std::string text = metrics.text(status, "a \"b\"", 8, false);
  const std::string model = "{model_name=\"a \\\"b\\\"\"}";
  BOOST_TEST(value_of(text, "num_requests_running" + model) == "3");
  BOOST_TEST(value_of(text, "num_requests_waiting" + model) == "4");
  BOOST_TEST(value_of(text, "prompt_tokens_total" + model) == "5");
  BOOST_TEST(value_of(text, "generation_tokens_total" + model) == "11");
  BOOST_TEST(value_of(text, "e2e_request_latency_seconds_sum" + model) == "0.7");
  BOOST_TEST(value_of(text, "time_to_first_token_seconds_sum" + model) == "0.03");
  BOOST_TEST(value_of(text, "time_per_output_token_seconds_sum" + model) == "0.05");
  BOOST_TEST(value_of(text, "audio_ttfp_s_sum" + model) == "0.09");
  BOOST_TEST(value_of(text, "audio_rtf_sum" + model) == "0.5");
  BOOST_TEST(value_of(text, "stage_gen_time_s_total{stage=\"1\",replica=\"0\"}") == "0.25");
  BOOST_TEST(value_of(text, "stage_restarts_total{stage=\"1\",replica=\"0\"}") == "6");
  BOOST_TEST(value_of(text, "profiler_drops_total" + model) == "2");
  BOOST_TEST(value_of(text, "http_connections" + model) == "8");
  BOOST_TEST(value_of(text, "http_requests_total{route=\"/health\",status=\"200\"}") == "1");
  BOOST_TEST(
      text.find("from_stage=\"0\",from_replica=\"0\",to_stage=\"1\",to_replica=\"0\"} 99\n") !=
      std::string::npos);
  BOOST_TEST(text.find("finished_reason=\"abort\"} 1\n") != std::string::npos);
  // Each name is explained once, before its values.
  std::istringstream lines(text);
  std::string known;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("# TYPE ")) known = line.substr(7, line.find(' ', 7) - 7);
    else if (!line.starts_with("#")) BOOST_TEST(line.starts_with(known), line);
  }
}

BOOST_AUTO_TEST_SUITE_END()
