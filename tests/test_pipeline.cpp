// Tests the commands as a user sees them, with real processes and files.
#include <boost/test/unit_test.hpp>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <limelight/omni.hpp>
#include <nlohmann/json.hpp>
#include <regex>
#include <set>
#include <thread>

#include "tests/run_command.hpp"
#include "tests/support.hpp"
#include "tests/trace_file.hpp"

using limelight::ErrorCode;
using limelight::Omni;
using namespace limelight::tests;
namespace fs = std::filesystem;

namespace {
nlohmann::json read_trace(const fs::path& path) { return nlohmann::json::parse(read_gzip(path)); }
}  // namespace

BOOST_AUTO_TEST_CASE(run_writes_text_sound_and_one_trace_for_each_chosen_stage) {
  const Folder folder;
  const std::string out = folder.path / "out", traces = folder.path / "traces";
  const Ran ran =
      limelight_command("run --prompt 'Why is the sky blue?' --profile 0,2 --profile-dir " +
                        traces + " --output-dir " + out);
  BOOST_TEST_INFO(ran.output);
  BOOST_REQUIRE(ran.code == 0);
  BOOST_TEST(!read_file(out + "/0.txt").empty());
  BOOST_TEST(read_file(out + "/0.wav").substr(0, 4) == "RIFF");
  BOOST_TEST(nlohmann::json::parse(read_file(out + "/outputs.jsonl"))["transfers"].size() == 2u);
  std::set<int> ranks;
  std::size_t files = 0;
  const std::regex name(R"(\d+-rank-(\d+)\..+_\d+_stage(\d+)-\w+\.pt\.trace\.json\.gz)");
  for (const auto& entry : fs::directory_iterator(traces)) {
    std::smatch parts;
    const std::string file = entry.path().filename();
    if (!std::regex_match(file, parts, name)) continue;
    ++files;
    ranks.insert(std::stoi(parts[1]));
    BOOST_TEST(parts[2] != "1");
    std::set<std::string> seen;
    const nlohmann::json trace = read_trace(entry.path());
    for (const auto& event : trace["traceEvents"]) seen.insert(event["name"]);
    for (const char* expected : {"linear", "attention", "ipc.publish", "ipc.loan"})
      BOOST_TEST(seen.contains(expected), expected);
  }
  BOOST_TEST(files == 2u);
  const Ran valid = limelight_command("trace validate " + traces + "/*.json.gz");
  BOOST_TEST(valid.code == 0, valid.output);
  BOOST_TEST(limelight_command("trace summary " + traces + "/*.json.gz").output.find("attention") !=
             std::string::npos);
  const Ran diff =
      limelight_command("trace diff -a " + traces + "/*rank-0*.gz -b " + traces + "/*.gz");
  BOOST_TEST(diff.code == 0, diff.output);
  BOOST_TEST(diff.output.find("upsample") != std::string::npos);  // only in B
  BOOST_TEST(limelight_command("trace diff -a /no/such.gz -b " + traces + "/*.gz")
                 .output.find("/no/such.gz") != std::string::npos);
  BOOST_TEST(ranks == (std::set<int>{0, 2}), boost::test_tools::per_element());
  BOOST_TEST(read_file(traces + "/profiler_out_0.txt").find("Self CPU %") != std::string::npos);
  BOOST_TEST(!fs::exists(traces + "/profiler_out_1.txt"));
  BOOST_TEST(left_behind().empty());
}

BOOST_AUTO_TEST_CASE(the_orchestrator_and_the_queues_are_in_the_merged_picture) {
  const Folder folder;
  const std::string traces = folder.path / "traces", merged = folder.path / "merged.json.gz";
  const Ran ran = limelight_command(
      "run --prompts " PROMPTS_FILE
      " --profile all --profile-orchestrator --profile-format json.zst --profile-dir " +
      traces);
  BOOST_REQUIRE(ran.code == 0);
  BOOST_TEST(limelight_command("trace validate " + traces + "/*.zst").code == 0);
  BOOST_TEST(limelight_command("trace merge " + traces + "/*.zst -o " + merged).code == 0);
  const Ran valid = limelight_command("trace validate " + merged);
  BOOST_TEST(valid.code == 0, valid.output);
  std::set<std::string> names, queues;
  const nlohmann::json trace = read_trace(merged);
  for (const auto& event : trace["traceEvents"]) {
    names.insert(event["name"]);
    if (event["ph"] == "C") {
      queues.insert(event["name"]);
      BOOST_REQUIRE(event["args"]["chunks"].get<int>() >= 0);
    }
  }
  for (const char* expected : {"orchestrator.submit", "orchestrator.admit", "orchestrator.finish",
                               "actor.stage_report", "in the pipeline", "queue", "work"})
    BOOST_TEST(names.contains(expected), expected);
  BOOST_TEST(queues.size() == 4u);  // two between stages, two to the user
  const Ran path = limelight_command("trace summary --request 0 " + traces + "/*.zst");
  BOOST_TEST(path.output.find("orchestrator") != std::string::npos, path.output);
}

