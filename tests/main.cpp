// The main function of a suite; its cases are in the files beside it.
#define BOOST_TEST_MODULE limelight
#include <boost/test/unit_test.hpp>
