// What belongs to a message of the log beside its text.
#include <boost/test/unit_test.hpp>
#include <thread>

#include "base/log_fields.hpp"

using limelight::LogFields;

BOOST_AUTO_TEST_SUITE(log_fields)

BOOST_AUTO_TEST_CASE(the_innermost_object_counts_until_it_ends) {
  BOOST_TEST(LogFields::current().empty());
  {
    const LogFields outer({{"request_id", std::string("a")}});
    {
      const LogFields inner({{"stage", std::int64_t{2}}, {"seconds", 0.5}});
      BOOST_REQUIRE(LogFields::current().size() == 2u);
      BOOST_TEST(LogFields::current()[0].first == "stage");
      BOOST_TEST(std::get<double>(LogFields::current()[1].second) == 0.5);
    }
    BOOST_REQUIRE(LogFields::current().size() == 1u);
    BOOST_TEST(std::get<std::string>(LogFields::current()[0].second) == "a");
  }
  BOOST_TEST(LogFields::current().empty());
}

BOOST_AUTO_TEST_CASE(another_thread_has_none_of_them) {
  const LogFields here({{"request_id", std::string("a")}});
  std::size_t there = 1;
  std::thread([&] { there = LogFields::current().size(); }).join();
  BOOST_TEST(there == 0u);
}

BOOST_AUTO_TEST_SUITE_END()
