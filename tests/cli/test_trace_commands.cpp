// `limelight trace ...` as a user sees it: exit codes, files and messages.
#include <boost/test/unit_test.hpp>
#include <nlohmann/json.hpp>

#include "tests/cli/two_traces.hpp"
#include "tests/support.hpp"

namespace fs = std::filesystem;
using namespace limelight::tests;

namespace {
bool has(const Ran& ran, const std::string& part) {
  return ran.output.find(part) != std::string::npos;
}
}  // namespace

BOOST_AUTO_TEST_SUITE(trace_commands)

BOOST_AUTO_TEST_CASE(report_is_one_page_that_holds_everything_and_no_name_breaks_it) {
  const TwoTraces traces;
  const fs::path page = traces.folder / "report.html";
  const Ran ran = trace_command("report -o " + page.string() + traces.all);
  BOOST_REQUIRE_MESSAGE(ran.code == 0, ran.output);
  BOOST_TEST(has(ran, page.string()));
  const std::string html = read_file(page);
  BOOST_TEST(html.find("<script>alert") == std::string::npos);
  for (const char* absent : {"http://", "https://", "@DATA@"})
    BOOST_TEST(html.find(absent) == std::string::npos, absent);
  BOOST_TEST(has(trace_command("report /no/such.gz"), "/no/such.gz"));
  const Ran beside =
      trace_command("report -o " + page.string() + traces.all + " --beside" + traces.all);
  BOOST_TEST(beside.code == 0, beside.output);
  BOOST_TEST(read_file(page).find("\"beside\":") != std::string::npos);
  BOOST_TEST(has(trace_command("report" + traces.all + " --beside /no/such.gz"), "/no/such.gz"));
  const Ran session = trace_command("report --force -o " + page.string() + traces.all +
                                    " --beside-session none --beside" + traces.all);
  BOOST_TEST(session.code == 1, session.output);
  BOOST_TEST(has(session, "none"), session.output);
}

BOOST_AUTO_TEST_CASE(validate_says_what_is_wrong_and_exits_with_1) {
  const TwoTraces traces;
  const Ran valid = trace_command("validate" + traces.all);
  BOOST_TEST(valid.code == 0, valid.output);
  BOOST_TEST(valid.output.ends_with("\n2 traces are valid\n"), valid.output);
  BOOST_TEST(has(valid, "  speedscope             accepts\n"), valid.output);
  const fs::path broken = write_file(traces.folder / "broken.json", "{\"traceEvents\": [\n{]}");
  const Ran invalid = trace_command("validate " + broken.string());
  BOOST_TEST(invalid.code == 1);
  BOOST_TEST(has(invalid, broken.string() + ":"), invalid.output);
}

BOOST_AUTO_TEST_CASE(summary_has_the_operations_and_one_request_can_be_followed) {
  const TwoTraces traces;
  const Ran all = trace_command("summary" + traces.all);
  BOOST_TEST(all.code == 0);
  for (const char* name : {"a step", "ipc.publish", "ipc.take"})
    BOOST_TEST(has(all, name), all.output);
  const Ran one = trace_command("summary --request 'the <b>first</b>'" + traces.all);
  BOOST_TEST(one.code == 0);
  BOOST_TEST(has(one, "rank 1"), one.output);
  BOOST_TEST(has(one, " ms most went to steps of rank "), one.output);
  BOOST_TEST(has(one, "\ncritical path:\n"), one.output);
  const Ran none = trace_command("summary --request other" + traces.all);
  BOOST_TEST(none.code == 1);
  BOOST_TEST(none.output.starts_with("limelight trace summary: "), none.output);
  BOOST_TEST(has(none, "the <b>first</b>"));
}

BOOST_AUTO_TEST_CASE(summary_speaks_json_and_csv_and_says_which_session_it_shows) {
  const TwoTraces traces;
  const Ran json = trace_command("summary --json" + traces.all);
  BOOST_TEST(json.code == 0);
  BOOST_TEST(json.output.starts_with("{\n"), json.output);
  BOOST_TEST(has(json, "\"name\": \"ipc.publish\""), json.output);
  const Ran csv = trace_command("summary --csv --by-stage" + traces.all);
  BOOST_TEST(csv.code == 0);
  BOOST_TEST(csv.output.starts_with("table,name,stage,"), csv.output);
  BOOST_TEST(has(csv, "\"cpu\",\"ipc.take\",\"1 test\","), csv.output);
  BOOST_TEST(trace_command("summary --json --csv" + traces.all).code == 2);
  BOOST_TEST(trace_command("summary --session 1700000000000" + traces.all).code == 0);
  const Ran none = trace_command("summary --session other" + traces.all);
  BOOST_TEST(none.code == 1);
  BOOST_TEST(has(none, "session '1700000000000'"), none.output);
}

