// Spans as OTLP/HTTP wants them in JSON
// (https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding): an
// ExportTraceServiceRequest, in which ids are hexadecimal and numbers of 64 bits are texts. Any
// thread may call these functions.
#pragma once

#include <string>
#include <vector>

#include "actors/telemetry/span.hpp"

namespace limelight::telemetry {

// resource: what the spans are from, such as service.name.
std::string to_otlp(const std::vector<Span>& spans, const Attributes& resource);

// What a collector answered to it.
struct OtlpAnswer {
  std::size_t rejected = 0;  // spans
  std::string why = {};
};
OtlpAnswer read_otlp_answer(const std::string& body);

}  // namespace limelight::telemetry
