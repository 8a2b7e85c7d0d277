// Profiles through HTTP, while requests run.
#include "tests/http/served.hpp"

using namespace limelight::tests;

namespace {
const json request{{"messages", {{{"role", "user"}, {"content", "Hello"}}}},
                   {"max_tokens", 20},
                   {"modalities", {"text", "audio"}}};
void check_refused(Served& served, const json& body, const std::string& what) {
  const Reply reply = served.post("/start_profile", body);
  BOOST_TEST(reply.status == 400, reply.body);
  BOOST_TEST(reply.body.find(what) != std::string::npos, reply.body);
}
}  // namespace

BOOST_AUTO_TEST_SUITE(profiles)

BOOST_AUTO_TEST_CASE(a_stage_is_profiled_and_its_file_fetched) {
  Served served;
  BOOST_TEST(served.get("/profiles").document()["data"].empty());
  const Reply started = served.post("/start_profile", {{"stages", {1}}, {"run_id", "a"}});
  BOOST_TEST(started.status == 200, started.body);
  BOOST_TEST(started.document()["status"] == "SUCCESS");
  BOOST_REQUIRE(started.document()["traces"].size() == 1u);
  BOOST_TEST(started.document()["traces"][0]["stage_id"] == 1);
  BOOST_TEST(served.post("/start_profile", {{"run_id", "b"}}).status == 409);
  BOOST_TEST(served.post("/v1/chat/completions", request).status == 200);

  const json stopped = served.ask("POST", "/stop_profile").document();
  BOOST_REQUIRE(stopped["traces"].size() == 1u);
  const json& trace = stopped["traces"][0];
  BOOST_TEST(trace["stage_id"] == 1);
  BOOST_TEST(trace["events"].get<int>() > 50);
  BOOST_TEST(trace["drops"] == 0);
  BOOST_TEST(trace["overhead_percent"].get<double>() > 0);
  const std::string name = trace["file"];
  const json files = served.get("/profiles").document()["data"];
  const auto listed = std::find_if(files.begin(), files.end(),
                                   [&](const json& one) { return one["file"] == name; });
  BOOST_REQUIRE((listed != files.end()));
  BOOST_TEST((*listed)["bytes"] == trace["bytes"]);
  const Reply file = served.get(trace["url"]);
  BOOST_TEST(file.status == 200);
  BOOST_TEST(file.headers.at("content-type") == "application/gzip");
  BOOST_TEST((file.body == read_file(trace["path"].get<std::string>())));
  const auto copy = write_file(served.folder().path / name, file.body);
  BOOST_TEST(run(LIMELIGHT_COMMAND " trace validate " + copy.string()).code == 0);

  // The page that `limelight trace report` makes of it.
  const Reply report = served.get("/reports/" + name);
  BOOST_TEST(report.status == 200);
  BOOST_TEST(report.headers.at("content-type") == "text/html; charset=utf-8");
  BOOST_TEST(report.headers.at("content-security-policy").starts_with("sandbox allow-scripts;"));
  const auto page = served.folder().path / "report.html";
  BOOST_TEST(run(LIMELIGHT_COMMAND " trace report " + trace["path"].get<std::string>() + " -o " +
                 page.string())
                 .code == 0);
  BOOST_TEST((report.body == read_file(page)));
  for (const Reply& none :
       {served.get("/reports/" + name + "x"), served.get("/reports/../x"), served.get("/reports/")})
    BOOST_TEST(none.status == 404, none.body);
  const Reply table = served.get("/reports/profiler_out_1.txt");
  BOOST_TEST(table.status == 400);
  BOOST_TEST(table.body.find("found a file that is no trace, expected one") != std::string::npos);

  // A second run with an empty body: all stages.
  BOOST_TEST(served.ask("POST", "/start_profile").document()["traces"].size() == 3u);
  const Reply part = served.post("/stop_profile", {{"stages", {0, 1}}});
  BOOST_REQUIRE(part.document()["traces"].size() == 2u);
  BOOST_TEST(part.document()["traces"][0]["stage_id"] == 0);
  BOOST_TEST(part.document()["traces"][1]["stage_id"] == 1);
  // Stage 2 still records: another profile cannot begin.
  BOOST_TEST(served.post("/start_profile", {{"run_id", "c"}}).status == 409);
  BOOST_TEST(served.post("/v1/chat/completions", request).status == 200);
  const Reply unknown = served.post("/stop_profile", {{"stages", {7}}});
  BOOST_TEST(unknown.status == 400);
  BOOST_TEST(unknown.body.find("cannot stop the profile of stage 7: the stages are 0, 1, 2") !=
                 std::string::npos,
             unknown.body);
  BOOST_TEST(served.post("/stop_profile", {{"stages", "1"}}).status == 400);
  BOOST_TEST(served.post("/stop_profile", {{"stage", 1}}).status == 400);
  const json rest = served.ask("POST", "/stop_profile").document();
  BOOST_REQUIRE(rest["traces"].size() == 1u);
  BOOST_TEST(rest["traces"][0]["stage_id"] == 2);
  BOOST_TEST(rest["traces"][0]["events"].get<int>() > 10);
  BOOST_TEST(served.ask("POST", "/stop_profile").document()["traces"].empty());
  BOOST_TEST(
      served.get("/metrics").body.find("profiler_traces_total{model_name=\"omni_tiny\"} 4") !=
      std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_trace_in_perfetto_s_own_format_has_a_report_too) {
  Served served;
  BOOST_TEST(served.post("/start_profile", {{"stages", {0}}, {"format", "pftrace"}}).status == 200);
  BOOST_TEST(served.post("/v1/chat/completions", request).status == 200);
  const json stopped = served.ask("POST", "/stop_profile").document();
  BOOST_REQUIRE(stopped["traces"].size() == 1u);
  const std::string name = stopped["traces"][0]["file"];
  BOOST_REQUIRE(name.ends_with(".pftrace"));
  const Reply report = served.get("/reports/" + name);
  BOOST_TEST(report.status == 200, report.body.substr(0, 300));
  const auto page = served.folder().path / "report.html";
  BOOST_TEST(run(LIMELIGHT_COMMAND " trace report " +
                 stopped["traces"][0]["path"].get<std::string>() + " -o " + page.string())
                 .code == 0);
  BOOST_TEST((report.body == read_file(page)));
}

BOOST_AUTO_TEST_CASE(no_request_names_a_file) {
  Served served;
  write_file(served.folder().path / "secret.pt.trace.json", "secret");
  std::filesystem::create_directories(served.traces() / "sub.pt.trace.json");
  write_file(served.traces() / ".hidden.pt.trace.json", "secret");
  write_file(served.traces() / "other.txt", "secret");
  std::filesystem::create_symlink(served.folder().path / "secret.pt.trace.json",
                                  served.traces() / "link.pt.trace.json");
  write_file(served.traces() / "good.pt.trace.json", "good");
  const json files = served.get("/profiles").document()["data"];
  BOOST_REQUIRE(files.size() == 1u);
  BOOST_TEST(files[0]["file"] == "good.pt.trace.json");
  BOOST_TEST(served.get("/profiles/good.pt.trace.json").body == "good");
  for (const char* name :
       {"../secret.pt.trace.json", "..%2fsecret.pt.trace.json", "sub.pt.trace.json", "",
        ".hidden.pt.trace.json", "other.txt", "link.pt.trace.json", "./good.pt.trace.json",
        "/good.pt.trace.json", "good.pt.trace.json/", "good.pt.trace.json%00"}) {
    const Reply reply = served.get("/profiles/" + std::string(name));
    BOOST_TEST(reply.status == 404, name);
    BOOST_TEST(reply.body.find("secret\"") == std::string::npos);
  }
}

BOOST_AUTO_TEST_CASE(the_names_of_others_are_understood_or_refused) {
  Served served;
  check_refused(served, {{"output_dir", "/tmp/x"}}, "--profile-dir");
  check_refused(served, {{"activities", {"CPU", "MEM"}}}, "'MEM'");
  check_refused(served, {{"profile_by_stage", true}}, "ask for two, one after the other");
  check_refused(served, {{"profile_by_stage", true}, {"profile_stages", {"prefill", "decode"}}},
                "ask for two, one after the other");
  check_refused(served, {{"steps", -1}}, "a whole number");
  check_refused(served, {{"stage", 1}}, "key 'stage': found an unknown key, expected one of");
  check_refused(served, {{"stages", {7}}}, "stage 7");
  const Reply started = served.post("/start_profile", {{"num_steps", 5},
                                                       {"activities", {"CPU", "GPU"}},
                                                       {"profile_by_stage", false},
                                                       {"output_dir", nullptr},
                                                       {"profile_prefix", "mine"},
                                                       {"stages", {0}}});
  BOOST_TEST(started.status == 200, started.body);
  served.post("/v1/chat/completions", request);
  const json trace = served.ask("POST", "/stop_profile").document()["traces"][0];
  BOOST_TEST(trace["file"].get<std::string>().starts_with("mine"), trace.dump());
  // One of two phases, and so many steps of it.
  const Reply decode = served.post("/start_profile", {{"profile_by_stage", true},
                                                      {"profile_stages", {"decode"}},
                                                      {"num_steps", 5},
                                                      {"stages", {0}}});
  BOOST_TEST(decode.status == 200, decode.body);
  served.post("/v1/chat/completions", request);
  const json path = served.ask("POST", "/stop_profile").document()["traces"][0]["path"];
  const Ran summary = run(LIMELIGHT_COMMAND " trace summary --json " + path.get<std::string>());
  BOOST_REQUIRE(summary.code == 0);
  std::uint64_t steps = 0;
  const json tables = json::parse(summary.output);
  for (const json& row : tables["cpu"])
    if (row["name"] == "thinker step") steps = row["calls"];
  BOOST_TEST(steps == 5u, summary.output);
}

BOOST_AUTO_TEST_CASE(flight_recorders_are_written_on_request) {
  Served served;
  served.post("/v1/chat/completions", request);
  const Reply dumped = served.post("/dump_profile", {{"last_ms", 5000}});
  BOOST_TEST(dumped.status == 200, dumped.body);
  const json traces = dumped.document()["traces"];
  BOOST_REQUIRE(traces.size() == 3u);
  for (const json& trace : traces) {
    BOOST_TEST(trace["file"].get<std::string>().starts_with("flight-"));
    BOOST_TEST(served.get(trace["url"]).body.size() == trace["bytes"]);
  }
  BOOST_TEST(served.post("/dump_profile", {{"last_ms", 0}}).status == 400);
}

BOOST_AUTO_TEST_SUITE_END()
