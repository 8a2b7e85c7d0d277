// What a user notices of the profiler: the file, its name, its content, and what it says about
// losses.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <fstream>
#include <limelight/span.hpp>
#include <limelight/trace.hpp>
#include <nlohmann/json.hpp>
#include <regex>
#include <thread>

#include "profiling/analysis/request_path.hpp"
#include "profiling/capture/flight_recorder.hpp"
#include "profiling/capture/session.hpp"
#include "profiling/record/clock.hpp"
#include "profiling/record/record.hpp"
#include "profiling/record/ring.hpp"
#include "profiling/trace/trace_deflate.hpp"
#include "profiling/trace/trace_text.hpp"
#include "trace_file.hpp"

namespace prof = limelight::profiling;
namespace fs = std::filesystem;
using limelight::tests::read_gzip;

namespace {
struct Folder {
  fs::path path = fs::temp_directory_path() / ("limelight-test-" + std::to_string(getpid()));
  Folder() { fs::create_directories(path); }
  ~Folder() { fs::remove_all(path); }
};
prof::SessionOptions options(const fs::path& folder) {
  return {folder, "1700000000000", 3, 4, 2, "code2wav", prof::default_base_ns()};
}
const prof::NameId outer = prof::intern("outer \"quoted\"", prof::Category::user_annotation);
const prof::NameId inner = prof::intern("matmul", prof::Category::cpu_op, prof::ValueKind::matmul);
}  // namespace

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

BOOST_AUTO_TEST_CASE(a_full_ring_drops_and_counts) {
  prof::Ring ring(8, 1);
  for (int i = 0; i < 11; ++i) ring.push({});
  BOOST_TEST(ring.drops() == 3u);
  BOOST_TEST(ring.drain([](const prof::Record&) {}) == 8u);
}

BOOST_AUTO_TEST_CASE(json_strings_are_valid_whatever_the_bytes) {
  BOOST_TEST(prof::json_string("a\"\\\n\xff\xc3\xa9") ==
             "\"a\\\"\\\\\\u000a\xEF\xBF\xBD\xc3\xa9\"");
}

BOOST_AUTO_TEST_CASE(the_validator_accepts_what_sessions_write_and_names_what_is_broken) {
  const Folder folder;
  auto session = prof::Session::start(options(folder.path));
  std::thread([] {
    const prof::Span a(outer);
    const prof::Span b(inner);
  }).join();
  const fs::path good = (*session)->stop()->file;
  BOOST_TEST(prof::validate({good}).empty());
  BOOST_TEST(prof::validate({good, good}).size() == 1u);  // one rank twice

  const std::string text = read_gzip(good);
  const struct {
    std::string from, to, expected;
  } cases[] = {{"\"rank\": 3", "\"rank\":3", "with a space"},
               {"\"schemaVersion\": 1", "\"schemaVersion\": 2", "schemaVersion"},
               {"\"cat\":\"cpu_op\"", "\"cat\":\"\"", "'cat'"},
               {"\"events\": 2", "\"events\": 3", "limelight.events"},
               {"\"ring_drops\"", "\"hidden\"", "limelight.ring_drops"},
               {"\"traceName\"", "\"traceName", ":"}};
  for (const auto& c : cases) {
    std::string broken = text;
    const auto at = broken.find(c.from);
    BOOST_REQUIRE(at != std::string::npos);
    broken.replace(at, c.from.size(), c.to);
    const fs::path path = folder.path / "broken.json";
    std::ofstream(path) << broken;
    const auto findings = prof::validate({path});
    BOOST_REQUIRE(!findings.empty());
    BOOST_TEST(findings[0].find(c.expected) != std::string::npos, findings[0]);
  }
  fs::resize_file(good, fs::file_size(good) / 2);
  BOOST_TEST(prof::validate({good})[0].find("ends early") != std::string::npos);
}

