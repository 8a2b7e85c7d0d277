// The results of benchmarks as scripts and as people read them.
#include <boost/test/unit_test.hpp>
#include <nlohmann/json.hpp>

#include "bench/report.hpp"

using limelight::bench::Measurement;
using nlohmann::json;

namespace {
const Measurement alone{.name = "ipc", .params = {{"bytes", "4096"}}, .value = 2.5, .unit = "us"};
const Measurement beside{.name = "decode",
                         .params = {{"model", "smollm2"}, {"threads", "2"}},
                         .value = 30,
                         .unit = "tokens/s",
                         .peer = "llama.cpp",
                         .peer_value = 20};
}  // namespace

BOOST_AUTO_TEST_SUITE(bench_report)

BOOST_AUTO_TEST_CASE(the_json_has_every_key_and_null_where_there_is_no_peer) {
  const json results = json::parse(limelight::bench::to_json({alone, beside}));
  BOOST_TEST(results == json::parse(R"({"results": [
    {"name": "ipc", "params": {"bytes": 4096}, "value": 2.5, "unit": "us",
     "peer": null, "peer_value": null, "ratio": null},
    {"name": "decode", "params": {"model": "smollm2", "threads": 2}, "value": 30.0,
     "unit": "tokens/s", "peer": "llama.cpp", "peer_value": 20.0, "ratio": 1.5}]})"));
  BOOST_TEST(json::parse(limelight::bench::to_json({})) == json::parse(R"({"results": []})"));
}

BOOST_AUTO_TEST_CASE(a_peer_that_measured_nothing_gives_no_ratio) {
  Measurement nothing = beside;
  nothing.peer_value = 0;
  BOOST_TEST(!nothing.ratio().has_value());
  nothing.peer_value.reset();
  BOOST_TEST(!nothing.ratio().has_value());
  BOOST_TEST(*beside.ratio() == 1.5);
}

BOOST_AUTO_TEST_CASE(the_table_has_a_row_for_each_result_and_a_dash_for_what_is_missing) {
  const std::string table = limelight::bench::to_table({alone, beside});
  std::istringstream lines(table);
  std::vector<std::vector<std::string>> rows;
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    auto& row = rows.emplace_back();
    for (std::string word; words >> word;) row.push_back(word);
  }
  using Row = std::vector<std::string>;
  BOOST_REQUIRE_EQUAL(rows.size(), 3u);
  BOOST_TEST(rows[0] == (Row{"name", "params", "value", "unit", "peer", "peer_value", "ratio"}),
             boost::test_tools::per_element());
  BOOST_TEST(rows[1] == (Row{"ipc", "bytes=4096", "2.500", "us", "-", "-", "-"}),
             boost::test_tools::per_element());
  BOOST_TEST(rows[2] == (Row{"decode", "model=smollm2", "threads=2", "30.000", "tokens/s",
                             "llama.cpp", "20.000", "1.500"}),
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_quantile_is_an_element_of_the_sample) {
  std::vector<double> sample{5, 1, 4, 2, 3};
  for (const auto& [q, expected] :
       {std::pair(0.0, 1.0), std::pair(0.5, 3.0), std::pair(0.99, 5.0), std::pair(1.0, 5.0)})
    BOOST_TEST(limelight::bench::quantile(sample, q) == expected);
  std::vector<double> one{7};
  BOOST_TEST(limelight::bench::quantile(one, 0.5) == 7);
}

BOOST_AUTO_TEST_SUITE_END()
