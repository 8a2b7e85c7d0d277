// What a trace says of itself: the writer, the recoverer, the merger and the validator know the
// same keys. And the JSON around it.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <fstream>
#include <limelight/span.hpp>
#include <limelight/trace.hpp>
#include <nlohmann/json.hpp>
#include <set>

#include "profiling/capture/session.hpp"
#include "profiling/record/clock.hpp"
#include "profiling/trace/json_writer.hpp"
#include "profiling/trace/trace_information.hpp"
#include "trace_file.hpp"

namespace prof = limelight::profiling;
namespace fs = std::filesystem;
using limelight::tests::read_gzip;
using nlohmann::json;

namespace {

struct Folder {
  fs::path path = fs::temp_directory_path() / ("trace-information-" + std::to_string(getpid()));
  Folder() { fs::create_directories(path); }
  ~Folder() { fs::remove_all(path); }
};
prof::SessionOptions options(const fs::path& folder, int rank) {
  return {.directory = folder,
          .timestamp = "1700000000000",
          .rank = rank,
          .world_size = 2,
          .stage_name = "test",
          .base_ns = prof::default_base_ns(),
          .prefix = "some-run"};
}
fs::path written(const prof::SessionOptions& how) {
  static const auto name = prof::intern("work");
  auto session = prof::Session::start(how);
  BOOST_REQUIRE(session.ok());
  { const prof::Span span(name); }
  const auto report = (*session)->stop();
  BOOST_REQUIRE(report.ok());
  return report->file;
}
fs::path recovered(const fs::path& folder) {
  const pid_t rank = fork();
  if (rank == 0) {
    static const auto name = prof::intern("work");
    auto session = prof::Session::start(options(folder, 0));
    for (;;) {
      const prof::Span span(name);
      usleep(20);
    }
  }
  usleep(400'000);
  kill(rank, SIGKILL);
  waitpid(rank, nullptr, 0);
  const auto left = prof::unfinished_traces(folder);
  BOOST_REQUIRE(left.size() == 1u);
  const auto whole = prof::recover(left[0]);
  BOOST_REQUIRE(whole.ok());
  return whole->file;
}
json own_of(const fs::path& file) { return json::parse(read_gzip(file))["limelight"]; }

}  // namespace

BOOST_AUTO_TEST_CASE(every_writer_has_the_keys_of_the_table_and_the_validator_demands_them) {
  const Folder folder;
  const fs::path whole = written(options(folder.path, 0)),
                 second = written(options(folder.path, 1)), merged = folder.path / "merged.json.gz";
  BOOST_REQUIRE(prof::merge({whole, second}, merged).ok());
  fs::create_directories(folder.path / "killed");
  const fs::path killed = recovered(folder.path / "killed");
  std::set<std::string> met;
  for (const fs::path& file : {whole, merged, killed}) {
    for (const auto& finding : prof::validate({file})) BOOST_TEST(finding == "");
    const json own = own_of(file);
    for (const auto& [key, value] : own.items()) met.insert(key);
    for (const auto& entry : prof::trace_keys())
      if (entry.presence == prof::TraceKey::Presence::always)
        BOOST_TEST(own.contains(entry.key), file << " has no " << entry.key);
  }
  for (const auto& entry : prof::trace_keys())  // none is in the table for nobody
    BOOST_TEST((met.contains(std::string(entry.key)) || entry.key == "note"), entry.key);

  const std::string text = read_gzip(whole);
  const fs::path broken = folder.path / "broken.json";
  const auto findings_with = [&](const std::string& from, const std::string& to) {
    std::string changed = text;
    changed.replace(changed.find(from), from.size(), to);
    std::ofstream(broken) << changed;
    return prof::validate({broken});
  };
  for (const auto& entry : prof::trace_keys()) {
    if (entry.presence != prof::TraceKey::Presence::always) continue;
    const std::string key(entry.key);
    const auto findings = findings_with("\"" + key + "\": ", "\"no such\": ");
    BOOST_REQUIRE(findings.size() == 2u);
    BOOST_TEST(findings[0].find("'limelight." + key + "': missing") != std::string::npos);
    BOOST_TEST(findings[1].find("'limelight.no such'") != std::string::npos);
  }
}

BOOST_AUTO_TEST_CASE(recovered_and_merged_traces_state_what_can_be_known) {
  const Folder folder;
  const json own = own_of(recovered(folder.path));
  BOOST_TEST(own["recovered"] == true);
  BOOST_TEST(own["session"] == "some-run-1700000000000");
  BOOST_TEST(own["events"].get<int>() > 0);
  for (const char* key : {"drops", "begin_skew_ns", "span_ns", "gpu"})
    BOOST_TEST(own[key].is_null());

  prof::TraceInformation total;
  prof::add_for_merge(total, R"({"drops": 3, "ring_drops": 1, "session": "a"})", true);
  prof::add_for_merge(total, R"({"drops": 4, "ring_drops": null, "session": "a"})", false);
  BOOST_TEST((total.drops == 7u));
  BOOST_TEST(!total.ring_drops);  // one input does not know its own
  BOOST_TEST((total.session == "a"));
  prof::add_for_merge(total, R"({"drops": 5, "ring_drops": 2, "session": "b"})", false);
  BOOST_TEST((total.drops == 12u));
  BOOST_TEST(!total.ring_drops);
  BOOST_TEST(!total.session);
  prof::add_for_merge(total, "no JSON", false);
  BOOST_TEST(!total.drops);
}

BOOST_AUTO_TEST_CASE(one_rank_may_have_files_of_several_sessions_but_one_file_in_each) {
  const Folder folder;
  const auto by_name = [&](const fs::path& file, const char* name) {
    fs::copy_file(file, folder.path / name);
    return folder.path / name;
  };
  auto crash = options(folder.path, 0);
  crash.prefix = "flight";
  const fs::path profile = written(options(folder.path, 0)), flight = written(crash),
                 next = written(options(folder.path, 1)), merged = folder.path / "all.json.gz";
  BOOST_REQUIRE(prof::merge({profile, next}, merged).ok());
  for (const auto& finding : prof::validate({profile, flight, next, merged}))
    BOOST_TEST(finding == "");

  // Whatever the files are called.
  const fs::path again = by_name(profile, "1800000000000-rank-0.h_1_x.pt.trace.json.gz");
  const auto twice = prof::validate({profile, flight, again});
  BOOST_REQUIRE(twice.size() == 1u);
  for (const std::string& part : {profile.string(), again.string(), std::string("rank 0"),
                                  std::string("'some-run-1700000000000'")})
    BOOST_TEST(twice[0].find(part) != std::string::npos, twice[0]);

  // Without the key, by the name.
  std::string text = read_gzip(profile);
  const auto at = text.find("\"session\": ");
  text.erase(at, text.find("\"events\"", at) - at);
  const auto old = [&](const char* name) {
    std::ofstream(folder.path / name) << text;
    return folder.path / name;
  };
  const fs::path first = old("1-rank-0.h_1_x.pt.trace.json"),
                 second = old("2-rank-0.h_1_x.pt.trace.json"),
                 same = old("1-rank-0.h_2_x.pt.trace.json"), a = old("a.json"), b = old("b.json");
  BOOST_TEST(prof::validate({first, second, a}).empty());
  BOOST_TEST(prof::validate({first, second, same}).size() == 1u);
  BOOST_TEST(prof::validate({a, b}).size() == 1u);
}

BOOST_AUTO_TEST_CASE(the_head_states_devices_and_groups_as_they_are) {
  const Folder folder;
  auto how = options(folder.path, 0);
  how.devices = {{.id = 1, .name = "a \"GPU\""}};
  how.devices[0].shared_per_block = 49152;
  how.devices[0].shared_per_block_optin = 232448;
  how.devices[0].shared_per_sm = 233472;
  how.backend = "nccl";
  how.groups = {{.name = "stage", .description = "of [two]", .backend = "nccl", .ranks = {0, 1}}};
  const fs::path first = written(how);
  how.rank = 1;
  const fs::path second = written(how);
  const fs::path plain = written(options(folder.path, 2)), merged = folder.path / "all.json.gz";

  const json head = json::parse(read_gzip(first));
  const json& device = head["deviceProperties"][0];
  BOOST_TEST(device["name"] == "a \"GPU\"");
  BOOST_TEST(device["sharedMemPerBlock"] == 49152);
  BOOST_TEST(device["sharedMemPerBlockOptin"] == 232448);
  BOOST_TEST(device["sharedMemPerMultiprocessor"] == 233472);
  const json expected = json::parse(R"({"backend": "nccl", "rank": 0, "world_size": 2,
      "pg_count": 1, "pg_config": [{"pg_name": "stage", "pg_desc": "of [two]",
      "backend_config": "nccl", "pg_size": 2, "ranks": [0, 1]}]})");
  BOOST_TEST(head["distributedInfo"] == expected);
  const json alone = json::parse(read_gzip(plain))["distributedInfo"];
  BOOST_TEST(alone["backend"] == "shm");
  BOOST_TEST(alone["pg_config"] == json::array());

