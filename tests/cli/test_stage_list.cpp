// The stages and ranks that `limelight run` is told to profile.
#include <boost/test/unit_test.hpp>

#include "cli/stage_list.hpp"

using limelight::ErrorCode;
using limelight::cli::read_ranks;
using limelight::cli::read_stages;

namespace {
constexpr const char* no_lists[] = {"",           "one",   "0,",   ",0",  "0,,2",
                                    ",",          "-1",    "1.5",  "0 2", "99999999999",
                                    "4294967296", "all,0", " 0,2", "+1",  "0x1"};
}

BOOST_AUTO_TEST_CASE(stages_are_all_or_a_list_of_ids) {
  BOOST_TEST(read_stages("all")->empty());
  BOOST_TEST(*read_stages("0,2,10") == (std::vector<int>{0, 2, 10}),
             boost::test_tools::per_element());
  for (const char* wrong : no_lists) {
    const auto stages = read_stages(wrong);
    BOOST_REQUIRE_MESSAGE(!stages.ok(), wrong);
    BOOST_TEST((stages.error().code == ErrorCode::invalid_argument));
    BOOST_TEST(stages.error().message == "--profile: found '" + std::string(wrong) +
                                             "', expected 'all' or stage ids such as 0,2");
  }
}

BOOST_AUTO_TEST_CASE(ranks_are_a_list_of_numbers) {
  BOOST_TEST(*read_ranks("3,0") == (std::vector<int>{3, 0}), boost::test_tools::per_element());
  for (const char* wrong : no_lists)
    BOOST_TEST(read_ranks(wrong).error().message == "--profile-ranks: found '" +
                                                        std::string(wrong) +
                                                        "', expected numbers of ranks such as 0,2");
  BOOST_TEST(!read_ranks("all").ok());
}
