// Whether two results differ by more than noise: a planted difference is found, planted noise is
// not called one.
#include <boost/test/unit_test.hpp>
#include <nlohmann/json.hpp>
#include <random>

#include "bench/load/compare.hpp"
#include "tests/support.hpp"

using namespace limelight::bench;
using limelight::tests::Folder;
using limelight::tests::write_file;
using nlohmann::json;

namespace {

using Files = std::vector<std::filesystem::path>;

json run_of(double latency) {
  return {{"mean_e2el_ms", latency}, {"request_throughput", 1000 / latency}};
}
std::string verdict(const Files& before, const Files& after, const std::string& metric) {
  const auto text = compare_results(before, after, true);
  BOOST_REQUIRE(text);
  const json all = json::parse(*text);
  for (const json& row : all["metrics"])
    if (row["metric"] == metric) return row["verdict"];
  return "missing";
}

struct Results {
  Folder folder;
  int count = 0;
  std::filesystem::path of(const std::vector<double>& latencies) {
    json all{{"runs", json::array()}};
    for (const double latency : latencies) all["runs"].push_back(run_of(latency));
    return write_file(folder.path / (std::to_string(count++) + ".json"), all.dump());
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(bench_compare, Results)

BOOST_AUTO_TEST_CASE(a_difference_beyond_the_spread_of_the_runs_has_a_verdict) {
  const Files before{of({100, 101, 99, 100, 100})}, after{of({105, 106, 104, 105, 105})};
  BOOST_TEST(verdict(before, after, "e2el_ms") == "worse");
  BOOST_TEST(verdict(after, before, "e2el_ms") == "better");
  BOOST_TEST(verdict(before, after, "request_throughput") == "worse");
  BOOST_TEST(verdict(before, before, "e2el_ms") == "no difference");
}

BOOST_AUTO_TEST_CASE(noise_is_called_a_difference_in_fewer_than_one_of_twenty_cases) {
  std::mt19937_64 random(1);
  std::normal_distribution<double> noise(100, 5);
  const auto runs = [&] {
    std::vector<double> all(5);
    for (double& run : all) run = noise(random);
    return all;
  };
  int called = 0;
  for (int i = 0; i < 200; ++i)
    called += verdict({of(runs())}, {of(runs())}, "e2el_ms") != "no difference";
  BOOST_TEST(called < 10);
}

// The machine is slow in the second pair: both sides feel it.
BOOST_AUTO_TEST_CASE(files_that_were_measured_in_turn_are_compared_in_pairs) {
  const Files before{of({100}), of({150}), of({110}), of({100})};
  const Files after{of({105}), of({155.5}), of({115.2}), of({104.9})};
  BOOST_TEST(verdict(before, after, "e2el_ms") == "worse");
  const Files one{of({100, 150, 110, 100})}, other{of({105, 155.5, 115.2, 104.9})};
  BOOST_TEST(verdict(one, other, "e2el_ms") == "no difference");
}

BOOST_AUTO_TEST_CASE(one_run_a_side_gives_no_verdict_and_says_what_would) {
  const Files before{of({100})}, after{of({200})};
  BOOST_TEST(verdict(before, after, "e2el_ms") == "unknown: too few runs");
  BOOST_TEST(compare_results(before, after, false)->find("a verdict needs three of each") !=
             std::string::npos);
}

// vLLM's own files have no runs: the file is one.
BOOST_AUTO_TEST_CASE(a_result_of_vllm_is_one_run) {
  const auto file = write_file(folder.path / "vllm.json",
                               R"({"mean_ttft_ms": 10, "request_throughput": 2, "ttfts": [1]})");
  BOOST_TEST(verdict({file}, {file}, "ttft_ms") == "unknown: too few runs");
  BOOST_TEST(verdict({file, file, file}, {file, file, file}, "ttft_ms") == "no difference");
}

BOOST_AUTO_TEST_CASE(what_is_no_result_is_refused_by_name) {
  const Files good{of({100})};
  const auto bad = write_file(folder.path / "bad.json", "[1]");
  BOOST_TEST(compare_results(good, {bad}, false).error().message.starts_with(bad.string()));
  BOOST_TEST(compare_results({folder.path / "none"}, good, false).error().message ==
             (folder.path / "none").string() + ": cannot open");
  const auto other = write_file(folder.path / "other.json", R"({"mean_x_ms": 1})");
  BOOST_TEST(compare_results(good, {other}, false).error().message.find("no metric in common") !=
             std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
