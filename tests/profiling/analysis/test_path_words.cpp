// The sentence and the table of where a request's time went. Which path it is:
// test_critical_path.cpp.
#include <boost/test/unit_test.hpp>

#include "profiling/analysis/path_words.hpp"

namespace prof = limelight::profiling;
using Kind = prof::PathKind;

namespace {

const prof::RankName names = [](int rank) {
  return rank == 9
             ? std::string("orchestrator")
             : "rank " + std::to_string(rank) + ": stage " + std::to_string(rank) + " thinker";
};
prof::PathTotal part(Kind kind, std::int64_t us, int rank = 1, int other = -1) {
  prof::PathTotal total;
  total.kind = kind;
  total.rank = rank;
  total.other = other;
  total.ns = us * 1000;
  return total;
}
prof::CriticalPath path_of(std::vector<prof::PathTotal> totals) {
  prof::CriticalPath path;
  path.begin_ns = 5000;
  path.end_ns = path.begin_ns;
  for (const auto& total : totals) path.end_ns += total.ns;
  path.totals = std::move(totals);
  return path;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(path_words)

BOOST_AUTO_TEST_CASE(a_sentence_names_the_three_largest_parts_above_5_percent_and_the_rest) {
  BOOST_TEST(
      prof::path_sentence(
          path_of({part(Kind::work, 600), part(Kind::hand_off, 200, 2, 1), part(Kind::behind, 100),
                   part(Kind::idle, 60), part(Kind::queue, 40)}),
          names) ==
      "Of 1.000 ms most went to steps of rank 1 (stage 1 thinker): 0.600 ms, 60 %; then to "
      "the queue from rank 1 to rank 2 (stage 2 thinker): 0.200 ms, 20 %; then to waiting "
      "behind the steps of rank 1 (stage 1 thinker) for other requests: 0.100 ms, 10 %; 10 % "
      "went elsewhere.");
  BOOST_TEST(
      prof::path_sentence(
          path_of({part(Kind::memory, 40), part(Kind::idle, 33), part(Kind::admission, 27)}), names)
          .starts_with("Of 0.100 ms the largest part went to waits of rank 1 (stage 1 "
                       "thinker) for memory for chunks: 0.040 ms, 40 %; then to"));
  BOOST_TEST(prof::path_sentence(path_of({part(Kind::work, 990), part(Kind::idle, 10)}), names) ==
             "Of 1.000 ms most went to steps of rank 1 (stage 1 thinker): 0.990 ms, 99 %; 1 % "
             "went elsewhere.");
  BOOST_TEST(prof::path_sentence({}, names) == "");
}

BOOST_AUTO_TEST_CASE(whose_time_it_is_is_said_for_every_kind) {
  const auto place = [](Kind kind) { return prof::place_of(part(kind, 1, 1, 3), names); };
  BOOST_TEST(place(Kind::collective) ==
             "collectives in which rank 1 waited for rank 3 (stage 3 thinker), which came last");
  BOOST_TEST(place(Kind::full_queue) ==
             "the full queue from rank 1 to rank 3 (stage 3 thinker), where a chunk found no room");
  BOOST_TEST(place(Kind::beside) ==
             "the shares of other requests in shared steps of rank 1 (stage 1 thinker)");
  BOOST_TEST(place(Kind::queue) == "the queue of rank 1 (stage 1 thinker) before the first step");
  BOOST_TEST(place(Kind::orchestrator) == "the orchestrator, before and after the stages");
  BOOST_TEST(prof::place_of(part(Kind::work, 1, 9), names) == "steps of orchestrator");
  BOOST_TEST(prof::place_of(part(Kind::hand_off, 1, 2, -1), names) ==
             "the queue from an unknown rank to rank 2 (stage 2 thinker)");
}

BOOST_AUTO_TEST_CASE(an_operation_is_named_where_it_had_a_tenth_or_more) {
  prof::PathTotal work = part(Kind::work, 1000);
  const auto sentence = [&](std::int64_t us) {
    work.operations = {{"matmul", us * 1000}};
    return prof::path_sentence(path_of({work}), names);
  };
  BOOST_TEST(sentence(600).ends_with("100 %, most of it in matmul (0.600 ms)."));
  BOOST_TEST(sentence(200).ends_with("100 %, the longest part in matmul (0.200 ms)."));
  BOOST_TEST(sentence(99).ends_with("100 %."));
  work.operations = {{std::string(5000, 'k'), 900'000}};
  BOOST_TEST(prof::path_sentence(path_of({work}), names).size() < 300u);
}

BOOST_AUTO_TEST_CASE(the_table_has_all_parts_and_three_operations_of_each) {
  prof::PathTotal work = part(Kind::work, 900);
  work.operations = {{"a", 4000}, {"b", 3000}, {"c", 2000}, {"d", 1000}};
  BOOST_TEST(prof::path_table(path_of({work, part(Kind::idle, 100)}), names) ==
             "         0.900 ms   90.0 %  steps of rank 1 (stage 1 thinker)\n"
             "                            a 0.004 ms\n"
             "                            b 0.003 ms\n"
             "                            c 0.002 ms\n"
             "         0.100 ms   10.0 %  gaps between the steps of rank 1 (stage 1 thinker)\n");
}

BOOST_AUTO_TEST_SUITE_END()
