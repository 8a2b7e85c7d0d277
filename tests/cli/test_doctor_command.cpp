// What `limelight doctor` says of a machine.
#include <boost/test/unit_test.hpp>
#include <thread>

#include "tests/support.hpp"

using namespace limelight::tests;

BOOST_AUTO_TEST_SUITE(doctor_command)

BOOST_AUTO_TEST_CASE(each_part_of_the_machine_has_a_line) {
  // CUPTI keeps what it allocates when it is loaded. A sanitizer would count that as the command's.
  const Ran ran = run("ASAN_OPTIONS=detect_leaks=0 " LIMELIGHT_COMMAND " doctor");
  BOOST_TEST(ran.code == 0);
  for (const char* part :
       {"cores ", "CPU features ", "clock ", "shared memory ", "CUDA driver ", "CUPTI ", "NCCL "})
    BOOST_TEST(("\n" + ran.output).find("\n" + std::string(part)) != std::string::npos, part);
  BOOST_TEST(ran.output.find(" " + std::to_string(std::thread::hardware_concurrency()) + "\n") !=
             std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
