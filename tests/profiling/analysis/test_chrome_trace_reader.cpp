// Any Chrome trace, event by event.
#include <boost/test/unit_test.hpp>

#include "profiling/analysis/chrome_trace_reader.hpp"
#include "tests/support.hpp"

namespace prof = limelight::profiling;
using namespace limelight::tests;
using limelight::ErrorCode;
using nlohmann::json;

BOOST_AUTO_TEST_SUITE(chrome_trace_reader)

BOOST_AUTO_TEST_CASE(events_come_with_the_line_that_they_end_in_and_the_head_without_them) {
  const Folder folder;
  const std::string text =
      "{\"a\": [{\"x\": 1}],\n\"traceEvents\": [\n{\"n\": 1,\n\"args\": {\"d\": {}}},"
      "\n{\"n\": 2}],\n\"z\": {\"traceEvents\": [{\"n\": 3}]}}";
  std::vector<std::pair<int, std::size_t>> seen;
  const auto head = prof::read_chrome_trace(write_file(folder.path / "a", text),
                                            [&](const json& event, std::size_t line) {
                                              seen.emplace_back(event["n"].get<int>(), line);
                                              if (event["n"] == 1)
                                                BOOST_TEST(event["args"].contains("d"));
                                            });
  if (!head) BOOST_FAIL(head.error().message);
  BOOST_REQUIRE(seen.size() == 2u);
  BOOST_TEST((seen[0] == std::pair(1, std::size_t{4})));
  BOOST_TEST((seen[1] == std::pair(2, std::size_t{5})));
  BOOST_TEST(head->keys["a"] == json::parse(R"([{"x": 1}])"));
  BOOST_TEST(head->keys["z"] == json::parse(R"({"traceEvents": [{"n": 3}]})"));
  BOOST_TEST(head->keys.value("traceEvents", json::array()).empty());
  BOOST_TEST(head->text == text);
}

BOOST_AUTO_TEST_CASE(what_is_no_trace_is_refused_with_its_line) {
  const Folder folder;
  const auto refused = [&](std::string_view text, const char* says) {
    const auto path = write_file(folder.path / "a", text);
    const auto head = prof::read_chrome_trace(path, [](const json&, std::size_t) {});
    BOOST_REQUIRE_MESSAGE(!head.ok(), text);
    BOOST_TEST((head.error().code == ErrorCode::corrupt));
    BOOST_TEST(head.error().message.starts_with(path.string() + ":"), head.error().message);
    BOOST_TEST(head.error().message.find(says) != std::string::npos, head.error().message);
  };
  refused("[1, 2]", "no JSON object");
  refused("{\n\"a\": 1,\n}", ":3: ");
  refused("{\"traceEvents\": [{", ":1: ");
  refused("", ":1: ");
  refused("\x1f\x8b\x08 no gzip at all", "compressed data");
  BOOST_TEST((prof::read_chrome_trace("/no/such", [](const json&, std::size_t) {}).error().code ==
              ErrorCode::not_found));
}

BOOST_AUTO_TEST_SUITE_END()
