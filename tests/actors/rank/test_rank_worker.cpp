// What a rank does with the requests that it is given.
#include "tests/actors/rank/one_thinker.hpp"

using namespace limelight;
using namespace limelight::tests;
using namespace std::chrono_literals;

BOOST_AUTO_TEST_SUITE(rank_worker)

BOOST_AUTO_TEST_CASE(a_request_is_computed_sent_and_reported) {
  BOOST_TEST(with_thinker([](OneThinker& thinker) {
               thinker.submit(1, 6);
               const std::string text = thinker.text_of(1);
               const auto report = thinker.report_of(1);
               if (!report || report->error.code != ErrorCode::none) return 1;
               if (text.empty() || text == "nothing came") return 2;
               if (report->stage.num_tokens_out != 6 || report->stage.mean_batch_size != 1)
                 return 3;
               if (report->answer.finish_reason != "length" || report->answer.prompt_tokens != 5)
                 return 4;
               return report->stage.stage_gen_time_ms > 0 ? 0 : 5;
             }) == 0);
}

BOOST_AUTO_TEST_CASE(requests_share_steps_and_answer_as_they_do_alone) {
  BOOST_TEST(with_thinker([](OneThinker& thinker) {
               thinker.submit(1, 40);
               const std::string alone = thinker.text_of(1);
               for (std::uint64_t number : {2, 3, 4}) thinker.submit(number, 40);
               for (std::uint64_t number : {2, 3, 4})
                 if (thinker.text_of(number) != alone) return 1;
               double most = 0;
               for (std::uint64_t number : {2, 3, 4}) {
                 const auto report = thinker.report_of(number);
                 if (!report) return 2;
                 most = std::max(most, report->stage.mean_batch_size);
               }
               return most > 1 ? 0 : 3;
             }) == 0);
}

BOOST_AUTO_TEST_CASE(who_is_not_on_the_route_gets_nothing) {
  BOOST_TEST(with_thinker([](OneThinker& thinker) {
               thinker.submit(1, 3, false);
               if (!thinker.report_of(1)) return 1;
               const auto chunk = thinker.user.take(20ms);
               return chunk && !*chunk ? 0 : 2;
             }) == 0);
}

BOOST_AUTO_TEST_CASE(what_is_cancelled_ends_without_a_report_and_the_others_go_on) {
  BOOST_TEST(with_thinker([](OneThinker& thinker) {
               thinker.submit(1, 2000);
               const auto first = thinker.user.take(20s);
               if (!first || !*first) return 1;
               thinker.worker->cancel(1);
               thinker.submit(2, 3);
               const auto report = thinker.report_of(2);
               if (!report || report->error.code != ErrorCode::none) return 2;
               const std::lock_guard lock(thinker.mutex);
               return thinker.reports.contains(1) ? 3 : 0;
             }) == 0);
}

BOOST_AUTO_TEST_CASE(one_that_the_stage_refuses_is_reported_with_its_error) {
  BOOST_TEST(with_thinker([](OneThinker& thinker) {
               stages::Request request{.number = 1, .id = "long", .prompt = std::string(3000, 'x')};
               thinker.worker->submit(std::move(request), {{0}, true});
               const auto report = thinker.report_of(1);
               if (!report || report->error.code != ErrorCode::invalid_argument) return 1;
               for (const char* part : {"'long'", "3000", "2048"})
                 if (report->error.message.find(part) == std::string::npos) return 2;
               thinker.submit(2, 3);
               return thinker.report_of(2) ? 0 : 3;
             }) == 0);
}

// The user's window is full, so the worker waits for room.
BOOST_AUTO_TEST_CASE(it_ends_also_while_it_is_held_back) {
  BOOST_TEST(with_thinker([](OneThinker& thinker) {
               thinker.submit(1, 2000);
               const auto first = thinker.user.take(20s);
               return first && *first ? 0 : 1;
             }) == 0);
}

BOOST_AUTO_TEST_CASE(a_rank_that_the_pipeline_does_not_have_is_refused) {
  const auto worker = actors::RankWorker::create(
      one_thinker(), {.rank = 7, .run = "none"}, [](const auto&) {}, [](auto, auto) {});
  BOOST_REQUIRE(!worker.ok());
  BOOST_TEST((worker.error().code == ErrorCode::invalid_argument));
  BOOST_TEST(worker.error().message == "rank 7 is not in the pipeline");
}

BOOST_AUTO_TEST_SUITE_END()
