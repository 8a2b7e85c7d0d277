// A span of OpenTelemetry, as it is sent (otlp_json.hpp).
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "actors/telemetry/trace_context.hpp"

namespace limelight::telemetry {

using AttributeValue =
    std::variant<std::string, std::int64_t, double, bool, std::vector<std::string>>;
using Attributes = std::vector<std::pair<std::string, AttributeValue>>;

struct Span {
  // The numbers are those of opentelemetry.proto.trace.v1.Span.SpanKind.
  enum class Kind : std::uint8_t { internal = 1, server = 2 };

  TraceId trace = {};
  SpanId id = {}, parent = {};  // parent: zeros for none
  bool remote_parent = false;   // it is a span of another program
  std::string trace_state = {}, name = {};
  Kind kind = Kind::internal;
  std::int64_t begin_ns = 0, end_ns = 0;  // CLOCK_REALTIME
  Attributes attributes = {};
  std::string error = {};  // empty: it succeeded
};

}  // namespace limelight::telemetry
