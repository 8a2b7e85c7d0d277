// Events of a stream, wherever the network cuts it.
#include <boost/test/unit_test.hpp>

#include "bench/load/event_stream.hpp"

using limelight::bench::EventStream;

BOOST_AUTO_TEST_SUITE(bench_event_stream)

BOOST_AUTO_TEST_CASE(events_are_whole_wherever_the_stream_is_cut) {
  const std::string stream =
      "data: {\"a\": 1}\n\n: a comment\r\nevent: x\r\ndata:{\"b\": 2}\r\n\r\ndata: [DONE]\n\n";
  const std::vector<std::string> expected{"{\"a\": 1}", "{\"b\": 2}", "[DONE]"};
  for (std::size_t piece = 1; piece <= stream.size(); ++piece) {
    EventStream events;
    std::vector<std::string> found;
    for (std::size_t at = 0; at < stream.size(); at += piece)
      events.take(std::string_view(stream).substr(at, piece),
                  [&](std::string_view data) { found.emplace_back(data); });
    BOOST_TEST(found == expected, boost::test_tools::per_element());
  }
}

BOOST_AUTO_TEST_SUITE_END()
