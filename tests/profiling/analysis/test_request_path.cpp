// Where a request's time went.
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <limelight/trace.hpp>

#include "profiling/analysis/request_path.hpp"
#include "tests/support.hpp"

namespace prof = limelight::profiling;
using namespace limelight::tests;

namespace {

prof::EventLine event(std::string_view name, std::int64_t begin, std::int64_t duration) {
  prof::EventLine made;
  made.phase = 'X';
  made.category = name.starts_with("ProfilerStep#") ? "user_annotation" : "cpu_op";
  made.name = name;
  made.args = R"({"request":"r"})";
  made.begin_ns = begin;
  made.duration_ns = duration;
  return made;
}
prof::StagePath path_of(const std::vector<prof::EventLine>& events) {
  prof::RequestPaths paths;
  for (const auto& one : events) paths.add(one, 2);
  const auto found = paths.finish();
  BOOST_REQUIRE(found.size() == 1u);
  BOOST_TEST(found[0].request == "r");
  BOOST_REQUIRE(found[0].stages.size() == 1u);
  return found[0].stages[0];
}

}  // namespace

BOOST_AUTO_TEST_SUITE(request_path)

BOOST_AUTO_TEST_CASE(a_step_is_compute_but_for_the_transfers_and_collectives_in_it) {
  const auto path = path_of({event("actor.submit", 50, 1), event("linear", 110, 20),
                             event("ipc.loan", 130, 5), event("ipc.publish", 135, 5),
                             event("collective.all_reduce", 140, 30), event("linear", 170, 5),
                             event("ProfilerStep#1", 100, 100), event("ProfilerStep#2", 300, 50)});
  BOOST_TEST(path.rank == 2);
  BOOST_TEST(!path.orchestrator);
  BOOST_TEST(path.submitted_ns == 50);
  BOOST_TEST(path.first_step_ns == 100);
  BOOST_TEST(path.last_step_ns == 350);
  BOOST_TEST(path.steps == 2u);
  BOOST_TEST(path.transfer_ns == 10);
  BOOST_TEST(path.collective_ns == 30);
  BOOST_TEST(path.compute_ns == 150 - 10 - 30);
  BOOST_REQUIRE(path.operations.size() == 4u);
  BOOST_TEST(path.operations[0].first == "collective.all_reduce");
  BOOST_TEST(path.operations[1].first == "linear");
  BOOST_TEST(path.operations[1].second == 25);
}

