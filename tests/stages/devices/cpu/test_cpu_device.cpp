// The CPU as a device.
#include <boost/test/unit_test.hpp>

#include "tests/device_checks.hpp"

using namespace limelight;
using namespace limelight::stages;

BOOST_AUTO_TEST_CASE(the_cpu_computes_what_the_formulas_say) {
  tests::check_device(*make_cpu_device());
}