// Again and again, at any time: whatever was recorded more than a quarter of a second before is in
// the recovered trace.
BOOST_AUTO_TEST_CASE(a_killed_rank_leaves_a_trace_that_can_be_recovered) {
  const Folder folder;
  for (int round = 0; round < 10; ++round) {
    const pid_t rank = fork();
    if (rank == 0) {
      auto session = prof::Session::start(options(folder.path));
      for (;;) {
        const prof::Span a(outer);
        const prof::Span b(inner, prof::pack_dims(2, 3, 4));
        usleep(20);
      }
    }
    usleep(250'000 + static_cast<unsigned>(round) * 17'000);
    BOOST_TEST(prof::unfinished_traces(folder.path).empty());  // it is being written
    const std::int64_t killed = prof::realtime_ns() - prof::default_base_ns();
    kill(rank, SIGKILL);
    waitpid(rank, nullptr, 0);
    const auto left = prof::unfinished_traces(folder.path);
    BOOST_REQUIRE(left.size() == 1u);
    const auto recovered = prof::recover(left[0]);
    if (!recovered) BOOST_FAIL(recovered.error().message);
    for (const auto& finding : prof::validate({recovered->file})) BOOST_TEST(finding == "");
    BOOST_TEST(recovered->events > 0u);
    const auto json = nlohmann::json::parse(read_gzip(recovered->file));
    BOOST_TEST(json["limelight"]["recovered"] == true);
    double last = 0;
    for (const auto& event : json["traceEvents"])
      if (event["ph"] == "X") last = std::max(last, event["ts"].get<double>() * 1000);
    BOOST_TEST(static_cast<double>(killed) - last < 250e6);
    fs::remove(recovered->file);
  }
  BOOST_TEST((prof::recover(folder.path / "no.json").error().code ==
              limelight::ErrorCode::invalid_argument));
  std::ofstream(folder.path / ".torn.pt.trace.json.gz.part") << "nothing";
  BOOST_TEST((prof::recover(folder.path / ".torn.pt.trace.json.gz.part").error().code ==
              limelight::ErrorCode::corrupt));
}

// Within its first moments too: there is no file, or one that can be recovered, and the head of the
// trace is in it long before the first events are.
BOOST_AUTO_TEST_CASE(a_rank_killed_within_the_first_moments_leaves_no_empty_file) {
  for (const char* format : {"json.gz", "json.zst"}) {
    const Folder folder;
    std::size_t heads = 0;
    for (unsigned round = 0; round < 30; ++round) {
      int started[2];
      BOOST_REQUIRE(pipe(started) == 0);
      const pid_t rank = fork();
      if (rank == 0) {
        prof::SessionOptions mine = options(folder.path);
        mine.format = format;
        auto session = prof::Session::start(mine);
        (void)!write(started[1], "x", 1);
        for (;;) pause();
      }
      char byte;
      BOOST_REQUIRE(read(started[0], &byte, 1) == 1);
      close(started[0]);
      close(started[1]);
      usleep(round * 700);
      kill(rank, SIGKILL);
      waitpid(rank, nullptr, 0);
      for (const auto& left : prof::unfinished_traces(folder.path)) {
        ++heads;
        BOOST_TEST(fs::file_size(left) > 0u);
        const auto recovered = prof::recover(left);
        if (!recovered) BOOST_FAIL(recovered.error().message);
        for (const auto& finding : prof::validate({recovered->file})) BOOST_TEST(finding == "");
        fs::remove(recovered->file);
      }
    }
    BOOST_TEST(heads > 0u);
    BOOST_TEST(fs::is_empty(folder.path));
  }
}

