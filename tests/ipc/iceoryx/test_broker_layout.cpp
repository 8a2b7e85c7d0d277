// What the broker will take of /dev/shm, computed before there is one.
#include <boost/test/unit_test.hpp>

#include "ipc/iceoryx/broker_layout.hpp"

using namespace limelight::ipc;

BOOST_AUTO_TEST_SUITE(broker_layout_suite)

BOOST_AUTO_TEST_CASE(the_used_parts_are_in_order_inside_the_segment_and_leave_holes) {
  const BrokerLayout layout = broker_layout({{1024, 8}, {1 << 20, 2}});
  std::uint64_t end = 0, used = 0;
  for (const limelight::ShmRange& range : layout.used) {
    BOOST_TEST(range.offset >= end);
    end = range.offset + range.bytes;
    used += range.bytes;
  }
  BOOST_TEST(end <= layout.management);
  BOOST_TEST(used < layout.management / 2);
  BOOST_TEST(layout.payload >= (2u << 20) + 8 * 1024u);
}

BOOST_AUTO_TEST_CASE(more_chunks_need_more_and_the_needs_are_those_of_the_layout) {
  const std::vector<Pool> few{{1024, 8}}, many{{1024, 80}};
  BOOST_TEST(broker_layout(many).payload > broker_layout(few).payload);
  const auto needs = broker_needs(many);
  BOOST_REQUIRE(needs.size() == 2u);
  BOOST_TEST(needs[0].bytes == limelight::page_bytes(broker_layout(many).used));
  BOOST_TEST(needs[1].bytes == limelight::page_bytes(broker_layout(many).payload));
}

BOOST_AUTO_TEST_SUITE_END()
