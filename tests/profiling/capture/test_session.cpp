// The file of a session, its name, its content, and what it says about losses.
#include <sys/resource.h>

#include <boost/test/unit_test.hpp>
#include <chrono>
#include <future>
#include <limelight/trace.hpp>
#include <limits>
#include <nlohmann/json.hpp>
#include <regex>
#include <set>

#include "profiling/capture/flight_recorder.hpp"
#include "profiling/capture/session.hpp"
#include "profiling/record/memory_sampler.hpp"
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

// What is recorded of operations, of small ones, of layers and of annotations, by detail; with a
// flight recorder, which wants all operations, the file is the same.
BOOST_AUTO_TEST_CASE(less_detail_leaves_operations_out_and_says_so) {
  using prof::Activity;
  const auto name = [](const char* text, Activity kind) {
    return prof::intern(text, prof::Category::cpu_op, prof::ValueKind::none, false, kind);
  };
  const auto large = name("large", Activity::cpu),
             little = name("little", Activity::small_operation),
             layer = name("layer", Activity::block);
  const auto names = [&](const std::string& detail) {
    const Folder folder;
    auto how = options(folder.path);
    how.profile.detail = detail;
    auto session = prof::Session::start(how);
    if (!session) BOOST_FAIL(session.error().message);
    {
      const prof::Span annotation(outer);
      const prof::Span block(Activity::block, layer);
      { const prof::Span operation(Activity::cpu, large); }
      { const prof::Span operation(Activity::small_operation, little); }
    }
    const auto report = (*session)->stop();
    if (!report) BOOST_FAIL(report.error().message);
    const auto trace = nlohmann::json::parse(read_gzip(report->file));
    BOOST_TEST(trace["limelight"]["detail"] == (detail.empty() ? "op" : detail));
    std::set<std::string> found;
    for (const auto& event : trace["traceEvents"])
      if (event["ph"] == "X") found.insert(event["name"].get<std::string>());
    return found;
  };
  using Names = std::set<std::string>;
  const std::string whole = "outer \"quoted\"";
  for (const bool flight : {false, true}) {
    if (flight) prof::enable_flight_recorder({});
    BOOST_TEST((names("step") == Names{whole}));
    BOOST_TEST((names("block") == Names{whole, "layer", "large"}));
    BOOST_TEST((names("op") == Names{whole, "large", "little"}));
    BOOST_TEST((names("") == Names{whole, "large", "little"}));
  }
  prof::disable_flight_recorder();
  BOOST_TEST(!prof::recording(Activity::cpu));
  BOOST_TEST(!prof::recording(Activity::block));
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

BOOST_AUTO_TEST_CASE(a_thread_without_a_name_has_that_of_the_kernel) {
  const Folder folder;
  auto session = prof::Session::start(options(folder.path));
  std::promise<void> recorded, over;
  std::thread quiet([&] {
    pthread_setname_np(pthread_self(), "quiet one");
    { const prof::Span span(outer); }
    recorded.set_value();
    over.get_future().wait();
  });
  recorded.get_future().wait();
  const auto report = (*session)->stop();
  over.set_value();
  quiet.join();
  BOOST_REQUIRE(report.ok());
  BOOST_TEST(read_gzip(report->file).find("\"name\":\"quiet one\"") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(two_sessions_of_one_name_keep_both_of_their_traces) {
  const Folder folder;
  const fs::path first = written(options(folder.path)), second = written(options(folder.path));
  BOOST_TEST(first != second);
  for (const fs::path& file : {first, second}) {
    const auto trace = nlohmann::json::parse(read_gzip(file));
    BOOST_TEST(trace["traceName"] == file.filename().string());
    BOOST_TEST(trace["limelight"]["events"] == 1);
  }
}

// A limit of file sizes stands for a full disk here: what fitted is a trace, which says so.
BOOST_AUTO_TEST_CASE(a_full_disk_leaves_a_valid_trace_of_what_fitted) {
  constexpr std::uint64_t spans = 40'000, most = 250'000;
  const Folder folder;
  const pid_t rank = in_process([&] {
    const rlimit limit{most, most};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    auto session = prof::Session::start(options(folder.path));
    for (std::uint64_t i = 0; i < spans; ++i) {
      const prof::Span span(inner, prof::ticks());  // no two are alike
      if (i % 32 == 0) usleep(1000);
    }
    const auto report = (*session)->stop();
    if (!report) return 1;
    if (!report->truncated.ends_with(" ms: File too large")) return 2;
    if (report->events == 0 || report->events >= spans || report->drops == 0) return 3;
    return fs::file_size(report->file) == report->bytes && report->bytes <= most ? 0 : 4;
  });
  BOOST_REQUIRE(exit_code(rank) == 0);
  const fs::path file = fs::directory_iterator(folder.path)->path();
  for (const auto& finding : prof::validate({file})) BOOST_TEST(finding == "");
  const auto said = nlohmann::json::parse(read_gzip(file))["limelight"];
  BOOST_TEST(said["truncated"].get<std::string>().starts_with("after "));
  BOOST_TEST(prof::summary_table({file})->find("truncated") != std::string::npos);
}

// Steps 1 to 3 are before the delay is over; then one is waited for, one warms up, two are
// recorded.
BOOST_AUTO_TEST_CASE(a_schedule_of_steps_gives_a_file_for_each_repeat) {
  static const auto step =
      prof::intern("a step", prof::Category::user_annotation, prof::ValueKind::step);
  const Folder folder;
  auto opts = options(folder.path);
  opts.profile.delay_steps = 3;
  opts.profile.wait_steps = opts.profile.warmup_steps = 1;
  opts.profile.active_steps = 2;
  opts.profile.repeat = 3;
  auto session = prof::Session::start(opts);
  if (!session) BOOST_FAIL(session.error().message);
  for (std::uint64_t i = 1; i <= 20; ++i) {
    const prof::Span whole(step, i);
    const prof::Span work(inner, prof::pack_dims(i, 1, 1));
    if (i > 10) usleep(2000);  // the first ones are drained together, the others one by one
  }
  for (int i = 0; i < 5000 && !(*session)->ended(); ++i) usleep(1000);
  BOOST_TEST((*session)->ended());
  const auto report = (*session)->stop();
  if (!report) BOOST_FAIL(report.error().message);
  BOOST_REQUIRE(report->earlier_files.size() == 2u);
  std::vector<fs::path> files(report->earlier_files.begin(), report->earlier_files.end());
  files.push_back(report->file);
  for (const auto& finding : prof::validate(files)) BOOST_TEST(finding == "");
  for (std::size_t repeat = 0; repeat < files.size(); ++repeat) {
    BOOST_TEST(files[repeat].filename().string().starts_with(
        "1700000000000-repeat" + std::to_string(repeat + 1) + "-rank-3."));
    std::vector<std::string> names;
    const auto trace = nlohmann::json::parse(read_gzip(files[repeat]));
    for (const auto& event : trace["traceEvents"])
      if (event["ph"] == "X") names.push_back(event["name"]);
    const std::size_t first = 6 + 4 * repeat;
    const std::vector<std::string> expected{"matmul", "ProfilerStep#" + std::to_string(first),
                                            "matmul", "ProfilerStep#" + std::to_string(first + 1)};
    BOOST_TEST(names == expected, boost::test_tools::per_element());
  }
}

BOOST_AUTO_TEST_CASE(a_delay_that_is_not_over_leaves_an_empty_trace_that_says_so) {
  const Folder folder;
  auto opts = options(folder.path);
  opts.profile.delay_steps = 100;
  auto session = prof::Session::start(opts);
  { const prof::Span span(outer); }
  const auto report = (*session)->stop();
  BOOST_REQUIRE(report.ok());
  BOOST_TEST(report->events == 0u);
  BOOST_TEST(report->note == "the steps that recording was to wait for did not come");
  for (const auto& finding : prof::validate({report->file})) BOOST_TEST(finding == "");
}

BOOST_AUTO_TEST_CASE(numbers_out_of_range_are_refused_by_name) {
  const Folder folder;
  const auto refused = [&](auto set) {
    auto opts = options(folder.path);
    set(opts.profile);
    const auto session = prof::Session::start(opts);
    BOOST_REQUIRE(!session.ok());
    return session.error().message;
  };
  constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max();
  BOOST_TEST(refused([](auto& p) { p.start_at_ns = most; }).starts_with("start_at_ns: found 92"));
  BOOST_TEST(refused([](auto& p) { p.start_at_ns = -most; }).starts_with("start_at_ns: found -92"));
  BOOST_TEST(refused([](auto& p) {
               p.milliseconds = ~0u * std::uint64_t{1 << 20};
             }).starts_with("milliseconds: found"));
  BOOST_TEST(refused([](auto& p) {
               p.wait_steps = ~std::uint64_t{0};
             }).starts_with("wait_steps: found 18446744073709551615, expected 0 to"));
  BOOST_TEST(refused([](auto& p) { p.repeat = 2; }).starts_with("repeat: found 2, expected 1"));
  BOOST_TEST(refused([](auto& p) { p.start_at_ns = 1; }).starts_with("the start time passed"));
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

// Memory is of the process, so a choice of requests does not leave it out.
BOOST_AUTO_TEST_CASE(with_memory_a_trace_has_it_as_counters_and_says_who_had_most) {
  const Folder folder;
  prof::MemorySampler memory;
  const prof::MemoryHold weights(prof::MemorySpace::host, prof::MemoryHolder::weights, 1u << 20);
  auto how = options(folder.path);
  how.memory = &memory;
  how.profile.request_id = "only this";
  const auto counters = [&](bool with_memory) {
    how.profile.with_memory = with_memory;
    auto session = prof::Session::start(how);
    BOOST_REQUIRE(session.ok());
    { const prof::MemoryHold step(prof::MemorySpace::host, prof::MemoryHolder::activations, 5000); }
    memory.rest();
    const auto report = (*session)->stop();
    BOOST_REQUIRE(report.ok());
    const auto trace = nlohmann::json::parse(read_gzip(report->file));
    std::map<std::string, std::vector<std::uint64_t>> values;
    for (const auto& event : trace["traceEvents"])
      if (event["ph"] == "C") values[event["name"]].push_back(event["args"]["value"]);
    BOOST_TEST(report->memory.recorded == with_memory);
    BOOST_TEST(trace["limelight"].contains("memory") == with_memory);
    if (with_memory)
      BOOST_TEST(trace["limelight"]["memory"]["peak_bytes"] == report->memory.peak_bytes);
    return values;
  };
  auto values = counters(true);
  BOOST_TEST(values.contains("memory.resident"));
  BOOST_TEST(values.contains("memory.chunks"));
  BOOST_TEST(!values.contains("memory.device"));
  const std::vector<std::uint64_t>& host = values["memory.host"];
  BOOST_REQUIRE(host.size() >= 3u);  // at the start, at the peak, and afterwards
  BOOST_TEST(host.front() >= 1u << 20);
  BOOST_TEST(*std::max_element(host.begin(), host.end()) == host.front() + 5000);
  BOOST_TEST(host.back() == host.front());
  BOOST_TEST(counters(false).empty());
}
