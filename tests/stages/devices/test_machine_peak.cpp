// What the machine can do at most, and that it is measured once.
#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "stages/devices/machine_peak.hpp"
#include "tests/support.hpp"

using namespace limelight::tests;
using limelight::stages::machine_peak_json;
using nlohmann::json;

BOOST_AUTO_TEST_SUITE(machine_peak)

BOOST_AUTO_TEST_CASE(the_peak_is_measured_once_and_kept_for_whoever_asks_next) {
  const Folder folder;
  const char* before = std::getenv("TMPDIR");
  const std::string was = before != nullptr ? before : "";
  setenv("TMPDIR", folder.path.c_str(), 1);
  const std::string first = machine_peak_json(2), second = machine_peak_json(2);
  BOOST_TEST(first == second);
  const json peak = json::parse(first);
  BOOST_TEST(peak["gflops"] > 0.0);
  BOOST_TEST(peak["gb_per_s"] > 0.0);
  BOOST_TEST(peak["threads"] == 2);
  BOOST_TEST(json::parse(machine_peak_json(1))["threads"] == 1);
  // A start of a pipeline removes what is named limelight-... and nobody holds; this it keeps.
  for (const auto& entry : std::filesystem::directory_iterator(folder.path))
    BOOST_TEST(entry.path().filename().string().starts_with(".limelight-peak-"));
  // What is no measurement is replaced by one.
  for (const auto& entry : std::filesystem::directory_iterator(folder.path))
    write_file(entry.path(), "something else");
  BOOST_TEST(json::parse(machine_peak_json(2))["gflops"] > 0.0);
  was.empty() ? unsetenv("TMPDIR") : setenv("TMPDIR", was.c_str(), 1);
}

BOOST_AUTO_TEST_SUITE_END()
