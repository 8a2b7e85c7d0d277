// Times of several files on one clock.
#include <boost/test/unit_test.hpp>

#include "profiling/analysis/common_clock.hpp"
#include "tests/support.hpp"

namespace prof = limelight::profiling;
namespace fs = std::filesystem;
using namespace limelight::tests;

namespace {
fs::path file(const Folder& folder, const char* name, const std::string& base, const char* ts) {
  return write_file(folder.path / name,
                    "{" + (base.empty() ? "" : "\"baseTimeNanoseconds\": " + base + ", ") +
                        "\"traceEvents\": [{\"ph\":\"M\",\"ts\":0,\"name\":\"process_name\"},"
                        "{\"ph\":\"i\",\"name\":\"a\",\"ts\":" +
                        ts + "}]}");
}
}  // namespace

BOOST_AUTO_TEST_SUITE(common_clock_of_files)

BOOST_AUTO_TEST_CASE(bases_differ_by_what_is_added_to_the_times) {
  const Folder folder;
  const auto clock =
      prof::common_clock({file(folder, "a", "5000", "1"), file(folder, "b", "2000", "2")});
  BOOST_REQUIRE(clock.ok());
  BOOST_TEST(clock->base_ns == 2000);
  BOOST_TEST(clock->shifts_ns == (std::vector<std::int64_t>{3000, 0}),
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(times_of_an_epoch_meet_those_since_a_base) {
  const Folder folder;
  const auto clock = prof::common_clock({file(folder, "a", "1790857026000000000", "1000"),
                                         file(folder, "b", "", "1790857026000001.5")});
  BOOST_REQUIRE(clock.ok());
  BOOST_TEST(clock->base_ns + 1000 - clock->shifts_ns[0] <= 1790857026000001000);
  // The same instants in both, since 1970.
  BOOST_TEST(clock->base_ns + clock->shifts_ns[0] == 0 + 1790857026000000000 + 0 - 0);
  BOOST_TEST(clock->base_ns + clock->shifts_ns[1] == 0);
}

BOOST_AUTO_TEST_CASE(unknown_clocks_are_shown_together_and_not_beside_known_ones) {
  const Folder folder;
  const auto unknown = file(folder, "a", "", "5"), other = file(folder, "b", "", "7"),
             known = file(folder, "c", "9", "1");
  const auto both = prof::common_clock({unknown, other});
  BOOST_REQUIRE(both.ok());
  BOOST_TEST(both->note.find("do not say") != std::string::npos);
  const auto mixed = prof::common_clock({unknown, known});
  BOOST_REQUIRE(!mixed.ok());
  BOOST_TEST(mixed.error().message.starts_with(unknown.string() + ": found no baseTime"));
}

BOOST_AUTO_TEST_SUITE_END()
