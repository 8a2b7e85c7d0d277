// What decided how long a request took, and the sentence that says it. Times in microseconds.
#include <boost/test/unit_test.hpp>
#include <deque>
#include <limelight/trace.hpp>

#include "profiling/analysis/critical_path.hpp"
#include "profiling/analysis/path_words.hpp"
#include "tests/support.hpp"

namespace prof = limelight::profiling;
using namespace limelight::tests;
using prof::PathKind;

namespace {

// Events of ranks as a trace has them.
class Run {
 public:
  Run& add(int rank,
           const std::string& name,
           std::int64_t begin,
           std::int64_t length,
           const std::string& args = R"("request":"r")") {
    prof::EventLine event;
    event.phase = 'X';
    event.category =
        name.starts_with("ProfilerStep#") || name == "turn" ? "user_annotation" : "cpu_op";
    event.name = texts_.emplace_back(name);
    event.args = texts_.emplace_back("{" + args + "}");
    event.pid = event.tid = rank;
    event.begin_ns = begin * 1000;
    event.duration_ns = length * 1000;
    events_.push_back({event, rank});
    return *this;
  }
  Run& step(int rank, std::int64_t begin, std::int64_t length, const std::string& of = "r") {
    return add(rank, "ProfilerStep#1", begin, length, R"("request":")" + of + "\"");
  }
  Run& chunk(int from, std::int64_t sent, int to, std::int64_t taken, int number = 0) {
    const std::string tag = R"("bytes":64,"channel":5,"chunk":)" + std::to_string(number);
    add(from, "ipc.publish", sent, 1, tag + R"(,"request":"r")");
    return add(to, "ipc.take", taken - 1, 1, tag);
  }

  prof::CriticalPath path(const std::string& request = "r", bool backwards = false) const {
    prof::CriticalPaths paths;
    prof::CollectiveMatch match(
        [&](const std::string&, const std::vector<prof::CollectiveMatch::Part>& parts) {
          paths.waited(parts);
        });
    const auto all = [&](auto from, auto to) {
      for (; from != to; ++from) {
        paths.add(from->event, from->rank);
        match.add(from->event, from->rank, "0", 2);
      }
    };
    backwards ? all(events_.rbegin(), events_.rend()) : all(events_.begin(), events_.end());
    match.finish();
    paths.finish();
    std::vector<std::string> names;
    for (const auto& [event, rank] : events_)
      if (event.name.find('.') == std::string::npos && event.category == "cpu_op" &&
          paths.in_step(rank, event.begin_ns)) {
        paths.operation(rank, event.begin_ns, event.duration_ns,
                        static_cast<std::uint32_t>(names.size()));
        names.emplace_back(event.name);
      }
    auto path = paths.path(request, [&](std::uint32_t id) { return names[id]; });
    // The parts tile the time of the request, and the totals are all of it.
    std::int64_t at = path.begin_ns, sum = 0;
    for (const auto& part : path.parts) {
      BOOST_TEST(part.begin_ns == at);
      at = part.end_ns;
    }
    for (const auto& total : path.totals) sum += total.ns;
    BOOST_TEST(at == path.end_ns);
    BOOST_TEST(sum == path.end_ns - path.begin_ns);
    return path;
  }

 private:
  struct Of {
    prof::EventLine event;
    int rank;
  };
  std::deque<std::string> texts_;
  std::vector<Of> events_;
};

std::int64_t us(const prof::CriticalPath& path, PathKind kind, int rank, int other = -1) {
  for (const auto& total : path.totals)
    if (total.kind == kind && total.rank == rank && total.other == other) return total.ns / 1000;
  return 0;
}
std::string sentence(const prof::CriticalPath& path) {
  return prof::path_sentence(path, [](int rank) {
    return "rank " + std::to_string(rank) + ": stage " + std::to_string(rank) + " test";
  });
}
bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(critical_path)

