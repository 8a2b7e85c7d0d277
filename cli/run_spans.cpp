#include "cli/run_spans.hpp"

#include <utility>

#include "profiling/record/clock.hpp"

namespace limelight::cli {

Result<RunSpans> RunSpans::open(const std::string& endpoint, std::string model) {
  RunSpans spans;
  spans.model_ = std::move(model);
  if (endpoint.empty()) return spans;
  auto exporter = telemetry::SpanExporter::open(
      {.endpoint = endpoint, .resource = telemetry::resource_of("run")});
  if (!exporter) return exporter.error();
  spans.exporter_ = std::move(exporter).value();
  return spans;
}

void RunSpans::set_stages(const stages::PipelineConfig& config) {
  names_ = telemetry::stage_names(config);
}

void RunSpans::begin(const GenerateRequest& request, const std::string& traceparent) {
  if (!exporter_) return;
  const int n = request.sampling_params ? request.sampling_params->n : 1;
  open_[request.request_id] = {.trace = telemetry::begin_trace(traceparent),
                               .left = static_cast<std::size_t>(n)};
}

std::string RunSpans::end(const RequestOutput& output) {
  const auto at = open_.find(output.request_id);
  if (!exporter_ || at == open_.end()) return {};
  Open& open = at->second;
  RequestOutput end = output;
  end.text.clear();
  end.audio.clear();
  open.ends.push_back(std::move(end));
  std::string traceparent = telemetry::to_traceparent(open.trace.own);
  if (--open.left > 0) return traceparent;
  exporter_->add(telemetry::spans_of(open.trace, {.request_id = output.request_id, .model = model_},
                                     names_, open.ends, profiling::realtime_ns()));
  open_.erase(at);
  return traceparent;
}

}  // namespace limelight::cli