BOOST_AUTO_TEST_CASE(bench_ipc_prints_each_peer_with_its_ratio) {
  const Ran ran = limelight_command("bench ipc --quick --json");
  BOOST_TEST(ran.code == 0);
  const auto results = nlohmann::json::parse(ran.output.substr(ran.output.find('{')))["results"];
  std::set<std::string> peers;
  for (const auto& row : results) {
    for (const char* key : {"name", "params", "value", "unit", "peer", "peer_value", "ratio"})
      BOOST_TEST(row.contains(key), key);
    BOOST_TEST(row["value"].get<double>() > 0);
    if (row["name"] == "handoff") peers.insert(row["peer"]);
  }
  for (const char* peer : {"iceoryx", "socket"}) BOOST_TEST(peers.contains(peer), peer);
  BOOST_TEST(left_behind().empty());
}

BOOST_AUTO_TEST_CASE(the_same_seed_gives_the_same_bytes) {
  const Folder folder;
  const std::string a = folder.path / "a", b = folder.path / "b";
  BOOST_REQUIRE(limelight_command("run --prompt again --output-dir " + a).code == 0);
  BOOST_REQUIRE(limelight_command("run --prompt again --output-dir " + b).code == 0);
  BOOST_TEST(read_file(a + "/0.txt") == read_file(b + "/0.txt"));
  BOOST_TEST((read_file(a + "/0.wav") == read_file(b + "/0.wav")));
}

BOOST_AUTO_TEST_CASE(two_tensor_parallel_ranks_give_the_greedy_text_of_one) {
  limelight::stages::SamplingParams greedy;
  greedy.max_tokens = 32;
  std::vector<std::string> texts;
  for (const char* name : {"omni_tiny.yaml", "omni_tiny_tp2.yaml"}) {
    auto omni = Omni::from_engine_args({configs / name, "traces"});
    if (!omni) BOOST_FAIL(omni.error().message);
    const auto outputs = (*omni)->generate({"What is a rank?", "And a stage?"}, greedy);
    for (const auto& output : outputs) BOOST_TEST(output.error.message == "");
    texts.push_back(outputs[0].text + "|" + outputs[1].text);
  }
  BOOST_TEST(texts[0] == texts[1]);
}

BOOST_AUTO_TEST_CASE(profiling_starts_and_stops_among_requests_and_twice_is_harmless) {
  const Folder folder;
  auto omni = Omni::from_engine_args({configs / "omni_tiny.yaml", folder.path});
  if (!omni) BOOST_FAIL(omni.error().message);
  BOOST_TEST((*omni)->stop_profile()->empty());
  BOOST_TEST((*omni)->start_profile({1})->size() == 1u);
  const auto again = (*omni)->start_profile({1});
  BOOST_REQUIRE(again.ok());
  BOOST_TEST(again->at(0).note == "was already running");
  const auto unknown = (*omni)->start_profile({5});
  BOOST_REQUIRE(!unknown.ok());
  BOOST_TEST(unknown.error().message.find("the stages are 0, 1, 2") != std::string::npos);
  (*omni)->generate({"one"});
  const auto stopped = (*omni)->stop_profile();
  BOOST_REQUIRE(stopped.ok());
  BOOST_REQUIRE(stopped->size() == 1u);
  BOOST_TEST(fs::exists(stopped->at(0).file));
  BOOST_TEST(stopped->at(0).events > 0u);
  BOOST_TEST((*omni)->start_profile()->size() == 3u);
  BOOST_TEST((*omni)->stop_profile()->size() == 3u);
}

