// W3C Trace Context (https://www.w3.org/TR/trace-context/): who a span belongs to, and the header
// `traceparent` that carries it from one program to the next.
//
//   00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01
//      trace                            span             flags; 01: it is recorded
//
// Any thread may call these functions.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace limelight::telemetry {

using TraceId = std::array<std::uint8_t, 16>;
using SpanId = std::array<std::uint8_t, 8>;

struct TraceContext {
  TraceId trace = {};
  SpanId span = {};
  bool sampled = true;     // false: whoever began the trace does not want it recorded
  std::string state = {};  // the header tracestate, passed on as it is
};

// Of a header. Nothing from one that the standard tells to ignore: other lengths, capital letters,
// ids of zeros, the version ff. Of a later version, what is known of it.
std::optional<TraceContext> parse_traceparent(std::string_view traceparent);
// What may be passed on as a tracestate: printable, and no longer than the standard asks for.
bool is_tracestate(std::string_view tracestate);
std::string to_traceparent(const TraceContext& context);

// Never zeros.
TraceId new_trace_id();
SpanId new_span_id();

template <std::size_t n>
std::string to_hex(const std::array<std::uint8_t, n>& id) {
  constexpr char digits[] = "0123456789abcdef";
  std::string text;
  for (const std::uint8_t byte : id) text.append({digits[byte >> 4], digits[byte & 15]});
  return text;
}

}  // namespace limelight::telemetry
