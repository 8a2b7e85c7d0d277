// Spans in OTLP's JSON: https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding.
#include <boost/test/unit_test.hpp>
#include <nlohmann/json.hpp>

#include "actors/telemetry/otlp_json.hpp"

using namespace limelight::telemetry;
using nlohmann::json;

BOOST_AUTO_TEST_SUITE(otlp_json)

BOOST_AUTO_TEST_CASE(ids_are_hexadecimal_and_long_numbers_are_texts) {
  Span span;
  span.trace.fill(0xab);
  span.id.fill(1);
  span.name = "thinker";
  span.begin_ns = 1'700'000'000'000'000'001;
  span.end_ns = 1'700'000'000'000'000'002;
  span.attributes = {{"text", std::string("a")},
                     {"whole", std::int64_t{1} << 60},
                     {"part", 0.5},
                     {"truth", true},
                     {"list", std::vector<std::string>{"x", "y"}}};
  const json all = json::parse(to_otlp({span}, {{"service.name", std::string("s")}}));
  const json& from = all["resourceSpans"][0];
  BOOST_TEST(from["resource"]["attributes"][0]["value"]["stringValue"] == "s");
  BOOST_TEST(from["scopeSpans"][0]["scope"]["name"] == "limelight");
  const json& got = from["scopeSpans"][0]["spans"][0];
  BOOST_TEST(got["traceId"] == "abababababababababababababababab");
  BOOST_TEST(got["spanId"] == "0101010101010101");
  BOOST_TEST(!got.contains("parentSpanId"));
  BOOST_TEST(got["kind"] == 1);
  BOOST_TEST(got["startTimeUnixNano"] == "1700000000000000001");
  BOOST_TEST(got["endTimeUnixNano"] == "1700000000000000002");
  BOOST_TEST(got["status"] == json::object());
  const json& attributes = got["attributes"];
  BOOST_TEST(attributes[0] == json({{"key", "text"}, {"value", {{"stringValue", "a"}}}}));
  BOOST_TEST(attributes[1]["value"]["intValue"] == "1152921504606846976");
  BOOST_TEST(attributes[2]["value"]["doubleValue"] == 0.5);
  BOOST_TEST(attributes[3]["value"]["boolValue"] == true);
  BOOST_TEST(attributes[4]["value"]["arrayValue"]["values"][1]["stringValue"] == "y");

  span.parent.fill(2);
  span.remote_parent = true;
  span.trace_state = "a=b";
  span.kind = Span::Kind::server;
  span.error = "a rank failed";
  const json child = json::parse(to_otlp({span}, {}))["resourceSpans"][0]["scopeSpans"][0]["spans"];
  BOOST_TEST(child[0]["parentSpanId"] == "0202020202020202");
  BOOST_TEST(child[0]["traceState"] == "a=b");
  BOOST_TEST(child[0]["kind"] == 2);
  BOOST_TEST(child[0]["flags"] == 0x301);
  BOOST_TEST(child[0]["status"] == json({{"code", 2}, {"message", "a rank failed"}}));
}

BOOST_AUTO_TEST_CASE(a_collector_may_reject_some) {
  BOOST_TEST(read_otlp_answer("{}").rejected == 0u);
  BOOST_TEST(read_otlp_answer("no json").rejected == 0u);
  BOOST_TEST(read_otlp_answer(R"({"partialSuccess": {"rejectedSpans": -1}})").rejected == 0u);
  BOOST_TEST(read_otlp_answer(R"({"partialSuccess": {"rejectedSpans": "no"}})").rejected == 0u);
  const auto answer =
      read_otlp_answer(R"({"partialSuccess": {"rejectedSpans": "3", "errorMessage": "old"}})");
  BOOST_TEST(answer.rejected == 3u);
  BOOST_TEST(answer.why == "old");
  BOOST_TEST(read_otlp_answer(R"({"code": 3, "message": "bad"})").why == "bad");
}

BOOST_AUTO_TEST_SUITE_END()
