// What is added up of the chunks of each channel.
#include <boost/test/unit_test.hpp>
#include <list>

#include "profiling/analysis/hand_off.hpp"

namespace prof = limelight::profiling;

namespace {

struct Chunks {
  prof::HandOffs hand_offs;
  std::list<std::string> texts;
  void add(
      int rank, const char* name, std::int64_t begin, std::int64_t end, const std::string& args) {
    prof::EventLine event;
    event.phase = 'X';
    event.name = name;
    event.args = texts.emplace_back("{" + args + "}");
    event.begin_ns = begin;
    event.duration_ns = end - begin;
    hand_offs.add(event, rank);
  }
  static std::string chunk(int number) {
    return R"("bytes":64,"channel":5,"chunk":)" + std::to_string(number);
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(hand_off)

BOOST_FIXTURE_TEST_CASE(a_chunk_is_under_way_from_its_publish_to_the_end_of_its_take, Chunks) {
  add(1, "ipc.publish", 100, 110, chunk(1));
  add(2, "ipc.take", 1000, 1100, chunk(1));
  add(2, "ipc.take", 3000, 3100, chunk(2));  // the taker's file may come first
  add(1, "ipc.publish", 2100, 2110, chunk(2));
  BOOST_REQUIRE(hand_offs.channels().size() == 1u);
  const auto& channel = hand_offs.channels().at(5);
  BOOST_TEST(channel.from == 1);
  BOOST_TEST(channel.to == 2);
  BOOST_TEST(channel.chunks == 2u);
  BOOST_TEST(channel.bytes == 128u);
  BOOST_TEST(channel.dwell.count() == 2u);
  BOOST_TEST(channel.dwell.most() == 1000);
}

BOOST_FIXTURE_TEST_CASE(one_end_alone_has_no_time_and_others_no_channel, Chunks) {
  add(1, "ipc.publish", 100, 110, chunk(1));
  add(1, "ipc.loan", 100, 110, chunk(1));
  add(1, "ipc.publish", 100, 110, R"("bytes":64)");
  BOOST_REQUIRE(hand_offs.channels().size() == 1u);
  BOOST_TEST(hand_offs.channels().at(5).to == -1);
  BOOST_TEST(hand_offs.channels().at(5).dwell.count() == 0u);
}

// Clocks of two machines may differ.
BOOST_FIXTURE_TEST_CASE(a_take_before_its_publish_counts_as_no_time, Chunks) {
  add(1, "ipc.publish", 500, 510, chunk(1));
  add(2, "ipc.take", 100, 200, chunk(1));
  BOOST_TEST(hand_offs.channels().at(5).dwell.count() == 1u);
  BOOST_TEST(hand_offs.channels().at(5).dwell.most() == 0);
}

BOOST_AUTO_TEST_SUITE_END()
