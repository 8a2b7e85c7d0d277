#include "actors/http/metrics.hpp"

#include <algorithm>
#include <array>
#include <cstdio>

namespace limelight::http {

namespace {

std::string text_of(double value) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.9g", value);
  return text.data();
}
double seconds(std::chrono::steady_clock::duration time) {
  return std::chrono::duration<double>(time).count();
}

void about(const char* name, const char* type, const char* help, std::string& to) {
  to.append("# HELP limelight:").append(name).append(" ").append(help);
  to.append("\n# TYPE limelight:").append(name).append(" ").append(type).append("\n");
}
void line(const std::string& name,
          const std::string& labels,
          const std::string& value,
          std::string& to) {
  to.append("limelight:").append(name);
  if (!labels.empty()) to.append("{").append(labels).append("}");
  to.append(" ").append(value).append("\n");
}

std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '\n') {
      out += "\\n";
      continue;
    }
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

std::string labels_of(const Hop& hop) {
  std::string labels = "from_stage=\"" + std::to_string(hop.from_stage);
  labels += "\",from_replica=\"" + std::to_string(hop.from_replica);
  labels += "\",to_stage=\"" + std::to_string(hop.to_stage);
  labels += "\",to_replica=\"" + std::to_string(hop.to_replica) + "\"";
  return labels;
}

// vLLM's bounds.
const std::vector<double> latency{0.3,  0.5,  0.8,  1.0,  1.5,  2.0,  2.5,   5.0,   10.0,
                                  15.0, 20.0, 30.0, 40.0, 50.0, 60.0, 120.0, 240.0, 480.0};
const std::vector<double> first{0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1,  0.25, 0.5,
                                0.75,  1.0,   2.5,  5.0,  7.5,  10.0, 20.0, 40.0, 80.0};
const std::vector<double> each{0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2,
                               0.3,  0.4,   0.5,  0.75,  1.0, 2.5,  5.0};
const std::vector<double> sizes{1,   2,    5,    10,   20,    50,    100,  200,
                                500, 1000, 2000, 5000, 10000, 20000, 50000};
const std::vector<double> lengths{0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300};
const std::vector<double> factors{0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 1.5, 2, 5};

}  // namespace

void Histogram::add(double value) {
  const auto at = std::lower_bound(bounds_.begin(), bounds_.end(), value);
  ++counts_[static_cast<std::size_t>(at - bounds_.begin())];
  ++count_;
  sum_ += value;
}

void Histogram::write(const std::string& name, const std::string& labels, std::string& to) const {
  const std::string before = labels.empty() ? "" : labels + ",";
  std::uint64_t below = 0;
  for (std::size_t i = 0; i < counts_.size(); ++i) {
    below += counts_[i];
    const std::string bound = i < bounds_.size() ? text_of(bounds_[i]) : "+Inf";
    line(name + "_bucket", before + "le=\"" + bound + "\"", std::to_string(below), to);
  }
  line(name + "_sum", labels, text_of(sum_), to);
  line(name + "_count", labels, std::to_string(count_), to);
}

Metrics::Metrics()
    : e2e_(latency),
      first_token_(first),
      token_time_(each),
      prompt_size_(sizes),
      output_size_(sizes),
      first_sound_(first),
      sound_length_(lengths),
      sound_factor_(factors) {}

void Metrics::count_answer(const RequestOutput& output, const AnswerTimes& times) {
  const AnswerInfo& answer = output.answer;
  ++finished_[answer.finish_reason.empty() ? "error" : answer.finish_reason];
  retries_ += static_cast<std::uint64_t>(output.retries);
  for (const StageStats& stage : output.stages) {
    StageSums& sums = stages_[{stage.stage_id, stage.replica}];
    sums.time_s += stage.stage_gen_time_ms / 1000;
    sums.tokens += stage.num_tokens_out;
    sums.batch += stage.mean_batch_size;
    ++sums.answers;
  }
  for (const TransferStats& edge : output.transfers) {
    HopSums& sums =
        transfers_[{edge.from_stage, edge.from_replica, edge.to_stage, edge.to_replica}];
    sums.chunks += edge.chunks;
    sums.bytes += edge.size_bytes;
    sums.tx_s += edge.tx_time_ms / 1000;
    sums.in_flight_s += edge.in_flight_time_ms / 1000;
    sums.rx_s += edge.rx_decode_time_ms / 1000;
  }
  if (output.error.code != ErrorCode::none) return;
  prompt_tokens_ += answer.prompt_tokens;
  output_tokens_ += answer.output_tokens;
  prompt_size_.add(static_cast<double>(answer.prompt_tokens));
  output_size_.add(static_cast<double>(answer.output_tokens));
  e2e_.add(output.e2e_time_ms / 1000);
  constexpr std::chrono::steady_clock::time_point never{};
  if (times.first_text != never) {
    first_token_.add(seconds(times.first_text - times.start));
    if (answer.output_tokens > 1)
      token_time_.add(seconds(times.last - times.first_text) /
                      static_cast<double>(answer.output_tokens - 1));
  }
  if (times.first_sound != never) {
    first_sound_.add(seconds(times.first_sound - times.start));
    sound_length_.add(times.sound_s);
    if (times.sound_s > 0) sound_factor_.add(output.e2e_time_ms / 1000 / times.sound_s);
  }
}