BOOST_AUTO_TEST_CASE(a_profile_can_be_limited_to_ranks_steps_time_and_one_request) {
  const Folder folder;
  auto omni = Omni::from_engine_args({configs / "omni_tiny_tp2.yaml", folder.path});
  if (!omni) BOOST_FAIL(omni.error().message);
  const auto profiled = [&](limelight::StageIds stages, limelight::ProfileOptions options) {
    const auto started = (*omni)->start_profile(stages, options);
    if (!started) BOOST_FAIL(started.error().message);
    (*omni)->generate({"one", "two"});
    auto stopped = (*omni)->stop_profile();
    BOOST_REQUIRE(stopped.ok());
    return *stopped;
  };
  const auto slices = [](const limelight::RankTrace& trace) {
    std::vector<nlohmann::json> all;
    const auto json = read_trace(trace.file);
    for (const auto& event : json["traceEvents"])
      if (event["ph"] == "X") all.push_back(event);
    return all;
  };
  const auto steps = profiled({0}, {.ranks = {1}, .steps = 3, .prefix = "few"});
  BOOST_REQUIRE(steps.size() == 1u);
  BOOST_TEST(steps[0].rank == 1);
  BOOST_TEST(steps[0].file.filename().string().starts_with("few-"));
  const auto of_steps = slices(steps[0]);
  BOOST_TEST(std::count_if(of_steps.begin(), of_steps.end(), [](const auto& e) {
               return e["name"].template get<std::string>().starts_with("ProfilerStep#");
             }) == 3);

  const auto one = profiled({}, {.request_id = "2"});  // the run has the requests 2 and 3
  BOOST_TEST(one.size() == 4u);
  for (const auto& trace : one)
    for (const auto& event : slices(trace)) BOOST_REQUIRE(event["args"]["request"] == "2");

  timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  const std::int64_t at = now.tv_sec * 1'000'000'000LL + now.tv_nsec + 100'000'000;
  const auto timed = profiled({}, {.start_at_ns = at, .milliseconds = 200});
  for (const auto& trace : timed) {
    BOOST_TEST(std::abs(trace.begin_skew_ns) < 50'000);
    const auto json = read_trace(trace.file);
    const auto base = json["baseTimeNanoseconds"].get<std::int64_t>();
    for (const auto& event : json["traceEvents"])
      if (event["ph"] == "X") {
        const double begin = event["ts"].get<double>() * 1000 + static_cast<double>(base - at);
        BOOST_REQUIRE(begin > -5000);
        BOOST_REQUIRE(begin < 200e6 + 5000);
      }
  }
  const auto late = (*omni)->start_profile({}, {.start_at_ns = at});
  BOOST_REQUIRE(!late.ok());
  BOOST_TEST((late.error().code == ErrorCode::late));
  BOOST_TEST((*omni)->stop_profile().ok());
  BOOST_TEST((*omni)->start_profile({0}, {.run_id = "first"}).ok());
  BOOST_TEST(((*omni)->start_profile({0}, {.run_id = "second"}).error().code == ErrorCode::busy));
  BOOST_TEST((*omni)->start_profile({0}, {.run_id = "first"}).ok());
  BOOST_TEST((*omni)->stop_profile().ok());
  BOOST_TEST(
      ((*omni)->start_profile({1}, {.ranks = {0}}).error().code == ErrorCode::invalid_argument));
  BOOST_TEST(((*omni)->start_profile({1}, {.activities = "nothing"}).error().code ==
              ErrorCode::invalid_argument));
  BOOST_TEST(
      ((*omni)->start_profile({0}, {.ranks = {9}}).error().message.find("the ranks are 0 to 3") !=
       std::string::npos));
}

BOOST_AUTO_TEST_CASE(the_flight_recorders_explain_what_nobody_profiled) {
  const Folder folder;
  const auto files = [&] {
    std::vector<fs::path> found;
    for (const auto& entry : fs::directory_iterator(folder.path))
      if (entry.path().filename().string().starts_with("flight-") &&
          entry.path().extension() == ".gz")
        found.push_back(entry.path());
    return found;
  };
  {
    auto omni =
        Omni::from_engine_args({.config = configs / "omni_tiny.yaml", .profile_dir = folder.path});
    if (!omni) BOOST_FAIL(omni.error().message);
    (*omni)->generate({"not profiled"});
    const auto dumped = (*omni)->dump_profile();
    if (!dumped) BOOST_FAIL(dumped.error().message);
    BOOST_TEST(dumped->size() == 3u);
    for (const auto& trace : *dumped) BOOST_TEST(trace.events > 50u);
    BOOST_TEST((*omni)->set_flight_recorder(std::chrono::milliseconds(0)).ok());
    BOOST_TEST(((*omni)->dump_profile().error().code == ErrorCode::unavailable));
    BOOST_TEST((*omni)->set_flight_recorder(std::chrono::seconds(10)).ok());
    std::string all;
    for (const auto& file : files()) all += file.string() + " ";
    const Ran valid = limelight_command("trace validate " + all);
    BOOST_TEST(valid.code == 0, valid.output);
  }
  for (const auto& file : files()) fs::remove(file);
  {
    auto omni = Omni::from_engine_args({.config = configs / "omni_tiny.yaml",
                                        .profile_dir = folder.path,
                                        .slow_request = std::chrono::milliseconds(1)});
    if (!omni) BOOST_FAIL(omni.error().message);
    (*omni)->generate({"slower than a millisecond", "and another, within the interval"});
  }
  BOOST_TEST(files().size() == 3u);  // written only once
  auto omni = Omni::from_engine_args({.config = configs / "omni_tiny.yaml",
                                      .profile_dir = folder.path,
                                      .flight_recorder = std::chrono::milliseconds(0)});
  BOOST_TEST(((*omni)->dump_profile().error().code == ErrorCode::unavailable));
}

BOOST_AUTO_TEST_CASE(a_full_queue_has_the_flight_recorders_written) {
  const Folder folder;
  {
    auto omni = Omni::from_engine_args({.config = configs / "omni_tiny.yaml",
                                        .profile_dir = folder.path,
                                        .full_queue = std::chrono::milliseconds(100)});
    if (!omni) BOOST_FAIL(omni.error().message);
    const int talker = (*omni)->rank_pid(1);
    // The talker is stopped. Its window of 16 chunks fills up while the thinker continues, and then
    // no text arrives any more.
    std::thread waker;
    (*omni)->generate({"held back", "and more of it"}, {}, [&](const limelight::Progress&) {
      if (waker.joinable()) return;
      kill(talker, SIGSTOP);
      waker = std::thread([talker] {
        std::this_thread::sleep_for(std::chrono::milliseconds(700));
        kill(talker, SIGCONT);
      });
    });
    waker.join();
  }
  std::size_t written = 0;
  for (const auto& entry : fs::directory_iterator(folder.path))
    written += entry.path().filename().string().starts_with("flight-");
  BOOST_TEST(written == 3u);
}

BOOST_AUTO_TEST_CASE(config_errors_name_file_line_key_and_what_was_expected) {
  const Folder folder;
  const struct {
    const char *from, *to, *expected;
  } cases[] = {
      {"hidden: 640", "hidden: wide",
       R"(changed\.yaml:11: key 'hidden': found 'wide', expected a whole number)"},
      {"vocab: 2048", "vocab: 200", R"(key 'vocab': found 200, expected 256 or more)"},
      {"final_output_type: text", "final_output_kind: text",
       R"(changed\.yaml:13: key 'final_output_kind': .*unknown key.*expected one of)"},
      {"chunk_frames: 25", "chunk_frames: 50",
       R"(key 'chunk_frames': found 25, expected 50 or more)"},
      {"defaults: {max_inflight: 4}", "defaults: {window_size: 0}",
       R"(key 'window_size': found '0', expected a whole number from 1)"},
      {"stage_id: 1", "stage_id: 0", R"(key 'stage_id': .*second time)"},
      {"{from: 1, to: 2, window_size: 16}", "{from: 2, to: 1, window_size: 16}",
       R"(changed\.yaml:\d+: key)"},
      {"    - {from: 1, to: 2, window_size: 16}", "", R"(key 'edges': found no edge from 1 to 2)"},
  };
  for (const auto& c : cases) {
    const Ran ran = limelight_command("run --prompt x --config " +
                                      changed_config(folder, c.from, c.to).string());
    BOOST_TEST(ran.code == 2);
    BOOST_TEST(std::regex_search(ran.output, std::regex(c.expected)), ran.output);
  }
  BOOST_TEST(limelight_command("run --prompt x --config /no/such.yaml").code == 2);
  BOOST_TEST(limelight_command("run").code == 2);
  std::ofstream(folder.path / "p.jsonl") << "{\"prompt\": \"a\"}\nnonsense\n";
  BOOST_TEST(limelight_command("run --prompts " + (folder.path / "p.jsonl").string())
                 .output.find("p.jsonl:2:") != std::string::npos);
}
