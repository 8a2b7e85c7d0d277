#include "actors/telemetry/request_spans.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

namespace limelight::telemetry {

namespace {

std::int64_t whole(std::uint64_t number) { return static_cast<std::int64_t>(number); }

std::string name_of(const StageNames& names, int stage) {
  if (stage == TransferStats::from_request) return "request";
  const auto at = names.find(stage);
  return at == names.end() ? "stage " + std::to_string(stage) : at->second;
}

Span child_of(const RequestTrace& trace, std::string name, std::int64_t begin, std::int64_t end) {
  Span span{.trace = trace.own.trace, .id = new_span_id(), .parent = trace.own.span};
  span.trace_state = trace.own.state;
  span.name = std::move(name);
  span.begin_ns = begin;
  span.end_ns = std::max(begin, end);
  return span;
}

Span span_of(const RequestTrace& trace, const StageNames& names, const StageStats& stage) {
  const std::string name = name_of(names, stage.stage_id);
  Span span = child_of(trace, name, stage.begin_ns, stage.end_ns);
  span.attributes = {{"limelight.stage.id", std::int64_t{stage.stage_id}},
                     {"limelight.stage.name", name},
                     {"limelight.stage.replica", std::int64_t{stage.replica}},
                     {"limelight.stage.num_tokens_out", whole(stage.num_tokens_out)},
                     {"limelight.stage.gen_time_ms", stage.stage_gen_time_ms},
                     {"limelight.stage.mean_batch_size", stage.mean_batch_size}};
  return span;
}

Span span_of(const RequestTrace& trace, const StageNames& names, const TransferStats& hop) {
  Span span = child_of(
      trace, name_of(names, hop.from_stage).append(" -> ").append(name_of(names, hop.to_stage)),
      hop.begin_ns, hop.end_ns);
  span.attributes = {{"limelight.hop.from_stage", std::int64_t{hop.from_stage}},
                     {"limelight.hop.from_replica", std::int64_t{hop.from_replica}},
                     {"limelight.hop.to_stage", std::int64_t{hop.to_stage}},
                     {"limelight.hop.to_replica", std::int64_t{hop.to_replica}},
                     {"limelight.hop.chunks", whole(hop.chunks)},
                     {"limelight.hop.size_bytes", whole(hop.size_bytes)},
                     {"limelight.hop.tx_time_ms", hop.tx_time_ms},
                     {"limelight.hop.in_flight_time_ms", hop.in_flight_time_ms},
                     {"limelight.hop.rx_decode_time_ms", hop.rx_decode_time_ms}};
  return span;
}

Span whole_request(const RequestTrace& trace,
                   const RequestFacts& facts,
                   const std::vector<RequestOutput>& outputs,
                   std::int64_t end_ns) {
  Span span{.trace = trace.own.trace, .id = trace.own.span, .parent = trace.parent};
  span.remote_parent = trace.parent != SpanId{};
  span.trace_state = trace.own.state;
  span.name = "llm_request";
  span.kind = facts.kind;
  span.begin_ns = trace.begin_ns;
  span.end_ns = std::max(trace.begin_ns, end_ns);
  std::uint64_t prompt_tokens = 0, output_tokens = 0;
  std::vector<std::string> reasons;
  std::int64_t first_stage_ns = std::max(trace.begin_ns, end_ns);
  int retries = 0;
  for (const RequestOutput& output : outputs) {
    if (output.index == 0) prompt_tokens += output.answer.prompt_tokens;
    output_tokens += output.answer.output_tokens;
    reasons.push_back(output.answer.finish_reason);
    retries += output.retries;
    if (span.error.empty() && output.error.code != ErrorCode::none)
      span.error = output.error.message;
    for (const StageStats& stage : output.stages)
      first_stage_ns = std::min(first_stage_ns, stage.begin_ns);
  }
  span.attributes = {{"gen_ai.request.model", facts.model},
                     {"gen_ai.request.id", facts.request_id},
                     {"gen_ai.response.finish_reasons", std::move(reasons)},
                     {"gen_ai.usage.input_tokens", whole(prompt_tokens)},
                     {"gen_ai.usage.output_tokens", whole(output_tokens)},
                     {"limelight.answers", whole(outputs.size())},
                     {"limelight.retries", std::int64_t{retries}}};
  span.attributes.emplace_back(
      "gen_ai.latency.time_in_queue",
      static_cast<double>(std::max<std::int64_t>(first_stage_ns - span.begin_ns, 0)) / 1e9);
  span.attributes.insert(span.attributes.end(), facts.attributes.begin(), facts.attributes.end());
  return span;
}

}  // namespace

RequestTrace begin_trace(std::string_view traceparent, std::string_view tracestate) {
  RequestTrace trace;
  trace.begin_ns = std::chrono::duration_cast<std::chrono::nanoseconds>(
                       std::chrono::system_clock::now().time_since_epoch())
                       .count();
  if (const auto given = parse_traceparent(traceparent)) {
    trace.own = *given;
    trace.parent = given->span;
    if (is_tracestate(tracestate)) trace.own.state = tracestate;
  } else {
    trace.own.trace = new_trace_id();
  }
  trace.own.span = new_span_id();
  return trace;
}

StageNames stage_names(const stages::PipelineConfig& config) {
  StageNames names;
  for (const stages::StageConfig& stage : config.stages) names[stage.stage_id] = stage.model_stage;
  return names;
}

std::vector<Span> spans_of(const RequestTrace& trace,
                           const RequestFacts& facts,
                           const StageNames& names,
                           const std::vector<RequestOutput>& outputs,
                           std::int64_t end_ns) {
  if (!trace.own.sampled) return {};
  std::vector<Span> spans{whole_request(trace, facts, outputs, end_ns)};
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const auto add = [&](Span span) {
      if (outputs.size() > 1)
        span.attributes.emplace_back("limelight.answer", static_cast<std::int64_t>(i));
      spans.push_back(std::move(span));
    };
    for (const StageStats& stage : outputs[i].stages) add(span_of(trace, names, stage));
    for (const TransferStats& hop : outputs[i].transfers) add(span_of(trace, names, hop));
  }
  return spans;
}

}  // namespace limelight::telemetry
