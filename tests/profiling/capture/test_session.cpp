// The file of a session, its name, its content, and what it says about losses.
#include <boost/test/unit_test.hpp>
#include <limelight/trace.hpp>
#include <nlohmann/json.hpp>
#include <regex>

#include "profiling/capture/flight_recorder.hpp"
#include "profiling/capture/session.hpp"
#include "profiling/record/record.hpp"
#include "tests/profiling/sessions.hpp"
#include "tests/support.hpp"
#include "tests/trace_file.hpp"

namespace prof = limelight::profiling;
namespace fs = std::filesystem;
using namespace limelight::tests;

BOOST_AUTO_TEST_CASE(a_session_writes_one_whole_trace_with_its_spans) {
  const Folder folder;
  auto session = prof::Session::start(options(folder.path));
  BOOST_REQUIRE(session.ok());
  BOOST_TEST(fs::exists((*session)->file()) == false);  // its name only when it is whole
  prof::name_request(7, "req-7");
  std::thread([] {
    const prof::RequestScope request(7);
    const prof::Span a(outer);
    const prof::Span b(inner, prof::pack_dims(2, 3, 4));
  }).join();
  auto report = (*session)->stop();
  BOOST_REQUIRE(report.ok());
  BOOST_TEST(report->events == 2u);
  BOOST_TEST(report->drops == 0u);
  BOOST_TEST(std::regex_match(
      report->file.filename().string(),
      std::regex(R"(1700000000000-rank-3\..+_\d+_stage2-code2wav\.pt\.trace\.json\.gz)")));
  const std::string text = read_gzip(report->file);
  BOOST_TEST(std::regex_search(text, std::regex(R"("rank":\s+3)")));
  const auto json = nlohmann::json::parse(text);
  std::vector<nlohmann::json> slices;
  for (const auto& event : json["traceEvents"])
    if (event["ph"] == "X") slices.push_back(event);
  BOOST_REQUIRE(slices.size() == 2u);
  BOOST_TEST(slices[0]["name"] == "matmul");
  BOOST_TEST(slices[0]["args"]["Input Dims"] == nlohmann::json::parse("[[2,4],[4,3]]"));
  BOOST_TEST(slices[0]["args"]["request"] == "req-7");
  BOOST_TEST(slices[1]["name"] == "outer \"quoted\"");
  BOOST_TEST(slices[1]["ts"].get<double>() <= slices[0]["ts"].get<double>());
  BOOST_TEST(slices[0]["pid"].is_number_integer());
  BOOST_REQUIRE(report->ops.size() == 2u);
  for (const auto& op : report->ops) BOOST_TEST(op.self_ns <= op.total_ns);
}

BOOST_AUTO_TEST_CASE(counters_have_a_track_and_are_no_spans) {
  static const prof::NameId depth =
      prof::intern("depth of a queue", prof::Category::cpu_op, prof::ValueKind::counter);
  const Folder folder;
  prof::set_counter(depth, 99);  // before the session
  auto session = prof::Session::start(options(folder.path));
  BOOST_REQUIRE(session.ok());
  {
    const prof::Span a(outer);
    for (const std::uint64_t value : {3u, 4u, 0u}) prof::set_counter(depth, value);
  }
  const auto report = (*session)->stop();
  BOOST_REQUIRE(report.ok());
  BOOST_TEST(report->events == 1u);
  BOOST_TEST(report->ops.size() == 1u);
  std::vector<int> values;
  const auto trace = nlohmann::json::parse(read_gzip(report->file));
  for (const auto& event : trace["traceEvents"])
    if (event["ph"] == "C") {
      BOOST_TEST(event["name"] == "depth of a queue");
      values.push_back(event["args"]["value"]);
    }
  BOOST_TEST(values == (std::vector<int>{3, 4, 0}), boost::test_tools::per_element());
  BOOST_TEST(prof::validate({report->file}).empty());
}

BOOST_AUTO_TEST_CASE(nothing_is_recorded_outside_a_session) {
  const Folder folder;
  { const prof::Span before(outer); }
  auto session = prof::Session::start(options(folder.path));
  BOOST_REQUIRE(session.ok());
  BOOST_TEST((*session)->stop()->events == 0u);
}

BOOST_AUTO_TEST_CASE(a_second_session_is_refused_as_busy) {
  const Folder folder;
  auto first = prof::Session::start(options(folder.path));
  auto second = prof::Session::start(options(folder.path));
  BOOST_REQUIRE(!second.ok());
  BOOST_TEST((second.error().code == limelight::ErrorCode::busy));
  BOOST_TEST((*first)->stop().ok());
  BOOST_TEST(!(*first)->stop().ok());
}

BOOST_AUTO_TEST_CASE(a_folder_that_cannot_be_made_is_named) {
  auto session = prof::Session::start(options("/proc/no-such-folder"));
  BOOST_REQUIRE(!session.ok());
  BOOST_TEST(session.error().message.find("/proc/no-such-folder") != std::string::npos);
}

// The file is made after the start was answered, so what goes wrong with it is told at the stop.
BOOST_AUTO_TEST_CASE(a_trace_that_cannot_be_written_is_an_error_of_the_stop) {
  for (const bool recorder : {false, true}) {
    if (recorder) prof::enable_flight_recorder({});
    const Folder folder;
    auto session = prof::Session::start(options(folder.path / "gone"));
    if (!session) BOOST_FAIL(session.error().message);
    { const prof::Span span(outer); }
    fs::remove_all(folder.path / "gone");
    const auto report = (*session)->stop();
    BOOST_REQUIRE(!report.ok());
    BOOST_TEST((report.error().code == limelight::ErrorCode::io));
    BOOST_TEST(report.error().message.find("gone") != std::string::npos, report.error().message);
    prof::disable_flight_recorder();
  }
  const Folder folder;
  auto session = prof::Session::start(options(folder.path));  // and the next one is whole
  BOOST_TEST((*session)->stop().ok());
}

BOOST_AUTO_TEST_CASE(a_session_keeps_to_its_activities_and_its_format) {
  const Folder folder;
  const auto ipc = prof::intern("ipc.test", prof::Category::cpu_op, prof::ValueKind::none, false,
                                prof::Activity::ipc);
  auto opts = options(folder.path);
  opts.profile.format = "json.zst";
  opts.profile.activities = "ipc";
  auto session = prof::Session::start(opts);
  if (!session) BOOST_FAIL(session.error().message);
  {
    const prof::Span a(outer);
    const prof::Span b(ipc);
    const prof::Span c(prof::intern("ipc.by its name alone"));
  }
  const auto report = (*session)->stop();
  BOOST_TEST(report->events == 1u);
  BOOST_TEST(report->file.extension() == ".zst");
  for (const auto& finding : prof::validate({report->file})) BOOST_TEST(finding == "");
  BOOST_TEST(prof::summary_table({report->file})->find("ipc.test") != std::string::npos);
  BOOST_TEST(prof::parse_activities("cpu,gpus").error().message.find("found 'gpus'") !=
             std::string::npos);
  opts.profile.format = "json";
  BOOST_TEST((prof::Session::start(opts).error().code == limelight::ErrorCode::invalid_argument));
}
