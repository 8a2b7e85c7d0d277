// The page of docs/performance.md: what holds, what falls short, and what a peer does better.
#include <boost/test/unit_test.hpp>

#include "bench/performance/page.hpp"
#include "tests/support.hpp"

using namespace limelight::bench;
using limelight::tests::Folder;

namespace {

const BenchFile profiler{.name = "profiler", .text = R"({"results": [
  {"name": "span", "params": {}, "value": 20, "unit": "ns", "peer": "floor", "peer_value": 19,
   "ratio": 1.05},
  {"name": "span", "params": {}, "value": 20, "unit": "ns", "peer": "LTTng-UST",
   "peer_value": 133, "ratio": 0.15},
  {"name": "overhead", "params": {"rounds": 150, "ci95": 0.7}, "value": 0.8, "unit": "%",
   "peer": null, "peer_value": null, "ratio": null}],
  "about": {"cpu": "Some CPU", "cores": 2, "load": 7.5, "version": "0.1.0",
            "date": "2026-11-27", "quick": true, "notes": ["a note"]}})"};
const BenchFile decode{.name = "decode", .text = R"({"results": [
  {"name": "decode", "params": {"threads": 1}, "value": 50, "unit": "tokens/s",
   "peer": "llama.cpp", "peer_value": 100, "ratio": 0.5}]})"};

bool says(const std::string& text, const std::string& what) {
  return text.find(what) != std::string::npos;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(performance_page_of_results)

BOOST_AUTO_TEST_CASE(what_holds_and_what_falls_short_is_said_beside_the_peer) {
  const auto page = performance_page({decode, profiler}, "performance");
  if (!page) BOOST_FAIL(page.error().message);
  const std::string& text = page->markdown;
  BOOST_TEST(says(text, "| 20.0 ns | 19.0 ns, floor | <= 1.50 x | holds |"), text);
  // 0.8 % is below 1 %, and the end of its interval is not.
  BOOST_TEST(says(text, "| 0.800 % (95 %: +- 0.7) |  | <= 1.00 % | **falls short** |"), text);
  BOOST_TEST(says(text, "upper end of its 95 % interval: 1.50, wanted <= 1.00 %"), text);
  BOOST_TEST(says(text, "| not measured here |"));
  BOOST_TEST(says(text, "On Some CPU, 2 cores, load 7.50 when it ended"), text);
  BOOST_TEST(says(text, "| a note |\n"));
}

BOOST_AUTO_TEST_CASE(a_peer_that_is_better_is_listed_and_one_that_is_worse_is_not) {
  const auto page = performance_page({decode, profiler}, "performance");
  const std::string lost = page->markdown.substr(page->markdown.find("## What we lose"));
  BOOST_TEST(says(lost,
                  "`bench decode` decode threads=1: 50.0 tokens/s, llama.cpp 100 "
                  "(2.00 x worse)."),
             lost);
  BOOST_TEST(!says(lost.substr(0, lost.find("## Plots")), "LTTng-UST"));
}

BOOST_AUTO_TEST_CASE(every_plot_that_the_page_shows_is_written_beside_it) {
  const Folder folder;
  std::filesystem::create_directories(folder.path / "results");
  for (const BenchFile& file : {profiler, decode})
    limelight::tests::write_file(folder.path / "results" / (file.name + ".json"), file.text);
  const auto out = folder.path / "page.md";
  const auto written = write_performance(folder.path / "results", out);
  if (!written) BOOST_FAIL(written.error().message);
  const std::string text = limelight::tests::read_file(out);
  std::size_t plots = 0;
  for (std::size_t at = 0; (at = text.find("](page/", at)) != std::string::npos; ++plots) {
    at += 2;
    const auto name = text.substr(at, text.find(')', at) - at);
    BOOST_TEST(std::filesystem::exists(folder.path / name), name);
  }
  BOOST_TEST(plots == 3u);
}

BOOST_AUTO_TEST_CASE(a_file_that_is_no_result_is_named) {
  const auto refused = performance_page({{"other", "[1, 2]"}}, "p");
  BOOST_TEST(refused.error().message ==
             "other.json: expected what `limelight bench` prints with --json");
  const Folder folder;
  BOOST_TEST(write_performance(folder.path, folder.path / "p.md")
                 .error()
                 .message.find("found no results") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
