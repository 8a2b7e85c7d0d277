// What a trace says of itself: the writer, the recoverer, the merger and the validator know the
// same keys.
#include <signal.h>

#include <boost/test/unit_test.hpp>
#include <fstream>
#include <limelight/trace.hpp>
#include <nlohmann/json.hpp>
#include <set>

#include "profiling/record/clock.hpp"
#include "profiling/trace/trace_information.hpp"
#include "tests/profiling/sessions.hpp"
#include "tests/support.hpp"
#include "tests/trace_file.hpp"

namespace prof = limelight::profiling;
namespace fs = std::filesystem;
using namespace limelight::tests;
using nlohmann::json;

namespace {

fs::path recovered(const fs::path& folder) {
  const pid_t rank = fork();
  if (rank == 0) {
    static const auto name = prof::intern("work");
    auto session = prof::Session::start(options_of_rank(folder, 0));
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
  const fs::path whole = written(options_of_rank(folder.path, 0)),
                 second = written(options_of_rank(folder.path, 1)),
                 merged = folder.path / "merged.json.gz";
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
  const std::set<std::string_view> rare{"failed_allocations",
                                        "host_clock_error_ns",
                                        "host_clock_offset_ns",
                                        "memory",
                                        "note",
                                        "stacks",
                                        "truncated"};
  for (const auto& entry : prof::trace_keys())  // none is in the table for nobody
    BOOST_TEST((met.contains(std::string(entry.key)) || rare.contains(entry.key)), entry.key);

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

BOOST_AUTO_TEST_CASE(the_head_states_devices_and_groups_as_they_are) {
  const Folder folder;
  auto how = options_of_rank(folder.path, 0);
  how.devices = {{.id = 1, .name = "a \"GPU\""}};
  how.devices[0].shared_per_block = 49152;
  how.devices[0].shared_per_block_optin = 232448;
  how.devices[0].shared_per_sm = 233472;
  how.backend = "nccl";
  how.groups = {{.name = "stage", .description = "of [two]", .backend = "nccl", .ranks = {0, 1}}};
  const fs::path first = written(how);
  how.rank = 1;
  const fs::path second = written(how);
  const fs::path plain = written(options_of_rank(folder.path, 2)),
                 merged = folder.path / "all.json.gz";

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

BOOST_AUTO_TEST_CASE(a_rank_of_another_machine_states_how_that_one_s_clock_goes) {
  const Folder folder;
  prof::set_host_clock({.offset_ns = 50, .error_ns = 7});
  const json own = own_of(written(options_of_rank(folder.path, 0)));
  prof::set_host_clock({});
  BOOST_TEST(own["host_clock_offset_ns"] == 50);
  BOOST_TEST(own["host_clock_error_ns"] == 7);
  BOOST_TEST(!own_of(written(options_of_rank(folder.path, 1))).contains("host_clock_error_ns"));
}
