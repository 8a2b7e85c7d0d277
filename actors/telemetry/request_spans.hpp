// The spans of a request, made of what its outputs say of stages and hops:
//
//   llm_request            from its submission until its last answer has ended
//     thinker              a stage, from taking the request until it was done with it
//     thinker -> talker    a hop, from the loan of the first chunk until the last was consumed
//
// Names and attributes are those of OpenTelemetry's conventions for generative AI and of vLLM,
// where they have any. Any thread may call these functions.
#pragma once

#include <cstdint>
#include <limelight/config.hpp>
#include <limelight/request.hpp>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "actors/telemetry/span.hpp"

namespace limelight::telemetry {

// Where a request stands in a trace. It is begun when the request is submitted.
struct RequestTrace {
  TraceContext own = {};  // of the request's span; to be passed on
  SpanId parent = {};     // zeros: this request begins the trace
  std::int64_t begin_ns = 0;
};
// traceparent, tracestate: as they came with the request; empty or wrong ones count as none.
RequestTrace begin_trace(std::string_view traceparent, std::string_view tracestate = {});

using StageNames = std::map<int, std::string>;
StageNames stage_names(const stages::PipelineConfig& config);

// What is known of a request beside its outputs.
struct RequestFacts {
  std::string request_id = {}, model = {};
  Span::Kind kind = Span::Kind::internal;
  Attributes attributes = {};  // such as http.route
};
// outputs: the ends of all of its answers. Nothing of a trace that is not to be recorded.
std::vector<Span> spans_of(const RequestTrace& trace,
                           const RequestFacts& facts,
                           const StageNames& names,
                           const std::vector<RequestOutput>& outputs,
                           std::int64_t end_ns);

}  // namespace limelight::telemetry
