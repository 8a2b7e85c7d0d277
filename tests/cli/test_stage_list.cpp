// The stages that `limelight run --profile` is given.
#include <boost/test/unit_test.hpp>

#include "cli/stage_list.hpp"

using limelight::ErrorCode;
using limelight::cli::read_stages;

BOOST_AUTO_TEST_CASE(stages_are_all_or_a_list_of_ids) {
  BOOST_TEST(read_stages("all")->empty());
  BOOST_TEST(read_stages("")->empty());
  BOOST_TEST(*read_stages("0,2,10") == (std::vector<int>{0, 2, 10}),
             boost::test_tools::per_element());
  for (const char* wrong :
       {"one", "0,", ",0", "0,,2", "-1", "1.5", "0 2", "99999999999", "all,0"}) {
    const auto stages = read_stages(wrong);
    BOOST_REQUIRE_MESSAGE(!stages.ok(), wrong);
    BOOST_TEST((stages.error().code == ErrorCode::invalid_argument));
    BOOST_TEST(stages.error().message == "--profile: found '" + std::string(wrong) +
                                             "', expected 'all' or stage ids such as 0,2");
  }
}
