// traceparent as W3C Trace Context has it.
#include <boost/test/unit_test.hpp>
#include <set>

#include "actors/telemetry/trace_context.hpp"

using namespace limelight::telemetry;

BOOST_AUTO_TEST_SUITE(trace_context)

BOOST_AUTO_TEST_CASE(a_traceparent_is_read_and_written) {
  const std::string text = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  const auto context = parse_traceparent(text);
  BOOST_REQUIRE(context.has_value());
  BOOST_TEST(to_hex(context->trace) == "4bf92f3577b34da6a3ce929d0e0e4736");
  BOOST_TEST(to_hex(context->span) == "00f067aa0ba902b7");
  BOOST_TEST(context->sampled);
  BOOST_TEST(to_traceparent(*context) == text);
  const auto silent = parse_traceparent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-02");
  BOOST_REQUIRE(silent.has_value());
  BOOST_TEST(!silent->sampled);
  // Of a later version, what is known of it.
  BOOST_TEST(parse_traceparent("01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more")
                 .has_value());
}

BOOST_AUTO_TEST_CASE(what_the_standard_tells_to_ignore_is_none) {
  for (const char* wrong : {"", "00", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
                            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0",
                            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
                            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
                            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
                            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
                            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
                            "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01more",
                            "00x4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
                            "00-4bf92f3577b34da6a3ce929d0e0e473g-00f067aa0ba902b7-01"})
    BOOST_TEST(!parse_traceparent(wrong).has_value(), wrong);
  BOOST_TEST(is_tracestate("vendor=1,other=2"));
  BOOST_TEST(!is_tracestate("a\nb"));
  BOOST_TEST(!is_tracestate(std::string(513, 'a')));
}

BOOST_AUTO_TEST_CASE(ids_differ) {
  std::set<std::string> ids;
  for (int i = 0; i < 1000; ++i) ids.insert(to_hex(new_trace_id()));
  for (int i = 0; i < 1000; ++i) ids.insert(to_hex(new_span_id()));
  BOOST_TEST(ids.size() == 2000u);
}

BOOST_AUTO_TEST_SUITE_END()
