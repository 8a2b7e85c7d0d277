// A trace of ours, line by line.
#include <boost/test/unit_test.hpp>

#include "profiling/analysis/trace_line_reader.hpp"
#include "tests/profiling/sessions.hpp"
#include "tests/support.hpp"

namespace prof = limelight::profiling;
namespace fs = std::filesystem;
using namespace limelight::tests;
using limelight::ErrorCode;

namespace {
const std::string head =
    "{\n\"distributedInfo\": {\"backend\": \"nccl\",\n\"rank\": 3,\n\"pg_config\": [{\"a\": "
    "[1]}]},\n"
    "\"baseTimeNanoseconds\": 77,\n\"traceEvents\": [\n";
const std::string tail = "],\n\"limelight\": {\"events\": 1},\n\"traceName\": \"x\"}\n";

prof::TraceLineReader lines_of(const fs::path& path) {
  auto lines = prof::TraceLineReader::open(path);
  if (!lines) BOOST_FAIL(lines.error().message);
  return std::move(lines).value();
}
}  // namespace

BOOST_AUTO_TEST_SUITE(trace_line_reader)

BOOST_AUTO_TEST_CASE(the_head_the_events_and_the_end_are_read) {
  const Folder folder;
  const std::string event =
      R"({"ph":"X","cat":"cpu_op","name":"a \"b\"","pid":5,"tid":6,"ts":1.002,"dur":3.004,)"
      R"("args":{"bytes":4096,"request":"r, 1"}})";
  auto lines =
      lines_of(write_file(folder.path / "a", head + event + ",\n\n" +
                                                 R"({"ph":"M","name":"n","pid":0})" + "\n" + tail));
  BOOST_TEST(lines.rank() == 3);
  BOOST_TEST(lines.base_ns() == 77);
  BOOST_TEST(lines.backend() == "nccl");
  BOOST_TEST(lines.groups_json() == "[{\"a\": [1]}]");
  auto next = lines.next();
  BOOST_REQUIRE((next.ok() && next->has_value()));
  const prof::EventLine& e = **next;
  BOOST_TEST(e.text == event);
  BOOST_TEST(e.phase == 'X');
  BOOST_TEST(e.name == "a \\\"b\\\"");
  BOOST_TEST(e.category == "cpu_op");
  BOOST_TEST(e.pid == 5);
  BOOST_TEST(e.tid == 6);
  BOOST_TEST(e.begin_ns == 1002);
  BOOST_TEST(e.end_ns() == 4006);
  BOOST_TEST((e.number_arg("bytes") == 4096u));
  BOOST_TEST((e.arg("request") == "r, 1"));
  BOOST_TEST(!e.arg("none"));
  BOOST_TEST(!e.number_arg("request"));
  next = lines.next();
  BOOST_REQUIRE((next.ok() && next->has_value()));
  BOOST_TEST((*next)->phase == 'M');
  BOOST_TEST(!(*next)->arg("bytes"));
  for (int twice = 0; twice < 2; ++twice) {
    next = lines.next();
    BOOST_TEST((next.ok() && !next->has_value()));
  }
  BOOST_TEST(lines.own_json() == "{\"events\": 1}");
}

BOOST_AUTO_TEST_CASE(the_trace_of_a_session_can_be_read) {
  const Folder folder;
  auto lines = lines_of(written(options(folder.path)));
  BOOST_TEST(lines.rank() == 3);
  BOOST_TEST(lines.base_ns() == prof::default_base_ns());
  int slices = 0;
  for (;;) {
    const auto next = lines.next();
    if (!next) BOOST_FAIL(next.error().message);
    if (!*next) break;
    slices += (*next)->phase == 'X';
  }
  BOOST_TEST(slices == 1);
}

BOOST_AUTO_TEST_CASE(what_is_no_trace_of_ours_is_refused_with_its_line) {
  const Folder folder;
  const fs::path path = folder.path / "a";
  for (const char* text :
       {"", "{}", "{\n\"traceEvents\": [\n", "{\n\"rank\": 1,\n\"traceEvents\": [\n"}) {
    write_file(path, text);
    const auto lines = prof::TraceLineReader::open(path);
    BOOST_REQUIRE_MESSAGE(!lines.ok(), text);
    BOOST_TEST((lines.error().code == ErrorCode::corrupt));
  }
  BOOST_TEST(
      (prof::TraceLineReader::open(folder.path / "none").error().code == ErrorCode::not_found));
  const struct {
    const char *event, *says;
  } cases[] = {{"{\"ph\":\"X\",\n", "a line with one event"},
               {R"({"ph":"X","name":"n","pid":1.5x})", "'ts' and 'dur'"},
               {R"({"ph":"X","name":"n","pid":"a"})", "'pid'"},
               {R"({"ph":"X","name":"n","pid":1,"ts":1.5,"dur":1.000})", "three decimals"},
               {R"({"ph":"i","name":"n","pid":1})", "ends in the middle"}};
  for (const auto& c : cases) {
    auto lines = lines_of(write_file(path, head + c.event + "\n"));
    auto next = lines.next();
    if (next.ok()) next = lines.next();
    BOOST_REQUIRE_MESSAGE(!next.ok(), c.event);
    BOOST_TEST(next.error().message.starts_with(path.string() + ":"), next.error().message);
    BOOST_TEST(next.error().message.find(c.says) != std::string::npos, next.error().message);
  }
}

BOOST_AUTO_TEST_SUITE_END()
