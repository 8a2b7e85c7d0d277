// Names in shared memory: each thing of each run has its own.
#include <boost/test/unit_test.hpp>
#include <set>

#include "actors/pipeline/topics.hpp"

using namespace limelight::actors;

BOOST_AUTO_TEST_SUITE(topics)

BOOST_AUTO_TEST_CASE(no_two_channels_of_any_run_share_a_name) {
  std::set<std::string> names;
  std::size_t made = 0;
  for (const char* run : {"1-0", "1-01", "11-0"})
    for (const int from : {0, 1, 11, 12}) {
      for (const int replica : {0, 1}) {
        names.insert(topic_to_user(run, {from, replica}));
        ++made;
        for (const int to : {0, 1, 11, 12})
          for (const int input : {0, 1}) {
            names.insert(topic_between(run, {from, replica}, {to, 0}, input));
            names.insert(topic_between(run, {from, replica}, {to, 10}, input));
            made += 2;
          }
      }
    }
  BOOST_TEST(names.size() == made);
}

BOOST_AUTO_TEST_CASE(a_rank_that_is_started_again_has_new_names) {
  BOOST_TEST(process_name("5-1", 2, 0) != process_name("5-1", 2, 1));
  BOOST_TEST(group_name("5-1", {1, 0}, 0) != group_name("5-1", {1, 0}, 1));
  BOOST_TEST(group_name("5-1", {1, 0}, 0) != group_name("5-1", {1, 1}, 0));
  BOOST_TEST(group_name("5-1", {1, 0}, 0).starts_with("limelight-"));
}

BOOST_AUTO_TEST_CASE(the_memory_of_a_flight_recorder_shows_whose_it_is) {
  BOOST_TEST(flight_file("5-1", 2) == "/dev/shm/limelight-5-1-flight2");
}

BOOST_AUTO_TEST_SUITE_END()
