// The spans of the requests of `limelight run`, for a collector of OpenTelemetry. One thread uses
// an object.
#pragma once

#include <limelight/request.hpp>
#include <limelight/result.hpp>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "actors/telemetry/request_spans.hpp"
#include "actors/telemetry/span_exporter.hpp"

namespace limelight::cli {

class RunSpans {
 public:
  // endpoint: empty for a run whose spans nobody wants. Errors: those of SpanExporter::open().
  static Result<RunSpans> open(const std::string& endpoint, std::string model);
  void set_stages(const stages::PipelineConfig& config);
  // A request is about to be submitted. traceparent: as its line has it; empty: it begins a trace.
  void begin(const GenerateRequest& request, const std::string& traceparent);
  // An answer has ended. Returns the traceparent to tell with it; empty if nobody wants spans.
  std::string end(const RequestOutput& output);

 private:
  struct Open {
    telemetry::RequestTrace trace;
    std::size_t left = 0;  // answers
    std::vector<RequestOutput> ends = {};
  };
  std::unique_ptr<telemetry::SpanExporter> exporter_;
  std::string model_;
  telemetry::StageNames names_;
  std::map<std::string, Open> open_;  // by id
};

}  // namespace limelight::cli
