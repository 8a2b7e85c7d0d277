// The names of requests: of those that are open and of the last that ended, in bounded memory.
#include <boost/test/unit_test.hpp>
#include <limelight/span.hpp>
#include <vector>

#include "profiling/record/registry.hpp"
#include "profiling/record/request_names.hpp"

namespace prof = limelight::profiling;
using prof::detail::RequestNames;

namespace {
constexpr std::uint32_t many = 1'000'000, kept = RequestNames::most_forgotten;
std::string id_of(std::uint32_t request) { return "request-" + std::to_string(request); }
}  // namespace

BOOST_AUTO_TEST_SUITE(record_request_names)

BOOST_AUTO_TEST_CASE(a_million_requests_leave_the_names_of_the_last_ones_and_of_the_open_ones) {
  RequestNames names;
  for (const std::uint32_t open : {1u, 2u, 4097u}) names.name(open, id_of(open));
  for (std::uint32_t request = 10'000; request < 10'000 + many; ++request) {
    names.name(request, id_of(request));
    names.forget(request);
    if (request % 1000 == 0) BOOST_REQUIRE(names.size() <= kept + 3);
  }
  BOOST_TEST(names.size() == kept + 3);
  for (const std::uint32_t open : {1u, 2u, 4097u}) BOOST_TEST(names.find(open) == id_of(open));
  const std::uint32_t last = 10'000 + many - 1;
  BOOST_TEST(names.find(last) == id_of(last));
  BOOST_TEST(names.find(last - kept + 1) == id_of(last - kept + 1));
  BOOST_TEST(names.find(last - kept) == std::to_string(last - kept));  // its number alone
}

BOOST_AUTO_TEST_CASE(requests_that_nobody_forgets_take_bounded_memory_too) {
  RequestNames names;
  for (std::uint32_t request = 1; request <= many; ++request) names.name(request, id_of(request));
  BOOST_TEST(names.size() == RequestNames::most_open + kept);
  BOOST_TEST(names.find(many) == id_of(many));
  BOOST_TEST(names.find(1) == "1");
}

BOOST_AUTO_TEST_CASE(a_name_is_replaced_and_forgetting_twice_is_forgetting_once) {
  RequestNames names;
  BOOST_TEST(names.find(0) == "0");
  names.name(0, "zero");
  names.name(0, "nought");
  BOOST_TEST(names.find(0) == "nought");
  names.forget(0);
  names.forget(0);
  names.forget(8);
  BOOST_TEST(names.size() == 1u);
  BOOST_TEST(names.find(0) == "nought");
  names.name(0, "again");  // the number is used once more
  BOOST_TEST(names.find(0) == "again");
}

BOOST_AUTO_TEST_CASE(the_open_requests_are_told_in_the_order_of_their_numbers) {
  RequestNames names;
  for (const std::uint32_t request : {3u, 1u, 2u}) names.name(request, id_of(request));
  names.forget(2);
  std::vector<std::string> told;
  names.for_each_open([&](std::uint32_t request, std::string_view id) {
    BOOST_TEST(id == id_of(request));
    told.emplace_back(id);
  });
  BOOST_TEST((told == std::vector<std::string>{id_of(1), id_of(3)}));
}

BOOST_AUTO_TEST_CASE(the_process_has_one_table_which_recording_threads_use) {
  prof::name_request(12, "twelve");
  BOOST_TEST(prof::detail::request_names().find(12) == "twelve");
  prof::forget_request(12);
  BOOST_TEST(prof::detail::request_names().find(12) == "twelve");  // for traces yet to be written
}

BOOST_AUTO_TEST_SUITE_END()
