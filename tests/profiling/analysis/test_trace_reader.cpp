// Traces of any program, and ours as other tools leave them.
#include <zstd.h>

#include <boost/test/unit_test.hpp>
#include <limelight/trace.hpp>
#include <nlohmann/json.hpp>

#include "profiling/analysis/trace_reader.hpp"
#include "tests/profiling/sessions.hpp"
#include "tests/profiling/trace_reading.hpp"
#include "tests/support.hpp"
#include "tests/trace_file.hpp"

namespace prof = limelight::profiling;
namespace fs = std::filesystem;
using namespace limelight::tests;

namespace {

TraceReading read_text(const std::string& text, const char* name = "a.json") {
  const Folder folder;
  return read_trace(write_file(folder.path / name, text));
}
// The events alone, so that the forms of files can be compared.
std::string table_of(const fs::path& file) {
  const auto table = prof::summary_table({file}, {.format = prof::TableFormat::csv});
  return table ? *table : table.error().message;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(trace_reader)

BOOST_AUTO_TEST_CASE(events_of_others_come_in_the_form_of_ours) {
  const TraceReading made = read_text(
      "[{\"name\": \"a\\nb\", \"ph\": \"X\",\n \"ts\": \"1764180000123456.789\", \"dur\": 2,"
      " \"pid\": 1, \"tid\": 2.0,\n \"args\": {\"x\":\n [1, 2]}},"
      "{\"ph\":\"B\",\"name\":\"pair\",\"pid\":1,\"tid\":2,\"ts\":-1.5,\"args\":{\"q\":1}},"
      "{\"ph\":\"E\",\"pid\":1,\"tid\":2,\"ts\":1},"
      "{\"ph\":\"f\",\"id\":\"0x1\",\"bp\":\"e\",\"name\":\"n\",\"pid\":1,\"tid\":2,\"ts\":3},"
      "{\"ph\":\"X\",\"name\":null,\"args\":null,\"pid\":1,\"ts\":4},"
      "{\"ph\":\"B\",\"name\":\"open\",\"pid\":1,\"tid\":2,\"ts\":9}]");
  const std::vector<std::string> expected{
      (R"({"ph":"X","name":"a\nb","pid":1,"tid":2,"ts":1764180000123456.789,"dur":2.000,)"
       R"("args":{"x":  [1, 2]}})"),
      R"({"ph":"f","name":"n","id":"0x1","bp":"e","pid":1,"tid":2,"ts":3.000})",
      R"x({"ph":"X","name":"(no name)","pid":1,"tid":0,"ts":4.000,"dur":0.000})x",
      R"({"ph":"X","name":"pair","pid":1,"tid":2,"ts":-1.500,"dur":2.500,"args":{"q":1}})",
      R"({"ph":"B","name":"open","pid":1,"tid":2,"ts":9.000})"};
  BOOST_TEST(made.lines == expected, boost::test_tools::per_element());
  BOOST_TEST(made.odd ==
             "1 begin or end without the other; 1 slice without a duration, taken as 0; 1 event "
             "without a name");
}

// As Perfetto pairs them: by time, not by their place in the file, and by name where the end has
// one.
BOOST_AUTO_TEST_CASE(begins_and_ends_are_paired_by_time_and_by_name) {
  const auto event = [](char phase, const char* name, int ts, const char* args = "") {
    return std::string("{\"ph\":\"") + phase + "\",\"name\":\"" + name +
           "\",\"pid\":1,\"tid\":2,\"ts\":" + std::to_string(ts) + args + "}";
  };
  const auto odd_order =
      read_text("[" + event('E', "", 9) + "," + event('B', "inner", 3) + "," +
                event('B', "outer", 1, ",\"args\":{\"a\":1}") + "," + event('E', "", 4) + "]");
  const std::vector<std::string> nested{
      R"({"ph":"X","name":"inner","pid":1,"tid":2,"ts":3.000,"dur":1.000})",
      R"({"ph":"X","name":"outer","pid":1,"tid":2,"ts":1.000,"dur":8.000,"args":{"a":1}})"};
  BOOST_TEST(odd_order.lines == nested, boost::test_tools::per_element());
  BOOST_TEST(odd_order.odd == "");

  const auto overlapping =
      read_text("[" + event('B', "first", 1, ",\"args\":{\"a\":1}") + "," +
                event('B', "second", 2) + "," + event('E', "first", 5, ",\"args\":{\"b\":2}") +
                "," + event('E', "other", 6) + "," + event('E', "second", 7) + "]");
  const std::vector<std::string> by_name{
      R"({"ph":"X","name":"first","pid":1,"tid":2,"ts":1.000,"dur":4.000,"args":{"a":1,"b":2}})",
      R"({"ph":"X","name":"second","pid":1,"tid":2,"ts":2.000,"dur":5.000})"};
  BOOST_TEST(overlapping.lines == by_name, boost::test_tools::per_element());
  BOOST_TEST(overlapping.odd == "1 begin or end without the other");
}

BOOST_AUTO_TEST_CASE(what_cannot_be_used_is_left_out_and_said) {
  const TraceReading made = read_text(
      "{\"traceEvents\": [7, {\"ph\": 5, \"ts\": 1}, {\"ph\": \"X\", \"ts\": \"soon\", \"name\": "
      "\"a\"}, {\"ph\": \"X\", \"ts\": 1, \"dur\": -1, \"name\": \"b\"}, {\"ph\": \"i\"}, "
      "{\"ph\": \"X\", \"ts\": 9e15, \"dur\": 9e15, \"name\": \"c\"},"
      "{\"ph\": \"X\", \"ts\": 1, \"dur\": 1, \"name\": \"\xff\"}, {\"ph\" \"X\"}]}");
  BOOST_TEST(made.lines.size() == 1u);
  BOOST_TEST(made.odd ==
             "left out 7 events (2 no JSON object, 1 without a phase, 3 without a time that "
             "counts, 1 with an end before the begin); 1 event whose text was mended");
}

BOOST_AUTO_TEST_CASE(texts_in_place_of_pids_get_numbers_of_their_own) {
  const Folder folder;
  auto reader = prof::TraceReader::open(write_file(
      folder.path / "a.json", R"([{"ph":"i","pid":"Spans","tid":"main","ts":1,"name":"a"}])"));
  BOOST_REQUIRE(reader.ok());
  const auto event = reader->next();
  BOOST_REQUIRE((event.ok() && event->has_value()));
  BOOST_TEST(reader->text_of((*event)->pid) == "Spans");
  BOOST_TEST(reader->text_of((*event)->tid) == "main");
}

BOOST_AUTO_TEST_CASE(what_is_no_trace_is_said_in_our_words_with_what_to_do) {
  BOOST_TEST(read_text("").error.ends_with("found nothing in the file, expected a trace"));
  BOOST_TEST(read_text("{\"$schema\": 1, \"profiles\": []}")
                 .error.find("found the keys '$schema', 'profiles', and neither the key "
                             "'traceEvents' with an array nor an array of events") !=
             std::string::npos);
  BOOST_TEST(read_text("\x0a\x10packet", "a.pftrace").error.find("Perfetto's own format") !=
             std::string::npos);
  for (const auto& [begin, what] :
       {std::pair(std::string("PK\x03\x04"), "an archive (zip)"),
        std::pair(std::string(257, 'a') + "ustar  ", "an archive (tar)"),
        std::pair(std::string("SQLite format 3"), "a database (SQLite)"),
        std::pair(std::string("\xff\xfe[\0", 4), "text in UTF-16"),
        std::pair(std::string("<!DOCTYPE html>"), "HTML or XML")}) {
    const std::string error = read_text(begin).error;
    BOOST_TEST(error.find(std::string(": found ") + what) != std::string::npos, error);
  }
  const Folder folder;
  BOOST_TEST(read_trace(folder.path).error.find("found a folder") != std::string::npos);
}

// Whatever another tool makes of our file, it is the same trace for all commands.
BOOST_AUTO_TEST_CASE(a_trace_of_ours_is_read_as_other_tools_rewrite_it) {
  const Folder folder;
  const fs::path own = written(options(folder.path));
  const std::string text = read_gzip(own), expected = table_of(own);
  BOOST_REQUIRE(expected.find("\"work\"") != std::string::npos);
  const auto json = nlohmann::ordered_json::parse(text);
  std::string crlf;
  for (const char c : text) crlf += c == '\n' ? "\r\n" : std::string(1, c);
  std::string frame(ZSTD_compressBound(text.size()), '\0');
  frame.resize(ZSTD_compress(frame.data(), frame.size(), text.data(), text.size(), 1));
  const std::string gzip = read_file(own);
  const struct {
    const char* name;
    std::string bytes;
  } forms[] = {{"indented.json", json.dump(2)},
               {"line.json", json.dump()},
               {"sorted.json", nlohmann::json::parse(text).dump(1, '\t')},
               {"crlf.json", crlf},
               {"mark.json", "\xef\xbb\xbf" + text},
               {"frame.json.zst", frame},
               {"padded.json.gz", gzip + std::string(1000, '\0')}};
  for (const auto& form : forms) {
    const fs::path file = write_file(folder.path / form.name, form.bytes);
    BOOST_TEST(table_of(file) == expected, form.name);
    const auto merged = prof::merge({file}, folder.path / (std::string(form.name) + ".merged"));
    BOOST_TEST((merged.ok() && merged->events == 1), form.name);
    BOOST_TEST(prof::write_report(folder.path / (std::string(form.name) + ".html"), {file}).ok(),
               form.name);
    BOOST_TEST(prof::diff_table({own}, {file}).ok(), form.name);
    const auto origin = prof::TraceReader::open(file)->origin();
    BOOST_TEST(origin.rank.value() == 3, form.name);
  }
}

// Such as two traces in one file.
BOOST_AUTO_TEST_CASE(what_stands_behind_the_end_is_said) {
  const std::string event =
      "{\"ph\": \"X\", \"name\": \"a\", \"pid\": 1, \"tid\": 1, \"ts\": 1, \"dur\": 2}";
  for (const std::string& whole : {"[" + event + "]", "{\"traceEvents\": [" + event + "]}"}) {
    BOOST_TEST(read_text(whole + " \n").odd == "");
    const TraceReading twice = read_text(whole + "\n" + whole);
    BOOST_TEST(twice.lines.size() == 1u);
    BOOST_TEST(twice.odd == "text behind the end of its JSON was not read");
  }
}

// Of others, whose gzip is one member.
BOOST_AUTO_TEST_CASE(of_a_torn_file_what_is_there_is_read_and_what_is_lost_is_said) {
  const Folder folder;
  std::string text = "{\"traceEvents\": [";
  std::uint64_t number = 1;
  for (int i = 0; i < 3000; ++i) {
    number = number * 6364136223846793005u + 1442695040888963407u;  // no compressor foresees them
    text += (i > 0 ? "," : "") + ("{\"ph\": \"X\", \"name\": \"a" + std::to_string(number)) +
            "\", \"pid\": 1, \"tid\": 1, \"ts\": " + std::to_string(i) + ", \"dur\": 1}";
  }
  const fs::path file = folder.path / "torn.json.gz";
  gzFile out = gzopen(file.c_str(), "wb");
  gzwrite(out, text.data(), static_cast<unsigned>(text.size()));
  gzclose(out);
  const std::string whole = read_file(file), half = whole.substr(0, whole.size() / 2);
  const TraceReading torn = read_trace(write_file(file, half));
  BOOST_TEST(torn.error == "");
  BOOST_TEST(torn.lines.size() > 1000u);
  BOOST_TEST(torn.lines.size() < 2000u);
  BOOST_TEST(torn.odd == "the compressed data ends early, behind byte " +
                             std::to_string(half.size()) + ": what followed is lost");
  const auto table = prof::summary_table({file});
  BOOST_REQUIRE(table.ok());
  BOOST_TEST(table->find("the compressed data ends early") != std::string::npos);
  const auto findings = prof::validate({file});
  BOOST_TEST(std::any_of(findings.begin(), findings.end(), [](const std::string& finding) {
    return finding.find("the compressed data ends early") != std::string::npos &&
           finding.find("refuse the file") != std::string::npos;
  }));

  std::string damaged = whole;
  for (std::size_t i = whole.size() / 2; i < whole.size() / 2 + 300; ++i) damaged[i] = '\xff';
  const TraceReading read_on = read_trace(write_file(file, damaged));
  BOOST_TEST(read_on.error == "");
  BOOST_TEST(read_on.lines.size() > 1000u);
  BOOST_TEST(read_on.odd.find("the compressed data is damaged at about byte ") !=
             std::string::npos);
  BOOST_TEST(read_on.odd.find(" of " + std::to_string(whole.size()) +
                              ": what is behind it is lost") != std::string::npos,
             read_on.odd);
}

BOOST_AUTO_TEST_SUITE_END()
