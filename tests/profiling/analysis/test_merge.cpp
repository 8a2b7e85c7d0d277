// The traces of all ranks in one timeline.
#include <boost/test/unit_test.hpp>
#include <limelight/trace.hpp>
#include <nlohmann/json.hpp>

#include "tests/profiling/sessions.hpp"
#include "tests/support.hpp"
#include "tests/trace_file.hpp"

namespace prof = limelight::profiling;
namespace fs = std::filesystem;
using namespace limelight::tests;

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
  std::size_t depths = 0;
  int depth = -1;
  for (const auto& event : json["traceEvents"])
    if (event["ph"] == "C") {
      ++depths;
      BOOST_TEST(event["name"] == "queue rank 0 -> rank 1 (channel 5)");
      depth = event["args"]["chunks"];
      BOOST_TEST((depth >= 0 && depth <= 20));
    }
  BOOST_TEST(depth == 0);  // all of them were taken
  BOOST_TEST(depths >= 20u);
  BOOST_TEST(json["limelight"]["ranks"]["1"]["events"] == 25);

  const auto path = prof::describe_request(files, "req-1");
  BOOST_REQUIRE(path.ok());
  BOOST_TEST(path->find("ipc.publish") != std::string::npos);
  BOOST_TEST(prof::describe_request(files, "other").error().message.find("there are: req-1") !=
             std::string::npos);
  const auto once = prof::merge({files[0], files[0]}, out);
  if (!once) BOOST_FAIL(once.error().message);
  BOOST_TEST(once->files == 1u);
  BOOST_REQUIRE(once->notes.size() == 1u);
  BOOST_TEST(once->notes[0].find("was read once") != std::string::npos);
  BOOST_TEST(
      prof::merge({out}, folder.path / "again.json.gz").error().message.find("merged file") !=
      std::string::npos);
}
