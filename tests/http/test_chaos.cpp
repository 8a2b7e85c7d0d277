// A short run of `limelight bench chaos --http`: what it finds broken is said on standard error.
#include "tests/http/served.hpp"

using namespace limelight::tests;

BOOST_AUTO_TEST_SUITE(chaos)

BOOST_AUTO_TEST_CASE(what_was_promised_is_kept_while_all_is_hurt) {
  const Folder folder;
  const std::string out = (folder.path / "out.json").string();
  const Ran ran = run("( " LIMELIGHT_COMMAND " bench chaos --http --seconds 20 --seed 3 --json > " +
                      out + " 2> " + out + ".log )");
  const std::string log = read_file(out + ".log");
  BOOST_TEST(ran.code == 0, log);
  const json all = json::parse(read_file(out), nullptr, false);
  BOOST_REQUIRE_MESSAGE(all.is_object(), log);
  std::map<std::string, double> found;
  for (const json& one : all["results"])
    found[one["name"].get<std::string>() + " " + one["params"].value("kind", "")] = one["value"];
  BOOST_TEST(found.at("broken ") == 0, log);
  BOOST_TEST(found.at("requests done") > 50);
  BOOST_TEST(found.at("requests left") > 5);
  BOOST_TEST(found.at("traces valid") > 3);
  BOOST_TEST(found.at("faults rank_killed") > 3);
  BOOST_TEST(found.at("faults service_killed") == 1);
}

BOOST_AUTO_TEST_CASE(wrong_usage_is_told) {
  const auto code = [](const std::string& arguments) {
    return run(LIMELIGHT_COMMAND " bench chaos " + arguments).code;
  };
  BOOST_TEST(code("--seconds 5") == 2);  // of --http
  BOOST_TEST(code("--http --kills 5") == 2);
  BOOST_TEST(code("--http --streams 1") == 2);
}

BOOST_AUTO_TEST_SUITE_END()
