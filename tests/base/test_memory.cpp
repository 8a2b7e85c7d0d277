// What this process can still have: no more than the machine has, and some.
#include <unistd.h>

#include <boost/test/unit_test.hpp>

#include "base/memory.hpp"

using namespace limelight;

BOOST_AUTO_TEST_SUITE(base_memory)

BOOST_AUTO_TEST_CASE(some_memory_is_there_and_no_more_than_the_machine_has) {
  const std::uint64_t all = static_cast<std::uint64_t>(::sysconf(_SC_PHYS_PAGES)) *
                            static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  BOOST_TEST(available_memory() > 0u);
  BOOST_TEST(available_memory() <= all);
}

BOOST_AUTO_TEST_CASE(sizes_are_written_with_one_digit) {
  BOOST_TEST(gibibytes(0) == "0.0 GiB");
  BOOST_TEST(gibibytes(std::uint64_t{3} << 29) == "1.5 GiB");
}

BOOST_AUTO_TEST_SUITE_END()
