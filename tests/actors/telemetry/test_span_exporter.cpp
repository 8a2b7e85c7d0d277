// Spans on their way to a collector, which may be slow, away, or against them.
#include <limelight/log.hpp>

#include "actors/telemetry/span_exporter.hpp"
#include "tests/collector.hpp"

using namespace limelight;
using namespace limelight::telemetry;
using namespace limelight::tests;
using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

namespace {

std::vector<Span> spans(std::size_t count) {
  std::vector<Span> list(count);
  for (Span& span : list) {
    span.trace = new_trace_id();
    span.id = new_span_id();
    span.name = "a";
  }
  return list;
}
// What is logged while it exists.
struct Log {
  Log() {
    set_log_sink([this](LogLevel, std::string_view message) {
      const std::lock_guard lock(mutex);
      text.append(message).append("\n");
    });
  }
  ~Log() { set_log_sink({}); }
  std::size_t count(const std::string& what) {
    const std::lock_guard lock(mutex);
    std::size_t found = 0;
    for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++found;
    return found;
  }
  std::mutex mutex;
  std::string text;
};
template <class F>
bool soon(F condition) {
  const auto end = Clock::now() + 20s;
  while (!condition())
    if (Clock::now() > end) return false;
    else std::this_thread::sleep_for(2ms);
  return true;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(span_exporter)

BOOST_AUTO_TEST_CASE(spans_go_out_in_batches) {
  const Collector collector;
  auto exporter = SpanExporter::open({.endpoint = collector.endpoint(),
                                      .resource = resource_of("test"),
                                      .batch = 10,
                                      .interval = 50ms});
  BOOST_REQUIRE(exporter.ok());
  (*exporter)->add(spans(25));
  BOOST_TEST(collector.spans(25).size() == 25u);
  BOOST_TEST(collector.heads().size() == 3u);
  BOOST_TEST(collector.heads()[0].starts_with("POST /v1/traces HTTP/1.1"));
  BOOST_TEST(collector.heads()[0].find("Content-Type: application/json") != std::string::npos);
  BOOST_TEST(collector.resource()["attributes"][0]["value"]["stringValue"] == "limelight");
  BOOST_TEST(soon([&] { return (*exporter)->counts().sent == 25u; }));
  BOOST_TEST((*exporter)->counts().dropped == 0u);
}

BOOST_AUTO_TEST_CASE(what_waits_at_the_end_is_sent) {
  const Collector collector;
  Log log;
  {
    auto exporter = SpanExporter::open({.endpoint = collector.endpoint(), .interval = 1h});
    (*exporter)->add(spans(3));
  }
  BOOST_TEST(collector.spans(3, 0s).size() == 3u);
  BOOST_TEST(log.count("3 spans sent to " + collector.endpoint() + ", 0 dropped") == 1u);
}

BOOST_AUTO_TEST_CASE(nobody_waits_for_a_collector_that_does_not_answer) {
  const Collector collector("");
  Log log;
  const auto begin = Clock::now();
  {
    auto exporter = SpanExporter::open({.endpoint = collector.endpoint(),
                                        .most_waiting = 100,
                                        .batch = 10,
                                        .answer_time = 1h,
                                        .flush_time = 300ms});
    (*exporter)->add(spans(10));
    BOOST_TEST(soon([&] { return collector.heads().size() == 1; }));
    for (int i = 0; i < 50; ++i) (*exporter)->add(spans(10));
    BOOST_TEST((*exporter)->counts().dropped == 400u);
  }
  BOOST_TEST((Clock::now() - begin < 1h));
  BOOST_TEST(log.count("0 spans sent") == 1u);
  BOOST_TEST(log.count("510 dropped") == 1u);
}

BOOST_AUTO_TEST_CASE(a_collector_that_is_away_is_told_once_and_tried_again) {
  Collector collector("503 Service Unavailable");
  Log log;
  auto exporter = SpanExporter::open(
      {.endpoint = collector.endpoint(), .interval = 1ms, .first_pause = 1ms, .tries = 1000});
  (*exporter)->add(spans(2));
  BOOST_TEST(soon([&] { return collector.heads().size() > 3; }));
  collector.set_answer("200 OK");
  BOOST_TEST(collector.spans(2).size() == 2u);
  BOOST_TEST(soon([&] { return log.count("answers again") == 1; }));
  BOOST_TEST(log.count("does not take spans: status 503") == 1u);
  BOOST_TEST((*exporter)->counts().dropped == 0u);
}

BOOST_AUTO_TEST_CASE(what_is_refused_is_not_sent_again) {
  const Collector collector("400 Bad Request", R"({"message": "wrong"})");
  Log log;
  auto exporter = SpanExporter::open({.endpoint = collector.endpoint(), .interval = 1ms});
  (*exporter)->add(spans(2));
  BOOST_TEST(soon([&] { return (*exporter)->counts().dropped == 2; }));
  BOOST_TEST(collector.heads().size() == 1u);
  BOOST_TEST(log.count("status 400: wrong") == 1u);
  const Collector partly("200 OK", R"({"partialSuccess": {"rejectedSpans": "1"}})");
  exporter = SpanExporter::open({.endpoint = partly.endpoint(), .interval = 1ms});
  (*exporter)->add(spans(3));
  BOOST_TEST(soon([&] { return (*exporter)->counts().sent == 2; }));
  BOOST_TEST((*exporter)->counts().dropped == 1u);
}

BOOST_AUTO_TEST_CASE(an_endpoint_is_a_url_with_a_path) {
  for (const char* wrong :
       {"", "collector:4318", "http://", "http://127.0.0.1:4318", "http://127.0.0.1:4318/",
        "ftp://127.0.0.1/v1/traces", "http://127.0.0.1:99999/v1/traces"}) {
    const auto refused = SpanExporter::open({.endpoint = wrong});
    BOOST_REQUIRE_MESSAGE(!refused.ok(), wrong);
    BOOST_TEST((refused.error().code == ErrorCode::invalid_argument));
    BOOST_TEST(refused.error().message.find("expected a URL such as") != std::string::npos);
  }
  // Nobody listens there; nothing was to be sent.
  BOOST_TEST(SpanExporter::open({.endpoint = "http://127.0.0.1:1/v1/traces"}).ok());
}

BOOST_AUTO_TEST_SUITE_END()
