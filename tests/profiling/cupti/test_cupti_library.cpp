// Which libcupti is taken, and what is said of one that is missing, too old or refuses.
#include <boost/test/unit_test.hpp>

#include "profiling/cupti/cupti_library.hpp"

using limelight::ErrorCode;
using limelight::profiling::CuptiLibrary;

BOOST_AUTO_TEST_SUITE(cupti_library)

BOOST_AUTO_TEST_CASE(a_library_that_is_missing_or_lacks_functions_is_named) {
  const auto missing = CuptiLibrary::load("/no/such/libcupti.so");
  BOOST_REQUIRE(!missing.ok());
  BOOST_TEST((missing.error().code == ErrorCode::unavailable));
  BOOST_TEST(missing.error().message.find("/no/such/libcupti.so") != std::string::npos,
             missing.error().message);
  BOOST_TEST(missing.error().message.find("install") != std::string::npos);
  const auto other = CuptiLibrary::load("libm.so.6");
  BOOST_REQUIRE(!other.ok());
  BOOST_TEST((other.error().code == ErrorCode::unavailable));
  BOOST_TEST(other.error().message.starts_with("libm.so.6 is too old: it has no "
                                               "cuptiActivityRegisterCallbacks, "),
             other.error().message);
  BOOST_TEST(other.error().message.ends_with(", cuptiGetResultString"));
}

BOOST_AUTO_TEST_CASE(an_error_has_its_number_its_text_and_what_to_do) {
  const auto library = CuptiLibrary::load(SIMULATED_CUPTI);
  if (!library) BOOST_FAIL(library.error().message);
  const auto refused = library->error("record GPU activity", CUPTI_ERROR_INSUFFICIENT_PRIVILEGES);
  BOOST_TEST((refused.code == ErrorCode::unavailable));
  BOOST_TEST(refused.message.starts_with(
                 "cannot record GPU activity: CUPTI error " +
                 std::to_string(static_cast<int>(CUPTI_ERROR_INSUFFICIENT_PRIVILEGES)) + " ("),
             refused.message);
  BOOST_TEST(refused.message.find("NVreg_RestrictProfilingToAdminUsers=0") != std::string::npos);
  const auto other = library->error("attach", CUPTI_ERROR_MAX_LIMIT_REACHED);
  BOOST_TEST(other.message.ends_with(")"), other.message);  // there is nothing to advise
}

BOOST_AUTO_TEST_SUITE_END()
