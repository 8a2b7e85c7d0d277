// The last moments of this process, and of one that was killed.
#include <signal.h>

#include <boost/test/unit_test.hpp>
#include <limelight/trace.hpp>

#include "profiling/capture/flight_recorder.hpp"
#include "profiling/record/record.hpp"
#include "tests/profiling/sessions.hpp"
#include "tests/support.hpp"
#include "tests/trace_file.hpp"

namespace prof = limelight::profiling;
namespace fs = std::filesystem;
using namespace limelight::tests;

// The orchestrator reads what a killed rank kept in shared memory.
BOOST_AUTO_TEST_CASE(the_flight_recorder_of_a_killed_process_can_be_read) {
  const Folder folder;
  const fs::path memory = folder.path / "flight";
  int ready[2];
  BOOST_REQUIRE(pipe(ready) == 0);
  const pid_t rank = fork();
  if (rank == 0) {
    prof::name_request(3, "the \"third\"");  // before the recorder is enabled
    prof::enable_flight_recorder({.most_records = 5000, .file = memory});
    const prof::RequestScope request(3);
    for (int i = 0; i < 8000; ++i) {
      const prof::Span a(
          prof::intern("of the dead", prof::Category::cpu_op, prof::ValueKind::bytes), 4096);
      if (i % 20 == 0) usleep(1000);
      if (i == 7900 && write(ready[1], "x", 1) != 1) _exit(1);
    }
    for (;;) pause();
  }
  char byte = 0;
  BOOST_REQUIRE(read(ready[0], &byte, 1) == 1);
  auto opts = options(folder.path);
  BOOST_TEST(
      (prof::salvage_flight_recorder(memory, opts).error().code == limelight::ErrorCode::busy));
  usleep(250'000);  // at least one round of the recorder's thread
  kill(rank, SIGKILL);
  waitpid(rank, nullptr, 0);
  const auto report = prof::salvage_flight_recorder(memory, opts);
  if (!report) BOOST_FAIL(report.error().message);
  BOOST_TEST(report->events == 5000u);
  BOOST_TEST(report->profiler_cpu_ns > 0u);
  BOOST_TEST(report->overhead_percent() > 0.0);
  BOOST_TEST(report->file.string().find("_" + std::to_string(rank) + "_") != std::string::npos);
  for (const auto& finding : prof::validate({report->file})) BOOST_TEST(finding == "");
  const auto text = read_gzip(report->file);
  for (const char* part : {"of the dead", "\"bytes\":4096", "the \\\"third\\\""})
    BOOST_TEST(text.find(part) != std::string::npos, part);
  BOOST_TEST((prof::salvage_flight_recorder(folder.path / "none", opts).error().code ==
              limelight::ErrorCode::not_found));
  fs::resize_file(memory, fs::file_size(memory) / 2);
  BOOST_TEST(
      (prof::salvage_flight_recorder(memory, opts).error().code == limelight::ErrorCode::corrupt));
}

BOOST_AUTO_TEST_CASE(the_flight_recorder_writes_the_last_moments_also_while_a_session_runs) {
  const Folder folder;
  BOOST_TEST(
      (prof::dump_flight_recorder(options(folder.path), std::chrono::seconds(1)).error().code ==
       limelight::ErrorCode::unavailable));
  prof::enable_flight_recorder({std::chrono::milliseconds(10'000), 1000});
  const auto work = [](int count) {
    for (int i = 0; i < count; ++i) {
      const prof::Span a(outer);
      const prof::Span b(inner, prof::pack_dims(2, 3, 4));
    }
  };
  work(100);
  const auto dumped = prof::dump_flight_recorder(options(folder.path), std::chrono::seconds(5));
  if (!dumped) BOOST_FAIL(dumped.error().message);
  BOOST_TEST(dumped->events == 200u);
  for (const auto& finding : prof::validate({dumped->file})) BOOST_TEST(finding == "");

  auto opts = options(folder.path);
  opts.timestamp = "1700000000001";
  auto session = prof::Session::start(opts);
  BOOST_REQUIRE(session.ok());
  work(300);
  const auto report = (*session)->stop();
  BOOST_TEST(report->events == 600u);  // not what was before
  work(400);
  opts.timestamp = "1700000000002";
  const auto more = prof::dump_flight_recorder(opts, std::chrono::seconds(5));
  BOOST_TEST(more->events == 1000u);  // as much as it holds
  BOOST_TEST(more->note.find("were overwritten") != std::string::npos);
  std::this_thread::sleep_for(std::chrono::milliseconds(30));
  work(5);
  opts.timestamp = "1700000000003";
  BOOST_TEST(prof::dump_flight_recorder(opts, std::chrono::milliseconds(15))->events == 10u);
  prof::disable_flight_recorder();
  BOOST_TEST(!prof::recording());
}
