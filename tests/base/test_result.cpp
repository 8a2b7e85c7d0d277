// Errors as values.
#include <boost/test/unit_test.hpp>
#include <limelight/result.hpp>
#include <memory>
#include <set>

using namespace limelight;

BOOST_AUTO_TEST_SUITE(base_result)

BOOST_AUTO_TEST_CASE(a_result_is_a_value_or_an_error_also_of_an_error_s_type) {
  Result<std::unique_ptr<int>> value = std::make_unique<int>(3);
  BOOST_TEST(value.ok());
  const std::unique_ptr<int> taken = std::move(value).value();
  BOOST_TEST(*taken == 3);
  const Result<std::string> error = Error{ErrorCode::busy, "later"};
  BOOST_TEST(!error);
  BOOST_TEST(error.error().message == "later");
  BOOST_TEST(Result<void>().ok());
  BOOST_TEST((Result<void>(Error{ErrorCode::io, ""}).error().code == ErrorCode::io));
}

BOOST_AUTO_TEST_CASE(every_code_has_a_name_of_its_own) {
  std::set<std::string> names;
  for (int code = 0; code <= static_cast<int>(ErrorCode::internal); ++code)
    BOOST_TEST(names.insert(to_string(static_cast<ErrorCode>(code))).second);
  BOOST_TEST(!names.contains("unknown"));
}

BOOST_AUTO_TEST_SUITE_END()
