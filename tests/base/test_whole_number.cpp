// Whole numbers in texts from outside.
#include <boost/test/unit_test.hpp>
#include <cstdint>

#include "base/whole_number.hpp"

using limelight::whole_number;

BOOST_AUTO_TEST_SUITE(whole_numbers)

BOOST_AUTO_TEST_CASE(a_number_is_digits_alone_and_in_its_range) {
  BOOST_TEST(*whole_number<int>("0") == 0);
  BOOST_TEST(*whole_number<int>("-12") == -12);
  BOOST_TEST(*whole_number<int>("2147483647") == 2147483647);
  BOOST_TEST(*whole_number<std::uint64_t>("18446744073709551615") == UINT64_MAX);
  BOOST_TEST(*whole_number<int>("9001", 1, 65535) == 9001);
}

BOOST_AUTO_TEST_CASE(what_other_parsers_skip_cut_off_or_throw_at_is_none) {
  for (const char* text : {"", " ", " 1", "1 ", "+1", "1.0", "1e3", "0x10", "one", "1,2", "--1",
                           "2147483648", "4294967296", "99999999999999999999999"})
    BOOST_TEST(!whole_number<int>(text), text);
  for (const char* text : {"-1", "-0", "18446744073709551616"})
    BOOST_TEST(!whole_number<std::uint64_t>(text), text);
  for (const char* text : {"0", "65536", "70000", "-1"})
    BOOST_TEST(!whole_number<int>(text, 1, 65535), text);
}

BOOST_AUTO_TEST_SUITE_END()
