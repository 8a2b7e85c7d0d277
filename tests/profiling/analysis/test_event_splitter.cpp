// The forms in which files of events are found.
#include <boost/test/unit_test.hpp>

#include "profiling/analysis/event_splitter.hpp"
#include "tests/support.hpp"

namespace prof = limelight::profiling;
using namespace limelight::tests;
using limelight::ErrorCode;

namespace {

struct Split {
  std::vector<std::string> events;
  std::vector<std::size_t> lines;
  std::map<std::string, std::string, std::less<>> keys;
  std::size_t strays = 0;
  bool ends_early = false;
  std::string error;
};
Split split(std::string_view text) {
  const Folder folder;
  auto splitter = prof::EventSplitter::open(write_file(folder.path / "a.json", text));
  Split made;
  if (!splitter) {
    made.error = splitter.error().message;
    return made;
  }
  for (;;) {
    const auto event = splitter->next();
    if (!event) made.error = event.error().message;
    if (!event || !*event) break;
    made.events.emplace_back(**event);
    made.lines.push_back(splitter->line());
  }
  made.keys = splitter->keys();
  made.strays = splitter->strays();
  made.ends_early = splitter->ends_early();
  return made;
}
const std::vector<std::string> one_two{"{\"a\": 1}", "{\"a\": [2]}"};

}  // namespace

BOOST_AUTO_TEST_SUITE(event_splitter)

BOOST_AUTO_TEST_CASE(both_forms_give_their_events_wherever_blanks_and_commas_stand) {
  for (const char* text : {
           "[{\"a\": 1},{\"a\": [2]}]",
           "[{\"a\": 1},\r\n{\"a\": [2]},\r\n]\r\n",
           "\xef\xbb\xbf [ ,{\"a\": 1},,{\"a\": [2]}]",
           "{\"traceEvents\":[{\"a\": 1},{\"a\": [2]}]}",
           ("{\"x\": {\"traceEvents\": [{}]},\n\"traceEvents\" : [\n{\"a\": 1}\n{\"a\": [2]}],"
            "\"z\": \"}\",}"),
       }) {
    const Split made = split(text);
    BOOST_TEST(made.error == "", text);
    BOOST_TEST(made.events == one_two, boost::test_tools::per_element());
    BOOST_TEST(!made.ends_early, text);
  }
}

BOOST_AUTO_TEST_CASE(a_file_without_its_end_gives_what_is_whole_and_says_so) {
  for (const char* text :
       {"[{\"a\": 1},{\"a\": [2]},", "[{\"a\": 1},{\"a\": [2]}", "[{\"a\": 1},{\"a\": [2]},{\"b\"",
        "{\"traceEvents\": [{\"a\": 1},{\"a\": [2]}",
        "{\"traceEvents\": [{\"a\": 1},{\"a\": [2]}],\"x\": {"}) {
    const Split made = split(text);
    BOOST_TEST(made.error == "", text);
    BOOST_TEST(made.events == one_two, boost::test_tools::per_element());
    BOOST_TEST(made.ends_early, text);
  }
}

BOOST_AUTO_TEST_CASE(brackets_in_texts_are_no_brackets_and_what_is_no_object_is_counted) {
  const Split made = split("[{\"a\": \"}]{\\\"\"},\n1, null,\n\"x\", [{}], {\"b\": {}}]");
  BOOST_TEST(made.events == (std::vector<std::string>{"{\"a\": \"}]{\\\"\"}", "{\"b\": {}}"}),
             boost::test_tools::per_element());
  BOOST_TEST(made.lines == (std::vector<std::size_t>{1, 3}), boost::test_tools::per_element());
  BOOST_TEST(made.strays == 4u);
}

BOOST_AUTO_TEST_CASE(top_level_keys_are_kept_as_they_stand) {
  const Split made =
      split("{\"rank\": 3, \"distributedInfo\": {\"rank\": 3}, \"traceEvents\": [], \"t\":\"x\"}");
  BOOST_TEST(made.keys.at("rank") == "3");
  BOOST_TEST(made.keys.at("distributedInfo") == "{\"rank\": 3}");
  BOOST_TEST(made.keys.at("t") == "\"x\"");
}

BOOST_AUTO_TEST_CASE(what_is_no_trace_is_said_in_our_words) {
  const Folder folder;
  BOOST_TEST(prof::EventSplitter::open(folder.path).error().message ==
             folder.path.string() + ": found a folder, expected a trace; name the files in it");
  BOOST_TEST(split("").error.find(": found nothing in the file") != std::string::npos);
  BOOST_TEST(split("\x0a\x05hello").error.find("Perfetto's own format") != std::string::npos);
  BOOST_TEST(split("hello").error.find("found no JSON object and no array") != std::string::npos);
  BOOST_TEST(split("{\"a\" 1}").error.find("found no colon after the key \"a\"") !=
             std::string::npos);
  BOOST_TEST(split("{1: 2}").error.find("found no key") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
