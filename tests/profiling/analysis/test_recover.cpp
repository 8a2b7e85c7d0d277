// What a killed rank leaves becomes a trace.
#include <signal.h>

#include <boost/test/unit_test.hpp>
#include <fstream>
#include <limelight/trace.hpp>
#include <nlohmann/json.hpp>

#include "profiling/record/clock.hpp"
#include "profiling/trace/member_file.hpp"
#include "tests/profiling/sessions.hpp"
#include "tests/support.hpp"
#include "tests/trace_file.hpp"

namespace prof = limelight::profiling;
namespace fs = std::filesystem;
using namespace limelight::tests;

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

BOOST_AUTO_TEST_CASE(so_does_one_in_the_format_of_perfetto) {
  const Folder folder;
  auto how = options(folder.path);
  how.profile.format = "pftrace";
  const pid_t rank = fork();
  if (rank == 0) {
    auto session = prof::Session::start(how);
    for (;;) {
      const prof::Span a(outer);
      const prof::Span b(inner, prof::pack_dims(2, 3, 4));
      usleep(20);
    }
  }
  fs::path part;
  while (part.empty() || fs::file_size(part) < 20'000)  // some members
    for (const auto& entry : fs::directory_iterator(folder.path)) part = entry.path();
  kill(rank, SIGKILL);
  waitpid(rank, nullptr, 0);
  const auto left = prof::unfinished_traces(folder.path);
  BOOST_REQUIRE(left.size() == 1u);
  const auto recovered = prof::recover(left[0]);
  if (!recovered) BOOST_FAIL(recovered.error().message);
  BOOST_TEST(recovered->file.string().ends_with(".pt.trace.pftrace"));
  BOOST_TEST(recovered->events > 100u);
  const auto table = prof::summary_table({recovered->file}, {.format = prof::TableFormat::json});
  BOOST_REQUIRE(table.ok());
  const auto json = nlohmann::json::parse(*table);
  BOOST_TEST(json["files"][0]["rank"] == 3);
  BOOST_TEST(json["files"][0]["limelight"]["recovered"] == true);
  BOOST_TEST(json["files"][0]["slices"] == recovered->events);
  // A second time it is whole.
  const fs::path again = prof::part_of(recovered->file);
  fs::rename(recovered->file, again);
  const std::string bytes = read_file(again);
  const auto whole = prof::recover(again);
  if (!whole) BOOST_FAIL(whole.error().message);
  BOOST_TEST((read_file(whole->file) == bytes));
}

// Between the last write and the renaming.
BOOST_AUTO_TEST_CASE(a_trace_that_was_whole_gets_no_second_end) {
  const Folder folder;
  const fs::path file = written(options(folder.path)), part = prof::part_of(file);
  const std::string bytes = read_file(file);
  fs::rename(file, part);
  auto recovered = prof::recover(part);
  if (!recovered) BOOST_FAIL(recovered.error().message);
  BOOST_TEST(recovered->file == file);
  BOOST_TEST(recovered->events == 1u);
  BOOST_TEST((read_file(file) == bytes));
}

BOOST_AUTO_TEST_CASE(a_trace_of_its_name_is_not_replaced) {
  const Folder folder;
  const fs::path file = written(options(folder.path)), part = prof::part_of(file);
  fs::rename(file, part);
  write_file(file, "another's");
  const auto recovered = prof::recover(part);
  if (!recovered) BOOST_FAIL(recovered.error().message);
  BOOST_TEST(recovered->file == prof::numbered(file, 2));
  BOOST_TEST(read_file(file) == "another's");
  BOOST_TEST(!fs::exists(part));
}

BOOST_AUTO_TEST_CASE(what_is_no_trace_keeps_its_hidden_name) {
  for (const char* text : {"no trace\n", "{\n\"traceEvents\": [\n{\"ph\":\"X\"", "{}\n"}) {
    const Folder folder;
    const fs::path whole = folder.path / "a.pt.trace.json.gz", part = prof::part_of(whole);
    auto file = prof::MemberFile::create(whole);
    BOOST_TEST((file->write(text).ok() && file->finish().ok()));
    const std::string bytes = read_file(whole);
    fs::rename(whole, part);
    const auto refused = prof::recover(part);
    BOOST_REQUIRE(!refused.ok());
    BOOST_TEST((refused.error().code == limelight::ErrorCode::corrupt));
    BOOST_TEST(!fs::exists(whole));
    BOOST_TEST((read_file(part) == bytes));
  }
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
        mine.profile.format = format;
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