// Whatever the text is, zlib reads back what was put in.
BOOST_AUTO_TEST_CASE(the_compressor_is_gzip_for_any_text) {
  std::vector<std::string> texts{"", "a", std::string(100'000, 'x'), std::string(300, '7')};
  std::string noise, lines;
  std::uint64_t state = 1;
  const auto next = [&] {
    return state = state * 6364136223846793005u + 1442695040888963407u, state >> 33;
  };
  for (int i = 0; i < 300'000; ++i) noise += static_cast<char>(next());
  for (int i = 0; i < 20'000; ++i)
    lines += ",\n{\"ph\":\"X\",\"cat\":\"cpu_op\",\"pid\":1,\"name\":\"op" +
             std::to_string(next() % 40) +
             "\",\"tid\":1,\"ts\":" + std::to_string(i * 1000 + next() % 900) + ".123}";
  texts.push_back(noise);
  texts.push_back(lines);
  texts.push_back(lines + noise + lines);
  for (int i = 0; i < 200; ++i) texts.push_back(lines.substr(next() % lines.size(), next() % 2000));
  prof::TraceDeflate deflate;
  const Folder folder;
  for (const std::string& text : texts) {
    // Members follow each other, one of one piece, one of many.
    std::ofstream file(folder.path / "packed.gz", std::ios::binary);
    deflate.add(text);
    file << deflate.finish();
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t piece = std::min<std::size_t>(1 + next() % 70'000, text.size() - at);
      deflate.add(std::string_view(text).substr(at, piece));
      at += piece;
    }
    file << deflate.finish() << std::flush;
    BOOST_REQUIRE((read_gzip(folder.path / "packed.gz") == text + text));
  }
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
  opts.format = "json.zst";
  opts.limits.activities = *prof::parse_activities("ipc");
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
  opts.format = "json";
  BOOST_TEST((prof::Session::start(opts).error().code == limelight::ErrorCode::invalid_argument));
}

BOOST_AUTO_TEST_CASE(the_flight_memory_keeps_all_that_a_name_was_interned_with) {
  const Folder folder;
  const auto id = prof::intern("kept", prof::Category::user_annotation, prof::ValueKind::chunk,
                               true, prof::Activity::collectives);
  BOOST_TEST(id != prof::intern("kept", prof::Category::user_annotation, prof::ValueKind::chunk,
                                true, prof::Activity::ipc));
  const auto memory = prof::FlightMemory::create(folder.path / "memory", 10);
  memory->keep_words(0);
  const auto read = prof::FlightMemory::open(folder.path / "memory", prof::Owner::silent);
  if (!read) BOOST_FAIL(read.error().message);
  const prof::NameInfo kept = (*read)->name(id);
  BOOST_TEST(kept.name == "kept");
  BOOST_TEST((kept.category == prof::Category::user_annotation));
  BOOST_TEST((kept.value_kind == prof::ValueKind::chunk));
  BOOST_TEST(kept.correlated);
  BOOST_TEST((kept.activity == prof::Activity::collectives));
  BOOST_TEST(((*read)->name(id + 1).activity == prof::Activity::ipc));
}

// The orchestrator reads what a killed rank kept in shared memory.
BOOST_AUTO_TEST_CASE(the_flight_recorder_of_a_killed_process_can_be_read) {
  const Folder folder;
  const fs::path memory = folder.path / "flight";
  int ready[2];
  BOOST_REQUIRE(pipe(ready) == 0);
  const pid_t rank = fork();
  if (rank == 0) {
    prof::enable_flight_recorder({.most_records = 5000, .file = memory});
    prof::name_request(3, "the \"third\"");
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

BOOST_AUTO_TEST_CASE(
    merging_joins_ranks_with_an_arrow_for_each_chunk_and_a_track_for_each_request) {
  const Folder folder;
  const auto publish = prof::intern("ipc.publish", prof::Category::cpu_op, prof::ValueKind::chunk);
  const auto take = prof::intern("ipc.take", prof::Category::cpu_op, prof::ValueKind::chunk);
  const auto step = prof::intern("a step", prof::Category::user_annotation, prof::ValueKind::step);
  // Two processes that hand chunks on: the second begins each take before the chunk is there.
  const auto rank = [&](int number, auto work) {
    const pid_t pid = fork();
    if (pid != 0) return pid;
    auto opts = options(folder.path);
    opts.rank = number;
    auto session = prof::Session::start(opts);
    prof::name_request(1, "req-1");
    work();
    _exit((*session)->stop() ? 0 : 1);
  };
  const pid_t first = rank(0, [&] {
    const prof::RequestScope request(1);
    for (std::uint64_t i = 0; i < 20; ++i) {
      const prof::Span whole(step, i);
      const prof::Span span(publish, prof::pack_chunk(5, i, 4096));
      usleep(1000);
    }
  });
  const pid_t second = rank(1, [&] {
    const prof::RequestScope request(1);
    for (std::uint64_t i = 0; i < 25; ++i) {  // five that nobody published
      const prof::Span span(take, prof::pack_chunk(5, i, 4096));
      usleep(1500);
    }
  });
  for (const pid_t pid : {first, second}) {
    int status = 0;
    waitpid(pid, &status, 0);
    BOOST_REQUIRE(status == 0);
  }
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(folder.path)) files.push_back(entry.path());
  const fs::path out = folder.path / "merged.json.gz";
  const auto merged = prof::merge(files, out);
  if (!merged) BOOST_FAIL(merged.error().message);
  BOOST_TEST(merged->arrows == 20u);
  BOOST_TEST(merged->unmatched_chunks == 5u);
  BOOST_TEST(merged->requests == 1u);
  for (const auto& finding : prof::validate({out})) BOOST_TEST(finding == "");
  const auto json = nlohmann::json::parse(read_gzip(out));
  std::size_t starts = 0;
  for (const auto& event : json["traceEvents"])
    if (event["ph"] == "s") {
      ++starts;
      BOOST_TEST(event["args"]["bytes"] == 4096);
    }
  BOOST_TEST(starts == 20u);
  BOOST_TEST(json["limelight"]["ranks"]["1"]["events"] == 25);

  const auto path = prof::describe_request(files, "req-1");
  BOOST_REQUIRE(path.ok());
  BOOST_TEST(path->find("ipc.publish") != std::string::npos);
  BOOST_TEST(prof::describe_request(files, "other").error().message.find("there are: req-1") !=
             std::string::npos);
  BOOST_TEST(prof::merge({files[0], files[0]}, out).error().message.find("one trace a rank") !=
             std::string::npos);
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
