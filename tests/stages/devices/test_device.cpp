// How a device is chosen.
#include <boost/test/unit_test.hpp>

#include "stages/devices/device.hpp"

using namespace limelight;
using namespace limelight::stages;

BOOST_AUTO_TEST_CASE(devices_are_chosen_by_their_names) {
  for (const char* good : {"cpu", "auto", "0", "0,1", "cuda:0", "cuda:0,cuda:1"})
    BOOST_TEST(is_device_wish(good), good);
  for (const char* bad : {"", "gpu", "cuda:", "cuda:x", "0,", "-1"})
    BOOST_TEST(!is_device_wish(bad), bad);
  std::string notice;
  BOOST_TEST((*make_device("cpu", 0, notice))->name() == "cpu");
  if (const auto gpu = make_cuda_device(0); !gpu) {
    BOOST_TEST((*make_device("0", 0, notice))->name() == "cpu");  // as vLLM-Omni's configs have it
    BOOST_TEST(notice.find("computes on the CPU") != std::string::npos);
    BOOST_TEST((make_device("cuda:0", 0, notice).error().code == ErrorCode::unavailable));
  }
}
