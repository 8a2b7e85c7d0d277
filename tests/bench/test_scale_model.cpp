// What is computed beyond one machine, against cases whose answer is known.
#include <boost/test/unit_test.hpp>

#include "bench/scale_model.hpp"

using namespace limelight::bench;

BOOST_AUTO_TEST_SUITE(scale_model)

BOOST_AUTO_TEST_CASE(a_supervisor_that_does_nothing_waits_for_the_slowest) {
  const ScaleConstants constants{.rank_us = {500}, .network_us = 100};
  BOOST_TEST(fan_out_ms(constants, 1) == 0.6, boost::test_tools::tolerance(1e-9));
  BOOST_TEST(fan_out_ms(constants, 10'000) == 0.6, boost::test_tools::tolerance(1e-9));
  BOOST_TEST(fan_out_ms(constants, 0) == 0);
}

BOOST_AUTO_TEST_CASE(a_supervisor_alone_takes_its_time_for_each_rank) {
  const ScaleConstants constants{.supervisor_us = 20, .rank_us = {0}};
  BOOST_TEST(fan_out_ms(constants, 1000) == 20, boost::test_tools::tolerance(1e-9));
  // The last answer cannot be read before it is there.
  const ScaleConstants slow{.supervisor_us = 20, .rank_us = {1'000'000}};
  BOOST_TEST(fan_out_ms(slow, 10) > 1000);
  BOOST_TEST(fan_out_ms(slow, 10) < 1000.3);
}

BOOST_AUTO_TEST_CASE(a_tree_asks_many_sooner_and_few_as_soon) {
  const ScaleConstants constants{.supervisor_us = 20, .rank_us = {300, 500}, .network_us = 100};
  BOOST_TEST(fan_out_ms(constants, 10'000, 100) < fan_out_ms(constants, 10'000) / 10);
  BOOST_TEST(fan_out_ms(constants, 50, 100) == fan_out_ms(constants, 50));
}

BOOST_AUTO_TEST_CASE(files_and_events_add_up_and_so_do_bytes) {
  const ScaleConstants constants{.merge_file_us = 1000,
                                 .merge_event_us = 2,
                                 .bytes_per_event = 5,
                                 .events_per_rank_s = 20'000,
                                 .question_bytes = 200,
                                 .answer_bytes = 300};
  BOOST_TEST(merge_s(constants, 10'000, 100'000) == 2010, boost::test_tools::tolerance(1e-9));
  const Volume volume = volume_of(constants, 10'000);
  BOOST_TEST(volume.disk_mb_s == 1000, boost::test_tools::tolerance(1e-9));
  BOOST_TEST(volume.disk_tb_day == 86.4, boost::test_tools::tolerance(1e-9));
  BOOST_TEST(volume.control_mb == 10, boost::test_tools::tolerance(1e-9));
}

BOOST_AUTO_TEST_SUITE_END()