BOOST_AUTO_TEST_CASE(merge_makes_one_valid_trace_and_says_what_is_in_it) {
  const TwoTraces traces;
  const fs::path merged = traces.folder / "merged.json.gz";
  const Ran ran = trace_command("merge -o " + merged.string() + traces.all);
  BOOST_TEST(ran.code == 0);
  BOOST_TEST(has(ran, "of 2 ranks, 1 requests, 20 chunks with both ends, 0 with one"), ran.output);
  BOOST_TEST(trace_command("validate " + merged.string()).code == 0);
  // It may replace its own file, and no input.
  BOOST_TEST(trace_command("merge -o " + merged.string() + traces.all).code == 0);
  const std::string bytes = read_file(traces.files[0]);
  const Ran refused = trace_command("merge --force -o " + traces.files[0].string() + traces.all);
  BOOST_TEST(refused.code == 1);
  BOOST_TEST(refused.output.starts_with("limelight trace merge: "), refused.output);
  BOOST_TEST(has(refused, "one of the inputs"), refused.output);
  BOOST_TEST((read_file(traces.files[0]) == bytes));
}

BOOST_AUTO_TEST_CASE(diff_compares_two_groups_of_files) {
  const TwoTraces traces;
  const Ran ran =
      trace_command("diff -a " + traces.files[0].string() + " -b " + traces.files[1].string());
  BOOST_TEST(ran.code == 0);
  BOOST_TEST(has(ran, "ipc.publish"));
  BOOST_TEST(has(ran, "ipc.take"));
}

BOOST_AUTO_TEST_CASE(recover_goes_on_after_a_file_that_it_cannot_recover) {
  const TwoTraces traces;
  const fs::path name = traces.files[0].filename(),
                 part = traces.folder / ("." + name.string() + ".part");
  std::string bytes = read_file(traces.files[0]);
  bytes.resize(bytes.size() - 10);
  fs::remove(traces.files[0]);
  write_file(part, bytes);
  const Ran ran = trace_command("recover /no/such.part " + part.string());
  BOOST_TEST(ran.code == 1);
  BOOST_TEST(has(ran, "limelight trace recover: /no/such.part"), ran.output);
  BOOST_TEST(has(ran, traces.files[0].string() + ": "), ran.output);
  BOOST_TEST(fs::exists(traces.files[0]));
  BOOST_TEST(trace_command("validate " + traces.files[0].string()).code == 0);
}

BOOST_AUTO_TEST_CASE(diff_compares_the_sessions_that_are_named) {
  const TwoTraces traces;
  const std::string both = "diff -a" + traces.all + " -b" + traces.all;
  BOOST_TEST(trace_command(both + " --a-session 1700000000000").code == 0);
  for (const char* of : {" --a-session other", " --b-session other"}) {
    const Ran none = trace_command(both + of);
    BOOST_TEST(none.code == 1, of);
    BOOST_TEST(has(none, "found no session 'other'"), none.output);
  }
}

BOOST_AUTO_TEST_CASE(open_says_what_a_file_is_in_place_of_a_trace) {
  const Folder folder;
  for (const auto& [text, expected] :
       {std::pair("{\"profiles\": []}", "found the keys 'profiles'"),
        std::pair("hello", "found no JSON object"), std::pair("", "found nothing in the file")}) {
    const fs::path file = write_file(folder.path / "a.json", text);
    const Ran ran = trace_command("open --no-browser " + file.string());
    BOOST_TEST(ran.code == 1);
    BOOST_TEST(has(ran, file.string() + ":"), ran.output);
    BOOST_TEST(has(ran, expected), ran.output);
  }
}

BOOST_AUTO_TEST_CASE(wrong_usage_is_2_and_a_missing_file_is_1) {
  for (const char* wrong : {"", "no-such-command", "validate", "merge a.gz", "diff -a a.gz"})
    BOOST_TEST(trace_command(wrong).code == 2, wrong);
  for (const char* missing : {"summary /no/such.gz", "validate /no/such.gz",
                              "open --no-browser /no/such.gz", "merge -o m.gz /no/such.gz"}) {
    const Ran ran = trace_command(missing);
    BOOST_TEST(ran.code == 1, missing);
    BOOST_TEST(has(ran, "/no/such.gz"), ran.output);
  }
}

BOOST_AUTO_TEST_SUITE_END()