BOOST_AUTO_TEST_CASE(of_a_shared_step_a_request_has_its_share_and_the_rest_is_beside_it) {
  auto turn = event("turn", 5'000'000, 10);  // at the end of a step of 4 ms
  turn.args = R"({"request":"r","tokens":3,"share us":1000,"step us":4000})";
  turn.category = "user_annotation";
  const auto path =
      path_of({event("actor.submit", 500'000, 1), event("ipc.publish", 4'500'000, 200), turn,
               event("ProfilerStep#2", 6'000'000, 2'000'000)});
  BOOST_TEST(path.steps == 2u);
  BOOST_TEST(path.first_step_ns == 1'000'000);
  BOOST_TEST(path.last_step_ns == 8'000'000);
  BOOST_TEST(path.compute_ns == 1'000'000 - 200 + 2'000'000);
  BOOST_TEST(path.transfer_ns == 200);
  BOOST_TEST(path.beside_ns == 3'000'000);
}

BOOST_AUTO_TEST_CASE(the_order_of_events_does_not_matter) {
  std::vector<prof::EventLine> events{event("ProfilerStep#2", 300, 50),
                                      event("ProfilerStep#1", 100, 100), event("linear", 110, 20)};
  const auto path = path_of(events);
  BOOST_TEST(path.first_step_ns == 100);
  BOOST_TEST(path.last_step_ns == 350);
}

BOOST_AUTO_TEST_CASE(the_orchestrator_admits_and_finishes) {
  const auto path =
      path_of({event("orchestrator.submit", 10, 1), event("orchestrator.admit", 30, 1),
               event("orchestrator.finish", 90, 5)});
  BOOST_TEST(path.orchestrator);
  BOOST_TEST(path.submitted_ns == 10);
  BOOST_TEST(path.first_step_ns == 30);
  BOOST_TEST(path.last_step_ns == 95);
}

// What the rank did between the steps of a request, against a look at each instant.
BOOST_AUTO_TEST_CASE(work_for_others_between_the_steps_is_not_idle) {
  prof::RequestPaths paths;
  auto other = event("ProfilerStep#9", 0, 0);
  other.args = R"({"request":"other"})";
  auto shared = event("ProfilerStep#9", 0, 0);
  shared.args = {};
  std::vector<char> busy(1000, '.');
  const auto add = [&](prof::EventLine one, std::int64_t begin, std::int64_t length, char who) {
    one.begin_ns = begin;
    one.duration_ns = length;
    paths.add(one, 0);
    for (std::int64_t t = begin; t < begin + length; ++t) busy[static_cast<std::size_t>(t)] = who;
  };
  add(other, 50, 30, 'o');
  add(event("ProfilerStep#1", 100, 0), 100, 100, 'r');
  add(other, 200, 250, 'o');
  add(shared, 460, 40, 'o');
  add(event("ProfilerStep#2", 100, 0), 600, 50, 'r');
  add(other, 700, 200, 'o');
  const auto found = paths.finish();
  BOOST_REQUIRE(found.size() == 2u);
  const prof::StagePath& stage = found[1].stages[0];
  BOOST_TEST(found[1].request == "r");
  const auto count = [&](char who) {
    return std::count(busy.begin() + 100, busy.begin() + 650, who);
  };
  BOOST_TEST(stage.compute_ns == count('r'));
  BOOST_TEST(stage.others_ns == count('o'));
  BOOST_TEST(stage.idle_ns() == count('.'));
  BOOST_REQUIRE(stage.worked.size() == 2u);
  BOOST_TEST((stage.worked[1] == prof::Interval(600, 650)));
}

BOOST_AUTO_TEST_CASE(many_intervals_stay_few_and_cover_what_they_covered) {
  prof::Intervals intervals;
  for (std::int64_t i = 20'000; i-- > 0;) intervals.add({i * 1000, i * 1000 + 10});
  const auto joined = intervals.joined();
  BOOST_TEST(joined.size() <= prof::Intervals::most);
  BOOST_TEST(joined.front().first == 0);
  BOOST_TEST(joined.back().second == 19'999'010);
}

BOOST_AUTO_TEST_CASE(two_requests_of_one_id_are_counted) {
  prof::RequestPaths paths;
  for (const std::int64_t at : {10, 500}) paths.add(event("actor.submit", at, 1), 0);
  paths.add(event("ProfilerStep#1", 600, 10), 0);
  BOOST_TEST(paths.finish()[0].count() == 2u);
}

BOOST_AUTO_TEST_CASE(an_id_is_found_whatever_characters_it_has) {
  prof::RequestPaths paths;
  auto one = event("ProfilerStep#1", 600, 10);
  one.args = R"({"request":"a \"b\" \\ \u00e4"})";
  paths.add(one, 0);
  BOOST_TEST(paths.finish()[0].request == "a \"b\" \\ \xc3\xa4");
}

BOOST_AUTO_TEST_CASE(events_of_no_request_and_what_are_no_slices_do_not_count) {
  prof::RequestPaths paths;
  auto one = event("linear", 1, 1);
  one.phase = 'C';
  paths.add(one, 0);
  one = event("linear", 1, 1);
  one.args = "{}";
  paths.add(one, 0);
  BOOST_TEST(paths.finish().empty());
}

BOOST_AUTO_TEST_CASE(a_request_is_described_whatever_the_length_of_its_id_and_of_names) {
  const Folder folder;
  const std::string id(400, 'i'), kernel(400, 'k');
  const auto line = [&](const std::string& name, const char* category, const char* times) {
    return "{\"ph\":\"X\",\"cat\":\"" + std::string(category) + "\",\"name\":\"" + name +
           "\",\"pid\":1,\"tid\":1," + times + ",\"args\":{\"request\":\"" + id + "\"}}";
  };
  const auto file = write_file(
      folder.path / "a",
      "{\n\"distributedInfo\": {\"rank\": 1},\n\"baseTimeNanoseconds\": 0,\n\"traceEvents\": [\n" +
          line(kernel, "cpu_op", "\"ts\":2000.000,\"dur\":1000.000") + ",\n" +
          line("ProfilerStep#1", "user_annotation", "\"ts\":1000.000,\"dur\":4000.000") +
          "\n],\n\"limelight\": {},\n\"traceName\": \"a\"}\n");
  const auto text = prof::describe_request({file}, id);
  if (!text) BOOST_FAIL(text.error().message);
  BOOST_TEST(text->starts_with("request " + id + ": 4.000 ms from its submission"), *text);
  BOOST_TEST(text->find("\n\nrank ") != std::string::npos, *text);
  BOOST_TEST(text->find("idle ms\nrank 1 ") != std::string::npos, *text);
  BOOST_TEST(text->ends_with("  " + kernel + "        1.000 ms\n"), *text);
  BOOST_TEST(prof::describe_request({file}, "other").error().message.ends_with("are: " + id));
}

BOOST_AUTO_TEST_SUITE_END()
