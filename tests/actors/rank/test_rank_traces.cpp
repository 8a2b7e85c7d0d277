// The files that a rank writes of itself, and its answers to those who asked for them.
#include <limelight/trace.hpp>

#include "actors/rank/rank_traces.hpp"
#include "profiling/record/clock.hpp"
#include "tests/actors/rank/one_thinker.hpp"

using namespace limelight;
using namespace limelight::tests;
namespace fs = std::filesystem;

namespace {

// Runs body(thinker, traces, folder) beside a worker. Returns what it returns.
template <class Body>
int with_traces(Body body) {
  return with_thinker([&](OneThinker& thinker) {
    const Folder folder;
    actors::RankTraces traces(*thinker.worker, 0, 1,
                              {.keep = std::chrono::seconds(0), .file = folder.path / "flight"});
    const int code = body(thinker, traces, folder.path);
    profiling::disable_flight_recorder();
    return code;
  });
}

actors::StartTrace start_in(const fs::path& folder) {
  return {.directory = folder,
          .timestamp = "20260101-000000",
          .base_ns = profiling::default_base_ns(),
          .options = {}};
}

std::size_t files_in(const fs::path& folder) {
  std::size_t files = 0;
  for (const auto& entry : fs::directory_iterator(folder))
    files += entry.path().filename().string().find(".pt.trace.") != std::string::npos;
  return files;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(rank_traces)

BOOST_AUTO_TEST_CASE(a_session_gives_one_valid_file_and_both_ends_are_idempotent) {
  BOOST_TEST(with_traces([](OneThinker& thinker, actors::RankTraces& traces, const fs::path& to) {
               const RankTrace begun = traces.start(start_in(to));
               if (begun.error.code != ErrorCode::none || begun.rank != 0) return 1;
               const RankTrace again = traces.start(start_in(to));
               if (again.note != "was already running" || again.file != begun.file) return 2;
               thinker.submit(1, 5);
               if (!thinker.report_of(1)) return 3;
               const RankTrace done = traces.stop({});
               if (done.error.code != ErrorCode::none || done.events == 0 || done.drops != 0)
                 return 4;
               if (fs::file_size(done.file) != done.bytes || files_in(to) != 1) return 5;
               if (!profiling::validate({done.file}).empty()) return 6;
               const RankTrace stopped = traces.stop({});
               return stopped.note == "was not running" && stopped.file == done.file ? 0 : 7;
             }) == 0);
}

BOOST_AUTO_TEST_CASE(a_start_after_a_session_that_has_ended_itself_records_again) {
  BOOST_TEST(with_traces([](OneThinker& thinker, actors::RankTraces& traces, const fs::path& to) {
               auto short_one = start_in(to);
               short_one.options.milliseconds = 1;
               const RankTrace first = traces.start(short_one);
               if (first.error.code != ErrorCode::none) return 1;
               for (int i = 0; i < 5000 && !fs::exists(first.file); ++i) usleep(1000);
               RankTrace second = traces.start(start_in(to));
               // The file has its name a moment before the session has ended.
               for (int i = 0; i < 5000 && second.note == "was already running"; ++i) {
                 usleep(1000);
                 second = traces.start(start_in(to));
               }
               if (second.error.code != ErrorCode::none) return 2;
               if (second.note.find("ended at its limit: " + first.file.string()) ==
                   std::string::npos)
                 return 3;
               thinker.submit(1, 5);
               if (!thinker.report_of(1)) return 4;
               const RankTrace done = traces.stop({});
               if (done.error.code != ErrorCode::none || done.events == 0) return 5;
               return done.file != first.file && files_in(to) == 2 ? 0 : 6;
             }) == 0);
}

BOOST_AUTO_TEST_CASE(a_session_that_is_taken_back_leaves_no_file) {
  BOOST_TEST(with_traces([](OneThinker&, actors::RankTraces& traces, const fs::path& to) {
               if (traces.start(start_in(to)).error.code != ErrorCode::none) return 1;
               if (traces.stop({.discard = true}).error.code != ErrorCode::none) return 2;
               if (files_in(to) != 0) return 3;
               return traces.start(start_in(to)).error.code == ErrorCode::none ? 0 : 4;
             }) == 0);
}

BOOST_AUTO_TEST_CASE(a_folder_that_cannot_be_made_is_an_error_of_this_rank) {
  BOOST_TEST(with_traces([](OneThinker&, actors::RankTraces& traces, const fs::path& to) {
               const fs::path file = write_file(to / "file", "");
               RankTrace answer = traces.start(start_in(file / "sub"));
               if (answer.error.code == ErrorCode::none) answer = traces.stop({});
               if (answer.error.code != ErrorCode::io) return 1;
               return answer.error.message.find("sub") != std::string::npos ? 0 : 2;
             }) == 0);
}

BOOST_AUTO_TEST_CASE(the_flight_recorder_gives_what_happened_before_it_was_asked) {
  BOOST_TEST(with_traces([](OneThinker& thinker, actors::RankTraces& traces, const fs::path& to) {
               const actors::DumpTrace wanted{.directory = to,
                                              .timestamp = "20260101-000000",
                                              .base_ns = profiling::default_base_ns(),
                                              .last_ms = 60000};
               if (traces.dump(wanted).error.code != ErrorCode::unavailable) return 1;
               if (traces.set_flight({.keep_ms = 60000}).error.code != ErrorCode::none) return 2;
               thinker.submit(1, 5);
               if (!thinker.report_of(1)) return 3;
               const RankTrace dumped = traces.dump(wanted);
               if (dumped.error.code != ErrorCode::none || dumped.events == 0) return 4;
               if (dumped.file.filename().string().find("flight") == std::string::npos) return 5;
               if (traces.set_flight({.keep_ms = 0}).error.code != ErrorCode::none) return 6;
               return traces.dump(wanted).error.code == ErrorCode::unavailable ? 0 : 7;
             }) == 0);
}

BOOST_AUTO_TEST_CASE(without_an_orchestrator_the_file_is_finished_and_nothing_begins) {
  BOOST_TEST(with_traces([](OneThinker&, actors::RankTraces& traces, const fs::path& to) {
               if (traces.start(start_in(to)).error.code != ErrorCode::none) return 1;
               traces.close();
               if (files_in(to) != 1) return 2;
               for (const auto& entry : fs::directory_iterator(to))
                 if (entry.path().extension() == ".part") return 3;
               for (const RankTrace& answer : {traces.start(start_in(to)), traces.stop({})})
                 if (answer.error.code != ErrorCode::cancelled) return 4;
               traces.close();
               return 0;
             }) == 0);
}

BOOST_AUTO_TEST_SUITE_END()
