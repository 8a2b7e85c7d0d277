// What a rank is told that is to trace its start.
#include <boost/test/unit_test.hpp>

#include "actors/pipeline/startup_request.hpp"

using namespace limelight::actors;

BOOST_AUTO_TEST_SUITE(startup_request)

BOOST_AUTO_TEST_CASE(what_is_written_is_read_whatever_the_folder_is_called) {
  const StartupRequest request{.directory = "/traces\n/of 1",
                               .timestamp = "1700000000000",
                               .base_ns = 5,
                               .world_size = 4,
                               .stage_id = 2,
                               .replica = 1,
                               .num_replicas = 3,
                               .stage_name = "code2wav"};
  const auto read = read_startup_request(to_text(request));
  BOOST_REQUIRE(read.has_value());
  BOOST_TEST(read->directory == request.directory);
  BOOST_TEST(read->timestamp == request.timestamp);
  BOOST_TEST(read->base_ns == request.base_ns);
  BOOST_TEST(read->world_size == request.world_size);
  BOOST_TEST(read->stage_id == request.stage_id);
  BOOST_TEST(read->replica == request.replica);
  BOOST_TEST(read->num_replicas == request.num_replicas);
  BOOST_TEST(read->stage_name == request.stage_name);
}

BOOST_AUTO_TEST_CASE(other_texts_are_none) {
  for (const char* text : {"", "1", "1\n2\n3\n4\n5\n6\nname", "1\n2\n0\n4\n5\n6\nname\n/folder",
                           "1\nx\n3\n4\n5\n6\nname\n/folder"})
    BOOST_TEST(!read_startup_request(text).has_value(), text);
}

BOOST_AUTO_TEST_SUITE_END()
