#include "actors/telemetry/otlp_json.hpp"

#include <algorithm>
#include <limelight/version.hpp>
#include <nlohmann/json.hpp>

namespace limelight::telemetry {

using nlohmann::json;

namespace {

// Of Span.flags and Status.code.
constexpr std::uint32_t sampled = 1, has_is_remote = 0x100, is_remote = 0x200;
constexpr int status_error = 2;

json value_of(const std::string& text) { return {{"stringValue", text}}; }
json value_of(std::int64_t number) { return {{"intValue", std::to_string(number)}}; }
json value_of(double number) { return {{"doubleValue", number}}; }
json value_of(bool truth) { return {{"boolValue", truth}}; }
json value_of(const std::vector<std::string>& texts) {
  json values = json::array();
  for (const std::string& text : texts) values.push_back(value_of(text));
  return {{"arrayValue", {{"values", std::move(values)}}}};
}
json list_of(const Attributes& attributes) {
  json list = json::array();
  for (const auto& [key, value] : attributes)
    list.push_back(
        {{"key", key}, {"value", std::visit([](const auto& it) { return value_of(it); }, value)}});
  return list;
}

json json_of(const Span& span) {
  json one{{"traceId", to_hex(span.trace)},
           {"spanId", to_hex(span.id)},
           {"name", span.name},
           {"kind", static_cast<int>(span.kind)},
           {"startTimeUnixNano", std::to_string(span.begin_ns)},
           {"endTimeUnixNano", std::to_string(span.end_ns)},
           {"flags", sampled | has_is_remote | (span.remote_parent ? is_remote : 0)},
           {"attributes", list_of(span.attributes)},
           {"status", json::object()}};
  if (span.parent != SpanId{}) one["parentSpanId"] = to_hex(span.parent);
  if (!span.trace_state.empty()) one["traceState"] = span.trace_state;
  if (!span.error.empty()) one["status"] = {{"code", status_error}, {"message", span.error}};
  return one;
}

}  // namespace

std::string to_otlp(const std::vector<Span>& spans, const Attributes& resource) {
  json list = json::array();
  for (const Span& span : spans) list.push_back(json_of(span));
  const json scope{{"name", "limelight"}, {"version", version}};
  json scoped{{"scope", scope}, {"spans", std::move(list)}};
  json all{{"resource", {{"attributes", list_of(resource)}}},
           {"scopeSpans", json::array({std::move(scoped)})}};
  const json request{{"resourceSpans", json::array({std::move(all)})}};
  return request.dump(-1, ' ', false, json::error_handler_t::replace);
}

OtlpAnswer read_otlp_answer(const std::string& body) {
  OtlpAnswer answer;
  const json document = json::parse(body, nullptr, false);
  if (!document.is_object()) return answer;
  const json part = document.value("partialSuccess", json());
  if (part.is_object()) {
    const json count = part.value("rejectedSpans", json());
    const std::string digits = count.is_string() ? count.get<std::string>() : count.dump();
    if (!digits.empty() && digits.size() < 10 &&
        std::all_of(digits.begin(), digits.end(), [](char c) { return c >= '0' && c <= '9'; }))
      answer.rejected = std::stoul(digits);
    if (const json why = part.value("errorMessage", json()); why.is_string()) answer.why = why;
  }
  if (const json why = document.value("message", json()); why.is_string()) answer.why = why;
  return answer;
}

}  // namespace limelight::telemetry
