// Spans of requests, as a collector of OpenTelemetry gets them from `limelight serve` and
// `limelight run`.
#include <chrono>
#include <map>
#include <set>

#include "tests/collector.hpp"
#include "tests/http/served.hpp"

using namespace limelight::tests;

namespace {

constexpr const char* trace = "4bf92f3577b34da6a3ce929d0e0e4736";
constexpr const char* parent = "00f067aa0ba902b7";

std::string given() { return "00-" + std::string(trace) + "-" + parent + "-01"; }

std::int64_t time_of(const json& span, const char* key) {
  return std::stoll(span[key].get<std::string>());
}
std::int64_t now_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}
std::int64_t whole(const json& value) { return std::stoll(value["intValue"].get<std::string>()); }

// One request of the shipped pipeline: a span for it, for each of 3 stages and each of 2 hops.
void check_request(const std::vector<json>& spans, std::int64_t from, std::int64_t to) {
  BOOST_REQUIRE(spans.size() == 6u);
  std::map<std::string, json> named;
  std::set<std::string> ids;
  for (const json& span : spans) {
    named[span["name"]] = span;
    ids.insert(span["spanId"]);
    BOOST_TEST(span["traceId"] == trace);
    BOOST_TEST(time_of(span, "startTimeUnixNano") >= from);
    BOOST_TEST(time_of(span, "startTimeUnixNano") <= time_of(span, "endTimeUnixNano"));
    BOOST_TEST(time_of(span, "endTimeUnixNano") <= to);
  }
  BOOST_TEST(ids.size() == 6u);
  const json request = named["llm_request"];
  BOOST_TEST(request["parentSpanId"] == parent);
  BOOST_TEST(whole(attribute(request, "gen_ai.usage.output_tokens")) == 12);
  BOOST_TEST(
      attribute(request,
                "gen_ai.response.finish_reasons")["arrayValue"]["values"][0]["stringValue"] ==
      "length");
  for (const char* name :
       {"thinker", "talker", "code2wav", "thinker -> talker", "talker -> code2wav"}) {
    BOOST_REQUIRE_MESSAGE(named.contains(name), name);
    const json& span = named[name];
    BOOST_TEST(span["parentSpanId"] == request["spanId"]);
    BOOST_TEST(time_of(span, "startTimeUnixNano") >= time_of(request, "startTimeUnixNano"));
    BOOST_TEST(time_of(span, "endTimeUnixNano") <= time_of(request, "endTimeUnixNano"));
    BOOST_TEST(time_of(span, "endTimeUnixNano") > time_of(span, "startTimeUnixNano"));
  }
  BOOST_TEST(whole(attribute(named["thinker"], "limelight.stage.num_tokens_out")) == 12);
  BOOST_TEST(attribute(named["talker"], "limelight.stage.gen_time_ms")["doubleValue"] > 0);
  BOOST_TEST(whole(attribute(named["thinker -> talker"], "limelight.hop.chunks")) > 0);
  BOOST_TEST(whole(attribute(named["talker -> code2wav"], "limelight.hop.size_bytes")) > 0);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(telemetry)

BOOST_AUTO_TEST_CASE(a_request_over_http_is_a_part_of_its_clients_trace) {
  const Collector collector;
  Served served({"--otlp-endpoint", collector.endpoint()});
  const json request{{"messages", {{{"role", "user"}, {"content", "Hello"}}}},
                     {"max_tokens", 12},
                     {"ignore_eos", true},
                     {"modalities", {"text", "audio"}}};
  const std::int64_t from = now_ns();
  const Reply reply = served.post("/v1/chat/completions", request,
                                  {"traceparent: " + given(), "tracestate: vendor=1"});
  const std::int64_t to = now_ns();
  BOOST_TEST(reply.status == 200, reply.body);
  const std::string passed = reply.headers.at("traceparent");
  const auto spans = collector.spans(6);
  check_request(spans, from, to);
  for (const json& span : spans) BOOST_TEST(span["traceState"] == "vendor=1");
  for (const json& span : spans)
    if (span["name"] == "llm_request") {
      BOOST_TEST(span["kind"] == 2);
      BOOST_TEST(passed ==
                 "00-" + std::string(trace) + "-" + span["spanId"].get<std::string>() + "-01");
      BOOST_TEST(attribute(span, "url.path")["stringValue"] == "/v1/chat/completions");
      BOOST_TEST(attribute(span, "gen_ai.request.model")["stringValue"] == "omni_tiny");
      BOOST_TEST(attribute(span, "gen_ai.latency.time_to_first_token")["doubleValue"] > 0);
    }
  BOOST_TEST(soon([&] {
    return served.get("/metrics").body.find("otlp_spans_sent_total 6") != std::string::npos;
  }));

  // Without a traceparent, or with a wrong one, a trace begins; one that is not to be recorded is
  // passed on, and not recorded.
  const Reply own = served.post("/v1/chat/completions", request, {"traceparent: 00-wrong"});
  BOOST_TEST(own.headers.at("traceparent").size() == 55u);
  BOOST_TEST(own.headers.at("traceparent").find(trace) == std::string::npos);
  const std::string silent = given().substr(0, 53) + "00";
  const Reply quiet = served.post("/v1/chat/completions", request, {"traceparent: " + silent});
  BOOST_TEST(quiet.headers.at("traceparent").starts_with("00-" + std::string(trace)));
  BOOST_TEST(quiet.headers.at("traceparent").ends_with("-00"));
  BOOST_TEST(served.stop() == 0);
  BOOST_TEST(collector.spans(12, std::chrono::seconds(0)).size() == 12u);
  BOOST_TEST(served.log().find("12 spans sent to " + collector.endpoint() + ", 0 dropped") !=
             std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_collector_that_is_away_holds_nothing_up) {
  const json request{{"prompt", "Hello"}, {"max_tokens", 4}};
  std::string endpoint;
  {
    const Collector gone;
    endpoint = gone.endpoint();
  }
  Served served({"--otlp-endpoint", endpoint});
  for (int i = 0; i < 3; ++i) BOOST_TEST(served.post("/v1/completions", request).status == 200);
  BOOST_TEST(soon([&] { return served.log().find("does not take spans") != std::string::npos; }));
  const auto begin = std::chrono::steady_clock::now();
  BOOST_TEST(served.stop() == 0);
  BOOST_TEST((std::chrono::steady_clock::now() - begin < std::chrono::seconds(30)));
  const std::string log = served.log();
  BOOST_TEST(log.find("does not take spans") == log.rfind("does not take spans"));
  BOOST_TEST(log.find("OpenTelemetry: 0 spans sent") != std::string::npos, log);
  const Ran wrong = run(LIMELIGHT_COMMAND " serve --check --otlp-endpoint collector:4318");
  BOOST_TEST(wrong.code == 2);
  BOOST_TEST(wrong.output.find("expected a URL such as http://127.0.0.1:4318/v1/traces") !=
                 std::string::npos,
             wrong.output);
}

BOOST_AUTO_TEST_CASE(requests_of_a_file_are_parts_of_their_traces) {
  const Collector collector;
  const Folder folder;
  const json line{{"prompt", "Hello"},
                  {"max_tokens", 12},
                  {"ignore_eos", true},
                  {"request_id", "mine"},
                  {"traceparent", given()}};
  const auto prompts = write_file(folder.path / "prompts.jsonl", line.dump());
  const std::string command = LIMELIGHT_COMMAND " run --config " CONFIG_DIR
                                                "/omni_tiny.yaml --output-dir " +
                              (folder.path / "out").string() + " --prompts ";
  const std::int64_t from = now_ns();
  const Ran ran = run(command + prompts.string() + " --otlp-endpoint " + collector.endpoint());
  BOOST_REQUIRE_MESSAGE(ran.code == 0, ran.output);
  const auto spans = collector.spans(6, std::chrono::seconds(0));
  check_request(spans, from, now_ns());
  const json output = json::parse(read_file(folder.path / "out/outputs.jsonl"));
  for (const json& span : spans)
    if (span["name"] == "llm_request") {
      BOOST_TEST(attribute(span, "gen_ai.request.id")["stringValue"] == "mine");
      BOOST_TEST(output["traceparent"].get<std::string>().find(span["spanId"].get<std::string>()) ==
                 36u);
    }
  BOOST_TEST(ran.output.find("6 spans sent") != std::string::npos, ran.output);
  const auto wrong = write_file(folder.path / "wrong.jsonl",
                                json{{"prompt", "a"}, {"traceparent", "00-1"}}.dump());
  const Ran refused = run(command + wrong.string());
  BOOST_TEST(refused.code == 2);
  BOOST_TEST(refused.output.find("key 'traceparent': found \"00-1\", expected one of W3C") !=
                 std::string::npos,
             refused.output);
}

BOOST_AUTO_TEST_SUITE_END()