BOOST_AUTO_TEST_CASE(a_path_goes_from_the_submission_over_steps_and_queues_to_the_end) {
  Run run;
  run.add(0, "actor.submit", 100, 1).add(1, "actor.submit", 100, 1);
  run.step(0, 110, 100).chunk(0, 205, 1, 240).step(1, 240, 60);
  for (const bool backwards : {false, true}) {
    const auto path = run.path("r", backwards);
    BOOST_TEST(path.begin_ns == 100'000);
    BOOST_TEST(path.end_ns == 300'000);
    BOOST_TEST(us(path, PathKind::queue, 0) == 10);
    BOOST_TEST(us(path, PathKind::work, 0) == 96);  // until the chunk was sent
    BOOST_TEST(us(path, PathKind::hand_off, 1, 0) == 34);
    BOOST_TEST(us(path, PathKind::work, 1) == 60);
  }
}

BOOST_AUTO_TEST_CASE(the_sentence_names_a_slow_operation_of_a_slow_rank) {
  Run run;
  run.step(0, 0, 100).chunk(0, 95, 1, 120).step(1, 120, 900);
  run.add(1, "norm", 130, 100).add(1, "matmul", 240, 700);
  const auto path = run.path();
  BOOST_TEST(path.totals[0].rank == 1);
  BOOST_REQUIRE(!path.totals[0].operations.empty());
  BOOST_TEST(path.totals[0].operations[0].first == "matmul");
  BOOST_TEST(path.totals[0].operations[0].second == 700'000);
  BOOST_TEST(sentence(path) ==
             "Of 1.020 ms most went to steps of rank 1 (stage 1 test): 0.900 ms, 88 %, most of it "
             "in matmul (0.700 ms); then to steps of rank 0 (stage 0 test): 0.096 ms, 9 %; 2 % "
             "went elsewhere.");
}

BOOST_AUTO_TEST_CASE(the_sentence_names_a_slow_queue) {
  Run run;
  run.step(0, 0, 100).chunk(0, 95, 1, 1000).step(1, 1000, 100);
  const auto text = sentence(run.path());
  BOOST_TEST(has(text, "most went to the queue from rank 0 to rank 1 (stage 1 test): 0.904 ms"),
             text);
}

// What the rank did for others while the chunk lay there is told apart from the queue.
BOOST_AUTO_TEST_CASE(waiting_behind_other_requests_is_no_slow_queue) {
  Run run;
  run.step(0, 0, 100).chunk(0, 95, 1, 1000).step(1, 100, 850, "other").step(1, 1000, 100);
  const auto path = run.path();
  BOOST_TEST(us(path, PathKind::behind, 1) == 850);
  BOOST_TEST(us(path, PathKind::hand_off, 1, 0) == 54);
  BOOST_TEST(has(sentence(path), "most went to waiting behind the steps of rank 1"));
}

BOOST_AUTO_TEST_CASE(a_rank_that_comes_late_to_collectives_is_named_with_what_it_did) {
  Run run;
  // Both ranks end together; rank 0 waits for rank 1, which spends its time in slow_norm.
  run.add(1, "slow_norm", 5, 690).add(1, "collective.all_reduce", 700, 20);
  run.add(0, "collective.all_reduce", 100, 620);
  run.step(1, 0, 799).step(0, 0, 800);
  const auto path = run.path();
  BOOST_TEST(us(path, PathKind::collective, 0, 1) == 600);
  const auto text = sentence(path);
  BOOST_TEST(has(text,
                 "collectives in which rank 0 waited for rank 1 (stage 1 test), which came "
                 "last: 0.600 ms, 75 %, most of it in slow_norm"),
             text);
}

BOOST_AUTO_TEST_CASE(a_full_queue_is_named_by_both_its_ends) {
  Run run;
  run.add(0, "wait.room", 100, 700).chunk(0, 805, 1, 900).step(0, 0, 900).step(1, 900, 50);
  const auto path = run.path();
  BOOST_TEST(us(path, PathKind::full_queue, 0, 1) == 700);
  BOOST_TEST(has(sentence(path), "the full queue from rank 0 to rank 1 (stage 1 test)"));
}

BOOST_AUTO_TEST_CASE(of_a_shared_step_a_request_has_its_share) {
  Run run;
  run.add(0, "turn", 990, 0, R"("tokens":1,"share us":200,"step us":1000,"request":"r")");
  run.add(0, "turn", 991, 0, R"("tokens":4,"share us":800,"step us":1000,"request":"s")");
  run.add(0, "ProfilerStep#1", 0, 1000, "");
  const auto path = run.path();
  BOOST_TEST(us(path, PathKind::work, 0) == 200);
  BOOST_TEST(us(path, PathKind::beside, 0) == 800);
  BOOST_TEST(has(sentence(path), "the shares of other requests in shared steps of rank 0"));
}

// Data that is there in time does not decide; the work of the rank before does.
BOOST_AUTO_TEST_CASE(a_stream_follows_what_came_last) {
  Run run;
  for (int i = 0; i < 10; ++i)
    run.step(0, 100 * i, 100).chunk(0, 100 * i + 95, 1, 400 + 200 * i, i);
  for (int i = 0; i < 10; ++i) run.step(1, 400 + 200 * i, 200);
  const auto path = run.path();
  BOOST_TEST(us(path, PathKind::work, 1) == 2000);
  BOOST_TEST(us(path, PathKind::hand_off, 1, 0) == 304);  // only the first chunk waited
  BOOST_TEST(us(path, PathKind::work, 0) == 96);
}

BOOST_AUTO_TEST_CASE(work_outside_of_steps_is_work) {
  Run run;
  run.add(0, "actor.submit", 0, 1).add(0, "tokenize", 10, 500).step(0, 520, 100);
  run.add(0, "inside", 530, 10);
  const auto path = run.path();
  BOOST_TEST(us(path, PathKind::work, 0) == 600);
  BOOST_TEST(path.totals[0].parts == 2u);
}

BOOST_AUTO_TEST_CASE(the_orchestrator_has_what_comes_before_and_after) {
  Run run;
  run.add(9, "orchestrator.submit", 0, 1).add(9, "orchestrator.admit", 270, 1);
  run.add(0, "actor.submit", 300, 1).step(0, 310, 50);
  run.add(9, "orchestrator.finish", 390, 10);
  const auto path = run.path();
  BOOST_TEST(path.begin_ns == 0);
  BOOST_TEST(path.end_ns == 400'000);
  BOOST_TEST(us(path, PathKind::admission, 9) == 270);
  BOOST_TEST(us(path, PathKind::orchestrator, 9) == 70);
  BOOST_TEST(has(sentence(path), "most went to the queue of the orchestrator, before it was"));
}

BOOST_AUTO_TEST_CASE(a_rank_that_is_told_what_to_do_leads_to_the_one_that_tells) {
  Run run;
  run.step(0, 0, 100).chunk(0, 95, 1, 790).step(1, 800, 100);
  // Rank 2 follows rank 1 and ends a little later.
  run.add(1, "collective.broadcast", 798, 1, "").add(2, "collective.broadcast", 100, 699, "");
  run.step(2, 800, 101);
  const auto path = run.path();
  BOOST_TEST(us(path, PathKind::hand_off, 1, 0) > 690);
}

BOOST_AUTO_TEST_CASE(an_unknown_request_has_no_path_and_no_sentence) {
  Run run;
  run.step(0, 0, 100);
  const auto path = run.path("nobody");
  BOOST_TEST(path.parts.empty());
  BOOST_TEST(sentence(path).empty());
}

BOOST_AUTO_TEST_SUITE_END()