std::uint64_t Metrics::answers() const {
  std::uint64_t all = 0;
  for (const auto& [reason, count] : finished_) all += count;
  return all;
}

void Metrics::count_http(const std::string& route, int status) { ++http_[{route, status}]; }

void Metrics::count_trace(const RankTrace& trace) {
  ++traces_;
  trace_events_ += trace.events;
  trace_bytes_ += trace.bytes;
  trace_drops_ += trace.drops;
  trace_cpu_s_ += (static_cast<double>(trace.profiler_cpu_ns) +
                   trace.span_ns * static_cast<double>(trace.events)) /
                  1e9;
}

std::string Metrics::text(const PipelineStatus& status,
                          const std::string& model,
                          std::size_t connections,
                          bool draining) const {
  std::string to;
  const std::string of = "model_name=\"" + escaped(model) + "\"";
  const auto one = [&](const char* name, const char* type, const char* help, double value) {
    about(name, type, help, to);
    line(name, of, text_of(value), to);
  };
  const auto histogram = [&](const char* name, const char* help, const Histogram& it) {
    about(name, "histogram", help, to);
    it.write(name, of, to);
  };
  one("num_requests_running", "gauge", "Requests that stages work on.",
      static_cast<double>(status.running));
  one("num_requests_waiting", "gauge", "Requests in the queue.",
      static_cast<double>(status.waiting));
  one("prompt_tokens_total", "counter", "Tokens of prompts.", static_cast<double>(prompt_tokens_));
  one("generation_tokens_total", "counter", "Tokens of answers.",
      static_cast<double>(output_tokens_));
  about("request_success_total", "counter", "Answers by why they ended.", to);
  for (const char* reason : {"stop", "length", "abort", "error"}) {
    const auto at = finished_.find(reason);
    line("request_success_total", of + ",finished_reason=\"" + reason + "\"",
         std::to_string(at == finished_.end() ? 0 : at->second), to);
  }
  one("request_retries_total", "counter", "How often requests were begun anew.",
      static_cast<double>(retries_));
  histogram("e2e_request_latency_seconds", "From submission to the end of an answer.", e2e_);
  histogram("time_to_first_token_seconds", "To the first text of an answer.", first_token_);
  histogram("time_per_output_token_seconds", "Mean time of each token after the first.",
            token_time_);
  histogram("request_prompt_tokens", "Tokens of a prompt.", prompt_size_);
  histogram("request_generation_tokens", "Tokens of an answer.", output_size_);
  histogram("audio_ttfp_s", "To the first sound of an answer.", first_sound_);
  histogram("audio_duration_s", "Length of an answer's sound.", sound_length_);
  histogram("audio_rtf", "Time of an answer over the length of its sound.", sound_factor_);

  about("stage_gen_time_s_total", "counter", "Time of stages, by their share in steps.", to);
  for (const auto& [at, sums] : stages_)
    line("stage_gen_time_s_total",
         "stage=\"" + std::to_string(at.first) + "\",replica=\"" + std::to_string(at.second) + "\"",
         text_of(sums.time_s), to);
  about("stage_tokens_total", "counter", "Tokens, codes or samples that stages put out.", to);
  for (const auto& [at, sums] : stages_)
    line("stage_tokens_total",
         "stage=\"" + std::to_string(at.first) + "\",replica=\"" + std::to_string(at.second) + "\"",
         std::to_string(sums.tokens), to);
  about("stage_batch_size_mean", "gauge", "Requests in the steps of an answer, mean of all.", to);
  for (const auto& [at, sums] : stages_)
    line("stage_batch_size_mean",
         "stage=\"" + std::to_string(at.first) + "\",replica=\"" + std::to_string(at.second) + "\"",
         text_of(sums.answers > 0 ? sums.batch / static_cast<double>(sums.answers) : 0), to);
  const auto each_replica = [&](const char* name, const char* type, const char* help, auto value) {
    about(name, type, help, to);
    for (const ReplicaStatus& it : status.replicas)
      line(name,
           "stage=\"" + std::to_string(it.stage_id) + "\",replica=\"" + std::to_string(it.replica) +
               "\"",
           text_of(static_cast<double>(value(it))), to);
  };
  each_replica("stage_inflight_requests", "gauge", "Requests that a replica has.",
               [](const ReplicaStatus& it) { return it.requests; });
  each_replica("stage_up", "gauge", "1: the replica serves.",
               [](const ReplicaStatus& it) { return it.phase == ReplicaPhase::serving ? 1 : 0; });
  each_replica("stage_restarts_total", "counter", "How often a replica was started again.",
               [](const ReplicaStatus& it) { return it.restarts; });
  each_replica("kv_cache_blocks", "gauge", "Blocks of a replica's KV caches.",
               [](const ReplicaStatus& it) { return it.kv_blocks; });
  each_replica("kv_cache_used_blocks", "gauge", "Those of them that are in use.",
               [](const ReplicaStatus& it) { return it.used_kv_blocks; });
  each_replica("kv_cache_usage_perc", "gauge", "The share of them that is in use, 0 to 1.",
               [](const ReplicaStatus& it) {
                 return it.kv_blocks == 0 ? 0
                                          : static_cast<double>(it.used_kv_blocks) /
                                                static_cast<double>(it.kv_blocks);
               });

  const auto transfers = [&](const char* name, const char* help, auto value) {
    about(name, "counter", help, to);
    for (const auto& [hop, sums] : transfers_) line(name, labels_of(hop), text_of(value(sums)), to);
  };
  transfers("transfer_chunks_total", "Chunks of tensors between stages.",
            [](const HopSums& s) { return static_cast<double>(s.chunks); });
  transfers("transfer_size_bytes_total", "Their bytes.",
            [](const HopSums& s) { return static_cast<double>(s.bytes); });
  transfers("transfer_tx_s_total", "Waiting for memory, and writing.",
            [](const HopSums& s) { return s.tx_s; });
  transfers("transfer_in_flight_s_total", "From publishing to taking.",
            [](const HopSums& s) { return s.in_flight_s; });
  transfers("transfer_rx_s_total", "Reading.", [](const HopSums& s) { return s.rx_s; });

  one("profiler_traces_total", "counter", "Finished traces of ranks.",
      static_cast<double>(traces_));
  one("profiler_events_total", "counter", "Events in them.", static_cast<double>(trace_events_));
  one("profiler_bytes_total", "counter", "Their size.", static_cast<double>(trace_bytes_));
  one("profiler_drops_total", "counter", "Events that were lost.",
      static_cast<double>(trace_drops_));
  one("profiler_cpu_s_total", "counter", "CPU time of recording and writing.", trace_cpu_s_);

  one("http_connections", "gauge", "Open connections.", static_cast<double>(connections));
  one("draining", "gauge", "1: no more requests are taken.", draining ? 1 : 0);
  about("http_requests_total", "counter", "Requests by route and status.", to);
  for (const auto& [at, count] : http_)
    line("http_requests_total",
         "route=\"" + at.first + "\",status=\"" + std::to_string(at.second) + "\"",
         std::to_string(count), to);
  return to;
}

std::string Metrics::text(const telemetry::ExportCounts& spans) {
  std::string to;
  about("otlp_spans_sent_total", "counter", "Spans that the collector took.", to);
  line("otlp_spans_sent_total", "", std::to_string(spans.sent), to);
  about("otlp_spans_dropped_total", "counter", "Spans that it did not get.", to);
  line("otlp_spans_dropped_total", "", std::to_string(spans.dropped), to);
  return to;
}

}  // namespace limelight::http
