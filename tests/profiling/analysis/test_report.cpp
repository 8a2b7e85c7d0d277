// The page about the traces of all ranks, and the data that it shows.
#include <boost/test/unit_test.hpp>
#include <limelight/trace.hpp>
#include <nlohmann/json.hpp>

#include "tests/support.hpp"

namespace prof = limelight::profiling;
namespace fs = std::filesystem;
using namespace limelight::tests;
using limelight::ErrorCode;
using nlohmann::json;

namespace {

std::string microseconds(double time) {
  char text[32];
  std::snprintf(text, sizeof text, "%.3f", time);
  return text;
}
std::string slice(const std::string& name,
                  double ts_us,
                  double dur_us,
                  const std::string& args = "",
                  const std::string& category = "cpu_op") {
  return R"({"ph":"X","cat":")" + category + R"(","name":")" + name + R"(","pid":1,"tid":1,"ts":)" +
         microseconds(ts_us) + R"(,"dur":)" + microseconds(dur_us) + R"(,"args":{)" + args + "}}";
}
std::string chunk(int number) {
  return R"("bytes":4096,"channel":5,"chunk":)" + std::to_string(number) +
         R"(,"request":"the <b>first</b>")";
}
// As the session of a rank writes it: an event a line, each after those inside it.
fs::path trace(const fs::path& folder, int rank, const std::vector<std::string>& events) {
  std::string text =
      "{\n\"distributedInfo\": {\"backend\": \"shm\",\n\"rank\": " + std::to_string(rank) +
      ",\n\"world_size\": 2},\n\"limelight_clock\": \"tsc\",\n\"baseTimeNanoseconds\": " + "1000" +
      R"(,
"traceEvents": [
{"ph":"M","name":"process_name","ts":0.000,"pid":1,"tid":0,"args":{"name":"rank )" +
      std::to_string(rank) + R"( <test>"}})";
  for (const std::string& event : events) text += ",\n" + event;
  text += "\n],\n\"limelight\": {\"drops\": 0},\n\"traceName\": \"x\"\n}\n";
  return write_file(folder / ("run-rank-" + std::to_string(rank) + ".json"), text);
}

json data_of(const fs::path& page) {
  const std::string html = read_file(page), mark = "const data = ";
  const auto from = html.find(mark) + mark.size();
  return json::parse(html.substr(from, html.find(";\n", from) - from));
}

// Two ranks: the first hands ten chunks to the second, which takes each 30 us after it was
// published.
struct Report {
  Folder folder;
  fs::path page = folder.path / "report.html";
  std::vector<fs::path> files;
  json data;
  Report() {
    std::vector<std::string> first{slice("</script><script>alert(1)", 0, 10)}, second;
    for (int i = 0; i < 10; ++i) {
      const double at = 100.0 * i;
      first.push_back(slice("ipc.publish", at + 10, 20, chunk(i)));
      first.push_back(slice("ProfilerStep#" + std::to_string(i), at, 60 + i,
                            R"("step of":"decode","request":"the <b>first</b>")",
                            "user_annotation"));
      second.push_back(slice("ipc.take", at + 40, 20, chunk(i)));
    }
    second.push_back(slice("ipc.take", 1040, 20, chunk(99)));  // nobody published it
    second.push_back(slice("collective.all_reduce", 1060, 40));
    files = {trace(folder.path, 0, first), trace(folder.path, 1, second)};
    const auto written = prof::write_report(page, files);
    if (!written) BOOST_FAIL(written.error().message);
    data = data_of(page);
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(report)

BOOST_AUTO_TEST_CASE(operations_have_their_calls_and_times_largest_self_time_first) {
  const Report report;
  BOOST_REQUIRE_EQUAL(report.data["ranks"].size(), 2u);
  BOOST_TEST(report.data["ranks"][0]["name"] == "rank 0 <test>");
  const json& rows = report.data["ranks"][0]["operations"];
  BOOST_REQUIRE_EQUAL(rows.size(), 3u);
  BOOST_TEST(rows[0]["name"] == "decode");  // steps under one name
  BOOST_TEST(rows[0]["calls"] == 10);
  BOOST_TEST(rows[0]["total_us"] == 645.0);
  BOOST_TEST(rows[0]["self_us"] == 435.0);  // without what is inside
  BOOST_TEST(rows[1]["name"] == "ipc.publish");
  BOOST_TEST(rows[1]["self_us"] == 200.0);
  BOOST_TEST(rows[2]["name"] == "</script><script>alert(1)");
}

BOOST_AUTO_TEST_CASE(steps_and_collectives_are_counted_for_each_rank) {
  const Report report;
  const json &first = report.data["ranks"][0]["steps"], &second = report.data["ranks"][1]["steps"];
  BOOST_TEST(first["count"] == 10);
  BOOST_TEST(first["most_us"] == 69.0);
  BOOST_TEST(first["p50_us"].get<double>() >= 60.0);
  BOOST_TEST(first["p50_us"].get<double>() <= 69.0);
  BOOST_TEST(second["count"] == 0);
  BOOST_TEST(second["collective_us"] == 40.0);
}

BOOST_AUTO_TEST_CASE(a_channel_has_its_ends_and_how_long_its_chunks_waited) {
  const Report report;
  BOOST_REQUIRE_EQUAL(report.data["channels"].size(), 1u);
  const json& channel = report.data["channels"][0];
  BOOST_TEST(channel["channel"] == 5);
  BOOST_TEST(channel["from"] == 0);
  BOOST_TEST(channel["to"] == 1);
  BOOST_TEST(channel["chunks"] == 10);
  BOOST_TEST(channel["bytes"] == 10 * 4096);
  BOOST_TEST(channel["matched"] == 10);
  BOOST_TEST(channel["dwell_most_us"] ==
             50.0);  // from the begin of the publish to the end of the take
}

BOOST_AUTO_TEST_CASE(a_request_has_its_stages_and_the_timeline_its_shares) {
  const Report report;
  BOOST_REQUIRE_EQUAL(report.data["requests"].size(), 1u);
  BOOST_TEST(report.data["requests"][0]["request"] == "the <b>first</b>");
  BOOST_TEST(report.data["requests"][0]["stages"][0]["steps"] == 10);
  const json& kinds = report.data["kinds"];
  const auto kind = static_cast<std::size_t>(std::find(kinds.begin(), kinds.end(), "collectives") -
                                             kinds.begin());
  BOOST_TEST(report.data["ranks"][0]["busy"][kind].is_null());
  const json& busy = report.data["ranks"][1]["busy"][kind];
  BOOST_REQUIRE(busy.is_array());
  BOOST_TEST(busy.back() == 100);  // the all-reduce is the last thing of all
  BOOST_TEST(busy.front() == 0);
}

BOOST_AUTO_TEST_CASE(a_bar_is_solid_where_the_rank_worked_for_the_request) {
  const Report report;
  const json& stage = report.data["requests"][0]["stages"][0];
  BOOST_REQUIRE(stage["worked_ns"].size() == 10u);
  for (std::size_t i = 0; i < 10; ++i)
    BOOST_TEST(stage["worked_ns"][i] ==
               json::array({100'000 * i, 100'000 * i + 60'000 + 1000 * i}));
  BOOST_TEST(stage["others_us"] == 0.0);
  BOOST_TEST(stage["idle_us"] == 900.0 + 69.0 - 645.0);
}

// The ranks are told by the names of the processes.
BOOST_AUTO_TEST_CASE(a_merged_file_gives_the_report_of_its_ranks) {
  const Report report;
  const fs::path merged = report.folder.path / "merged.json.gz",
                 page = report.folder.path / "merged.html";
  BOOST_REQUIRE(prof::merge(report.files, merged).ok());
  const auto written = prof::write_report(page, {merged});
  if (!written) BOOST_FAIL(written.error().message);
  const json data = data_of(page);
  for (const char* key : {"requests", "channels", "begin_ns", "end_ns"})
    BOOST_TEST(data[key] == report.data[key], key);
  BOOST_REQUIRE(data["ranks"].size() == 2u);
  for (const int rank : {0, 1})
    for (const char* key : {"name", "operations", "steps", "busy"})
      BOOST_TEST(data["ranks"][rank][key] == report.data["ranks"][rank][key], key);
  const auto table = [](const std::vector<fs::path>& files) {
    return *prof::summary_table(files, {.format = prof::TableFormat::csv});
  };
  BOOST_TEST(table({merged}) == table(report.files));
  BOOST_TEST(*prof::describe_request({merged}, "the <b>first</b>") ==
             *prof::describe_request(report.files, "the <b>first</b>"));
}

// In the shape of what Kineto writes for a GPU.
BOOST_AUTO_TEST_CASE(traces_of_others_have_a_report_too) {
  const Folder folder;
  const auto file = write_file(
      folder.path / "rank7.json",
      R"({"traceEvents":[)" + slice("ProfilerStep#1", 0, 90, "", "user_annotation") + "," +
          slice("aten::mm", 10, 20) + "," + slice("gemm", 30, 40, "", "kernel") + "," +
          slice("ncclDevKernel_AllReduce", 70, 10, "", "kernel") + R"(,{"ph":7}]})");
  const auto written = prof::write_report(folder.path / "r.html", {file});
  if (!written) BOOST_FAIL(written.error().message);
  BOOST_REQUIRE(written->size() == 1u);
  BOOST_TEST(written->front().find("left out 1 event") != std::string::npos);
  const json data = data_of(folder.path / "r.html");
  BOOST_TEST(data["ranks"][0]["name"] == "rank 7");
  BOOST_TEST(data["ranks"][0]["rank"] == 7);
  BOOST_TEST(data["ranks"][0]["steps"]["count"] == 1);
  BOOST_TEST(data["ranks"][0]["steps"]["collective_us"] == 10.0);
  BOOST_TEST(data["ranks"][0]["operations"][2]["name"] == "gemm");
  BOOST_TEST(data["ranks"][0]["operations"][2]["kind"] == "device");
}

BOOST_AUTO_TEST_CASE(a_request_has_the_path_and_the_sentence_that_the_terminal_prints) {
  const Report report;
  const json& request = report.data["requests"][0];
  const std::string sentence = request["sentence"];
  BOOST_TEST(sentence.starts_with("Of 0.969 ms most went to steps of rank 0"), sentence);
  const auto text = prof::describe_request(report.files, "the <b>first</b>");
  BOOST_TEST(text->find(sentence) != std::string::npos, *text);
  // The parts follow each other.
  double at = request["begin_ns"], sum = 0;
  for (const json& part : request["path"]) {
    BOOST_TEST(part[3] == at);
    at = part[4];
  }
  BOOST_TEST(at == request["end_ns"]);
  for (const json& total : request["totals"]) sum += total["us"].get<double>();
  BOOST_TEST(sum == 969.0);
}

BOOST_AUTO_TEST_CASE(each_request_is_listed_however_many_there_are) {
  const Folder folder;
  std::vector<std::string> events;
  constexpr int count = 1500;
  for (int i = 0; i < count; ++i)
    events.push_back(slice("ProfilerStep#1", 100.0 * i, 10 + i % 50,
                           R"("request":"r)" + std::to_string(i) + "\"", "user_annotation"));
  const fs::path page = folder.path / "report.html";
  BOOST_REQUIRE(prof::write_report(page, {trace(folder.path, 0, events)}).ok());
  const json data = data_of(page);
  BOOST_REQUIRE(data["requests"].size() == std::size_t{count});
  std::size_t with_path = 0;
  for (const json& request : data["requests"]) with_path += request.contains("path");
  BOOST_TEST(with_path == 1000u);
}

BOOST_AUTO_TEST_CASE(slices_stacks_and_counters_are_in_the_page) {
  const Folder folder;
  const std::string counter =
      R"({"ph":"C","cat":"cpu_op","name":"KV bytes","pid":1,"tid":0,"ts":5.000,)"
      R"("args":{"value":4096}})";
  const auto file =
      trace(folder.path, 0,
            {slice("inner", 2, 3), slice("outer", 1, 8), counter,
             slice("ProfilerStep#7", 0, 10, R"("step of":"decode")", "user_annotation")});
  const fs::path page = folder.path / "report.html";
  BOOST_REQUIRE(prof::write_report(page, {file}).ok());
  const json data = data_of(page);
  BOOST_TEST(data["slices"] == 3);
  BOOST_REQUIRE(data["tracks"].size() == 1u);
  BOOST_TEST(data["tracks"][0]["rows"] == 3);
  BOOST_TEST(data["tracks"][0]["label"] == "thread 1");
  BOOST_TEST(data["together"]["slices"] == 0);
  BOOST_REQUIRE(data["counters"].size() == 1u);
  BOOST_TEST(data["counters"][0]["name"] == "KV bytes");
  BOOST_TEST(data["counters"][0]["values"] == json::array({4096.0}));
  // The root, the rank, decode, outer, inner.
  const json& flame = data["flame"];
  BOOST_REQUIRE(flame["parent"].size() == 5u);
  BOOST_TEST(data["names"][flame["name"][2].get<std::size_t>()] == "decode");
  BOOST_TEST(flame["self_us"][2] == 2.0);
  BOOST_TEST(flame["self_us"][3] == 5.0);
  BOOST_TEST(flame["parent"][4] == 3);
}

BOOST_AUTO_TEST_CASE(the_slowest_rank_of_collectives_is_named) {
  const Folder folder;
  std::vector<std::string> ranks[2];
  for (int i = 0; i < 10; ++i) {
    ranks[0].push_back(slice("collective.all_reduce", 100.0 * i, 60));
    ranks[1].push_back(slice("collective.all_reduce", 100.0 * i + (i < 9 ? 50 : -5), 10));
  }
  const fs::path page = folder.path / "report.html";
  BOOST_REQUIRE(
      prof::write_report(page, {trace(folder.path, 0, ranks[0]), trace(folder.path, 1, ranks[1])})
          .ok());
  const json data = data_of(page);
  BOOST_REQUIRE(data["collectives"].size() == 1u);
  const json& all = data["collectives"][0];
  BOOST_TEST(all["count"] == 10);
  BOOST_TEST(all["slowest"] == 1);
  BOOST_TEST(all["waited_us"] == 455.0);
  BOOST_TEST(all["ranks"][1]["times"] == 9);
  BOOST_TEST(all["ranks"][1]["waited_us"] == 450.0);
}

BOOST_AUTO_TEST_CASE(a_second_run_is_in_the_page_beside_the_first) {
  const Report first;
  const Folder folder;
  const auto other = trace(folder.path, 0, {slice("work", 0, 500)});
  const fs::path page = folder.path / "report.html";
  const auto written = prof::write_report(page, first.files, {.beside = {other}});
  if (!written) BOOST_FAIL(written.error().message);
  const json data = data_of(page);
  BOOST_TEST(data["ranks"] == first.data["ranks"]);
  BOOST_TEST(data["beside"]["ranks"].size() == 1u);
  BOOST_TEST(data["beside"]["ranks"][0]["operations"][0]["name"] == "work");
  BOOST_TEST(read_file(page).find("id=\"slices1\"") != std::string::npos);
  // No input of either is replaced.
  const auto refused = prof::write_report(other, first.files, {.force = true, .beside = {other}});
  BOOST_REQUIRE(!refused.ok());
  BOOST_TEST((refused.error().code == ErrorCode::invalid_argument));
}

BOOST_AUTO_TEST_CASE(the_page_needs_nothing_else_and_a_name_cannot_end_its_script) {
  const Report report;
  const std::string html = read_file(report.page);
  BOOST_TEST(html.find("alert(1)") != std::string::npos);
  BOOST_TEST(html.find("<script>alert") == std::string::npos);
  BOOST_TEST(html.find("<test>") == std::string::npos);
  for (const char* absent : {"http://", "https://", "@DATA@", ".js@", ".css@"})
    BOOST_TEST(html.find(absent) == std::string::npos, absent);
}

BOOST_AUTO_TEST_CASE(what_cannot_be_reported_on_is_an_error_that_names_the_file) {
  const Folder folder;
  const fs::path page = folder.path / "report.html";
  const auto none = prof::write_report(page, {});
  BOOST_REQUIRE(!none.ok());
  BOOST_TEST((none.error().code == ErrorCode::invalid_argument));
  const fs::path first = trace(folder.path, 0, {slice("a", 0, 1)}),
                 other = write_file(folder.path / "other.json", "[" + slice("a", 5, 1) + "]");
  const auto differs = prof::write_report(page, {first, other});
  BOOST_REQUIRE(!differs.ok());
  BOOST_TEST((differs.error().code == ErrorCode::invalid_argument));
  BOOST_TEST(differs.error().message.starts_with(other.string() + ": "));
  BOOST_TEST((prof::write_report(page, {"/no/such.gz"}).error().code == ErrorCode::not_found));
  BOOST_TEST(!fs::exists(page));
  const auto unwritable = prof::write_report(folder.path / "none/report.html", {first});
  BOOST_REQUIRE(!unwritable.ok());
  BOOST_TEST((unwritable.error().code == ErrorCode::io));
}

BOOST_AUTO_TEST_SUITE_END()