  BOOST_REQUIRE(prof::merge({plain, first, second}, merged).ok());  // the group is there once
  const json all = json::parse(read_gzip(merged))["distributedInfo"];
  BOOST_TEST(all["backend"] == "nccl");
  BOOST_TEST(all["pg_count"] == 1);
  BOOST_TEST(all["pg_config"] == expected["pg_config"]);
  for (const auto& finding : prof::validate({first, second, plain, merged}))
    BOOST_TEST(finding == "");
}

BOOST_AUTO_TEST_CASE(the_session_is_found_in_a_file_name_whatever_prefix_and_host_are_called) {
  for (const auto& [name, session] : std::initializer_list<std::pair<const char*, const char*>>{
           {"1700-rank-3.host_1_stage0-a.pt.trace.json.gz", "1700"},
           {"flight-1700-rank-12.a-rank-2.b_1_x.pt.trace.json.gz", "flight-1700"},
           {"of-rank-x-1700-rank-0.host_1_x.pt.trace.json.gz", "of-rank-x-1700"},
           {"merged.json.gz", ""},
           {"x-rank-", ""}})
    BOOST_TEST(prof::session_name_of(name) == session);
}

BOOST_AUTO_TEST_CASE(the_json_writer_puts_commas_and_escapes_where_they_belong) {
  std::string text;
  prof::JsonWriter writer(text);
  writer.begin_object().key("empty").begin_array().end_array();
  writer.line().member("a \"quoted\" key", "\n").key("list").begin_array();
  writer.value(1).value(-2.5).value(true).null().begin_object().end_object().end_array();
  writer.member("none", std::optional<int>()).key("time").microseconds(1'234'567).end_object();
  BOOST_TEST(text ==
             "{\"empty\": [],\n\"a \\\"quoted\\\" key\": \"\\u000a\", \"list\": [1, -2.500, true, "
             "null, {}], \"none\": null, \"time\": 1234.567}");
  std::string events = "{\"events\": [1";
  prof::JsonWriter rest(events, prof::JsonWriter::Style::compact, "{[");
  rest.value(2).end_array().member("nan", 0.0 / 0.0).end_object();
  BOOST_TEST(events == "{\"events\": [1,2],\"nan\":null}");
}
