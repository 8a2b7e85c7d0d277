// What a load asks for and when: lengths and intervals as the options say, the same for a seed.
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <numeric>

#include "bench/load/plan.hpp"
#include "tests/support.hpp"

using namespace limelight::bench;
using limelight::tests::Folder;
using limelight::tests::write_file;

namespace {

int words_of(const std::string& text) {
  return 1 + static_cast<int>(std::count(text.begin(), text.end(), ' '));
}
std::string plan_refusal(const PlanOptions& options) {
  const auto plan = make_plan(options);
  BOOST_REQUIRE(!plan);
  return plan.error().message;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(bench_plan)

BOOST_AUTO_TEST_CASE(made_prompts_have_lengths_in_the_range_and_are_the_same_for_a_seed) {
  PlanOptions options{.num_prompts = 500, .input_len = 40, .output_len = 20, .range_ratio = 0.25};
  const auto plan = make_plan(options), again = make_plan(options);
  int least = 1000, most = 0;
  for (const PlannedRequest& request : *plan) {
    const int words = words_of(request.prompt);
    BOOST_TEST((words >= 30 && words <= 50));
    BOOST_TEST((request.output_len >= 15 && request.output_len <= 25));
    BOOST_TEST(request.at_s == 0);
    least = std::min(least, words);
    most = std::max(most, words);
  }
  BOOST_TEST(least == 30);
  BOOST_TEST(most == 50);
  for (std::size_t i = 0; i < plan->size(); ++i)
    BOOST_TEST((*plan)[i].prompt == (*again)[i].prompt);
  options.seed = 1;
  BOOST_TEST(make_plan(options)->front().prompt != plan->front().prompt);
}

BOOST_AUTO_TEST_CASE(all_prompts_begin_with_the_prefix) {
  const auto plan = make_plan({.num_prompts = 3, .input_len = 4, .prefix_len = 8});
  const auto prefix = [](const std::string& text) {
    std::size_t at = 0;
    for (int i = 0; i < 8; ++i) at = text.find(' ', at) + 1;
    return text.substr(0, at);
  };
  for (const PlannedRequest& request : *plan) {
    BOOST_TEST(words_of(request.prompt) == 12);
    BOOST_TEST(prefix(request.prompt) == prefix(plan->front().prompt));
  }
}

// A gamma distribution with shape k has a variation (deviation / mean) of 1 / sqrt(k).
BOOST_AUTO_TEST_CASE(intervals_have_the_rate_and_the_burstiness_that_were_asked_for) {
  for (const double burstiness : {0.25, 1.0, 4.0}) {
    const auto plan = make_plan(
        {.num_prompts = 20000, .input_len = 1, .request_rate = 50, .burstiness = burstiness});
    BOOST_TEST(plan->back().at_s == 400, boost::test_tools::tolerance(1e-9));
    std::vector<double> gaps;
    for (std::size_t i = 1; i < plan->size(); ++i)
      gaps.push_back((*plan)[i].at_s - (*plan)[i - 1].at_s);
    const double mean = std::accumulate(gaps.begin(), gaps.end(), 0.0) / gaps.size();
    double squares = 0;
    for (const double gap : gaps) squares += (gap - mean) * (gap - mean) / gaps.size();
    BOOST_TEST(std::sqrt(squares) / mean == 1 / std::sqrt(burstiness),
               boost::test_tools::tolerance(0.06));
    BOOST_TEST(*std::min_element(gaps.begin(), gaps.end()) >= 0);
  }
}

BOOST_AUTO_TEST_CASE(a_file_is_asked_in_turn_and_its_faults_are_named) {
  const Folder folder;
  const auto file =
      write_file(folder.path / "p.jsonl",
                 "{\"prompt\": \"one\", \"output_tokens\": 7}\n\n{\"prompt\": \"two\"}\n");
  const auto plan = make_plan({.num_prompts = 3, .dataset_path = file, .output_len = 9});
  BOOST_REQUIRE(plan);
  BOOST_TEST((*plan)[0].prompt == "one");
  BOOST_TEST((*plan)[0].output_len == 7);
  BOOST_TEST((*plan)[1].prompt == "two");
  BOOST_TEST((*plan)[1].output_len == 9);
  BOOST_TEST((*plan)[2].prompt == "one");

  const std::string good = "{\"prompt\": \"one\"}\n";
  const auto refusal = [&](const std::string& line) {
    write_file(file, good + line);
    return plan_refusal({.dataset_path = file});
  };
  BOOST_TEST(refusal("{\"prompt\": 1}").starts_with(file.string() + ":2: found no object"));
  BOOST_TEST(refusal("what").starts_with(file.string() + ":2: "));
  BOOST_TEST(refusal(R"({"prompt": "a", "output_tokens": 0})").find("found 0, expected") !=
             std::string::npos);
  BOOST_TEST(refusal(R"({"prompt": "a", "output_tokens": 1e30})").find("expected a whole") !=
             std::string::npos);
  write_file(file, "\n");
  BOOST_TEST(plan_refusal({.dataset_path = file}) == file.string() + ": found no prompt");
  BOOST_TEST(plan_refusal({.dataset_path = folder.path / "none"}) ==
             (folder.path / "none").string() + ": cannot open");
}

BOOST_AUTO_TEST_CASE(numbers_out_of_range_are_refused) {
  BOOST_TEST(plan_refusal({.num_prompts = 0}) == "num_prompts: found 0, expected 1 to 1048576");
  BOOST_TEST(plan_refusal({.range_ratio = 1}).starts_with("range_ratio: "));
  BOOST_TEST(plan_refusal({.request_rate = 0}).starts_with("request_rate: "));
  BOOST_TEST(plan_refusal({.request_rate = NAN}).starts_with("request_rate: "));
  BOOST_TEST(plan_refusal({.burstiness = -1}).starts_with("burstiness: "));
}

BOOST_AUTO_TEST_SUITE_END()
