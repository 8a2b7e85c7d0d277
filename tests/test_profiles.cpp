// Profiles as a user of the command asks for them: what is recorded, what is refused, and what is
// said where nothing was recorded.
#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "tests/run_command.hpp"
#include "tests/support.hpp"
#include "tests/trace_file.hpp"

using namespace limelight::tests;
namespace fs = std::filesystem;

namespace {

bool says(const Ran& ran, const std::string& what) {
  return ran.output.find(what) != std::string::npos;
}
Ran profile(const Folder& folder, const std::string& flags, int tokens = 8) {
  return limelight_command("run --prompt Hi --max-tokens " + std::to_string(tokens) +
                           " --profile-dir " + (folder.path / "traces").string() + " " + flags);
}
std::vector<fs::path> traces(const Folder& folder) {
  std::vector<fs::path> files;
  if (fs::exists(folder.path / "traces"))
    for (const auto& entry : fs::directory_iterator(folder.path / "traces"))
      if (entry.path().extension() == ".gz") files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  return files;
}
std::string words(const std::vector<fs::path>& files) {
  std::string all;
  for (const fs::path& file : files) all += " " + file.string();
  return all;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(profiles)

BOOST_AUTO_TEST_CASE(numbers_and_texts_that_are_none_are_refused_before_anything_starts) {
  const Folder folder;
  for (const char* flags :
       {"--profile 4294967296", "--profile 99999999999", "--profile -1", "--profile ''",
        "--profile 0,", "--profile all --profile-steps -1", "--profile all --profile-steps 1e3",
        "--profile all --profile-ranks 0,,1", "--profile all --profile-ranks 4294967296",
        "--profile all --profile-ms 99999999999999999999", "--profile all --profile-repeat -1",
        "--profile all --profile-request ''", "--profile all --profile-prefix ''"}) {
    const Ran ran = profile(folder, flags);
    BOOST_TEST(ran.code == 2, flags << "\n" << ran.output);
    BOOST_TEST(says(ran, "found"), ran.output);
    BOOST_TEST(!says(ran, "starting the pipeline"), ran.output);
  }
  const Ran variable =
      run("LIMELIGHT_PROFILE_STEPS=-1 " LIMELIGHT_COMMAND " run --prompt Hi --profile all");
  BOOST_TEST(variable.code == 2);
  BOOST_TEST(says(variable, "found '-1', expected a whole number"), variable.output);
  BOOST_TEST(traces(folder).empty());
}

BOOST_AUTO_TEST_CASE(a_flag_that_would_do_nothing_is_refused) {
  const Folder folder;
  for (const char* flags : {"--profile-orchestrator", "--profile-request 0", "--profile-steps 3"}) {
    const Ran ran = profile(folder, flags);
    BOOST_TEST(ran.code == 2);
    BOOST_TEST(says(ran, "found no --profile beside it"), ran.output);
  }
}

BOOST_AUTO_TEST_CASE(a_folder_that_is_none_of_this_machine_is_refused_with_what_to_do) {
  for (const char* place : {"gs://bucket/x", "s3://bucket", "~nobody/x"}) {
    const Ran ran = limelight_command(std::string("run --prompt Hi --profile all --profile-dir '") +
                                      place + "'");
    BOOST_TEST(ran.code == 2, ran.output);
    BOOST_TEST(says(ran, std::string("found '") + place + "', expected"), ran.output);
  }
  BOOST_TEST(!fs::exists("gs:"));
  const Folder home;
  const Ran ran = run("HOME=" + home.path.string() +
                      " " LIMELIGHT_COMMAND
                      " run --prompt Hi --max-tokens 4 --profile 0 --profile-dir '~/traces'");
  BOOST_TEST(ran.code == 0, ran.output);
  BOOST_TEST(traces(home).size() == 1u);
}

BOOST_AUTO_TEST_CASE(what_cannot_be_written_fails_at_the_start) {
  const Folder folder;
  const Ran ran = profile(folder, "--profile all --profile-prefix " + std::string(230, 'p'));
  BOOST_TEST(ran.code == 2, ran.output);
  BOOST_TEST(says(ran, "choose a shorter prefix (found one of 230)"), ran.output);
  BOOST_TEST(!says(ran, "requests done"), ran.output);
  BOOST_TEST(!says(ran, "\n\n"), ran.output);
  BOOST_TEST(says(ran, "ranks 0, 1, 2: "), ran.output);  // one cause, told once
}

BOOST_AUTO_TEST_CASE(a_profile_with_nothing_in_it_says_why_and_fails) {
  const Folder folder;
  const Ran nobody = profile(folder, "--profile all --profile-request nosuch");
  BOOST_TEST(nobody.code == 1);
  BOOST_TEST(says(nobody, "the profile recorded nothing: no request of this run is named 'nosuch'"),
             nobody.output);
  const Ran future = profile(folder, "--profile all --profile-start-at-ns 9000000000000000000");
  BOOST_TEST(future.code == 2);
  BOOST_TEST(says(future, "start_at_ns: found 9000000000000000000, expected a time within a year"),
             future.output);
  const Ran somebody = profile(folder, "--profile all --profile-request 0");
  BOOST_TEST(somebody.code == 0, somebody.output);
}

BOOST_AUTO_TEST_CASE(the_tables_of_earlier_runs_are_kept) {
  const Folder folder;
  for (int i = 0; i < 2; ++i) BOOST_TEST(profile(folder, "--profile 1").code == 0);
  std::size_t tables = 0;
  for (const auto& entry : fs::directory_iterator(folder.path / "traces"))
    tables += entry.path().filename().string().starts_with("profiler_out_1");
  BOOST_TEST(tables == 2u);
  BOOST_TEST(fs::exists(folder.path / "traces/profiler_out_1.txt"));
}

// The keys of vLLM's profiler_config, as flags.
BOOST_AUTO_TEST_CASE(a_schedule_gives_a_file_for_each_repeat_and_detail_is_obeyed_or_refused) {
  const Folder folder;
  const Ran ran = profile(folder,
                          "--profile 0 --profile-delay-iterations 1 --profile-wait-iterations 1 "
                          "--profile-active-iterations 2 --profile-repeat 2 --profile-with-flops "
                          "--no-profile-record-shapes");
  BOOST_TEST(ran.code == 0, ran.output);
  const auto files = traces(folder);
  BOOST_REQUIRE(files.size() == 2u);
  for (const fs::path& file : files) {
    BOOST_TEST(says(ran, file.string()), ran.output);
    const auto trace = nlohmann::json::parse(read_gzip(file));
    BOOST_TEST(trace["record_shapes"] == 0);
    std::size_t steps = 0, products = 0;
    for (const auto& event : trace["traceEvents"]) {
      if (event["ph"] != "X") continue;
      steps += event["name"].get<std::string>().starts_with("ProfilerStep#");
      if (!event.contains("args")) continue;
      products += event["args"].contains("flops");
      BOOST_TEST(!event["args"].contains("Input Dims"));
    }
    BOOST_TEST(steps == 2u);
    BOOST_TEST(products > 0u);
  }
  BOOST_TEST(limelight_command("trace validate" + words(files)).code == 0);
}

// From less to more: what is left out, that the trace says so, and that tools take it.
BOOST_AUTO_TEST_CASE(less_detail_leaves_operations_out_and_is_stated) {
  for (const std::string detail : {"step", "block", "op"}) {
    const Folder folder;
    const Ran ran = profile(folder, "--profile 0 --profile-detail " + detail);
    BOOST_TEST(ran.code == 0, ran.output);
    const auto files = traces(folder);
    BOOST_REQUIRE(files.size() == 1u);
    const auto trace = nlohmann::json::parse(read_gzip(files[0]));
    std::map<std::string, std::size_t> found;
    for (const auto& event : trace["traceEvents"])
      if (event["ph"] == "X") {
        const auto name = event["name"].get<std::string>();
        ++found[name.starts_with("ProfilerStep#") ? "step" : name];
      }
    BOOST_TEST(found["step"] > 0u);
    BOOST_TEST(found["ipc.publish"] > 0u);
    BOOST_TEST((found["linear"] > 0u) == (detail != "step"));
    BOOST_TEST((found["layer"] > 0u) == (detail == "block"));
    for (const char* small : {"add", "rope", "rms_norm"})
      BOOST_TEST((found[small] > 0u) == (detail == "op"), small);
    BOOST_TEST(trace["limelight"]["detail"] == detail);
    BOOST_TEST(limelight_command("trace validate" + words(files)).code == 0);
    const Ran summary = limelight_command("trace summary" + words(files));
    BOOST_TEST(says(summary, "; detail " + detail) == (detail != "op"), summary.output);
  }
  const Folder folder;
  const Ran refused = profile(folder, "--profile 0 --profile-detail layers");
  BOOST_TEST(refused.code == 2);
}

BOOST_AUTO_TEST_CASE(stacks_are_in_the_trace_and_beside_it_as_folded_text) {
  const Folder folder;
  const Ran ran = profile(folder, "--profile 0 --profile-with-stack", 80);
  BOOST_TEST(ran.code == 0, ran.output);
  const auto files = traces(folder);
  BOOST_REQUIRE(files.size() == 1u);
  const auto trace = nlohmann::json::parse(read_gzip(files[0]));
  const auto& frames = trace["stackFrames"];
  std::uint64_t samples = 0, ours = 0, from_main = 0;
  for (const auto& event : trace["traceEvents"]) {
    if (event["ph"] != "P") continue;
    ++samples;
    std::string frame = std::to_string(event["sf"].get<int>());
    BOOST_TEST(event["name"] == frames.at(frame)["name"]);
    bool of_ours = false;
    for (;;) {
      const std::string name = frames.at(frame)["name"];
      of_ours = of_ours || name.starts_with("limelight::");
      if (!frames.at(frame).contains("parent")) break;
      from_main += name == "main";
      frame = frames.at(frame)["parent"].get<std::string>();
    }
    ours += of_ours;
  }
  BOOST_TEST(samples > 20u);
  BOOST_TEST(ours > samples / 2);
  BOOST_TEST(from_main > samples / 2);
  BOOST_TEST(trace["limelight"]["stacks"]["samples"] == samples);
  BOOST_TEST(trace["limelight"]["stacks"]["drops"] == 0u);
  std::string folded;
  for (const auto& entry : fs::directory_iterator(folder.path / "traces"))
    if (entry.path().filename().string().ends_with(".folded.txt")) folded = read_file(entry.path());
  BOOST_TEST(folded.find("worker;") != std::string::npos, folded);
  BOOST_TEST(folded.find(";main;") != std::string::npos, folded);
  BOOST_TEST(limelight_command("trace validate" + words(files)).code == 0);
}

BOOST_AUTO_TEST_CASE(memory_is_recorded_over_time_and_who_had_most_of_it_is_said) {
  const Folder folder;
  const Ran ran = profile(folder, "--profile all --profile-with-memory");
  BOOST_TEST(ran.code == 0, ran.output);
  const auto files = traces(folder);
  BOOST_REQUIRE(files.size() == 3u);
  for (const fs::path& file : files) {
    const auto trace = nlohmann::json::parse(read_gzip(file));
    std::map<std::string, std::uint64_t> most;
    for (const auto& event : trace["traceEvents"])
      if (event["ph"] == "C") {
        std::uint64_t& value = most[event["name"]];
        value = std::max<std::uint64_t>(value, event["args"]["value"]);
      }
    const auto& memory = trace["limelight"]["memory"];
    BOOST_TEST(most["memory.resident"] == memory["peak_resident_bytes"]);
    BOOST_TEST(most["memory.host"] > 0u);
    BOOST_TEST(memory["peak_bytes"] >= most["memory.host"]);
    BOOST_TEST(memory["holders"]["weights"] > 0u);
    BOOST_TEST(memory["holders"]["kv cache"] > 0u);
    BOOST_TEST(most["kv.used_blocks"] > 0u);
    BOOST_TEST(most["kv.used_blocks"] == memory["peak_kv_blocks"]);
    BOOST_TEST(memory["pool_chunks"] > 0u);
  }
  BOOST_TEST(limelight_command("trace validate" + words(files)).code == 0);
  const Ran summary = limelight_command("trace summary" + words(files));
  BOOST_TEST(says(summary, "memory: peak "), summary.output);
  BOOST_TEST(says(summary, "; resident at most "), summary.output);
  const std::string table = read_file(folder.path / "traces/profiler_out_0.txt");
  BOOST_TEST(table.find("memory of rank 0: peak ") != std::string::npos, table);
  const fs::path merged = folder.path / "merged.json.gz";
  BOOST_TEST(limelight_command("trace merge" + words(files) + " -o " + merged.string()).code == 0);
  const Ran of_all = limelight_command("trace summary " + merged.string());
  BOOST_TEST(says(of_all, "memory of rank 2: peak "), of_all.output);
}

BOOST_AUTO_TEST_CASE(prefill_and_decode_are_profiled_apart) {
  const auto steps = [](const std::string& flags) {
    const Folder folder;
    const Ran ran = profile(folder, "--profile 0 " + flags);
    BOOST_TEST(ran.code == 0, ran.output);
    std::set<std::string> names;
    std::size_t products = 0;
    for (const fs::path& file : traces(folder)) {
      const auto trace = nlohmann::json::parse(read_gzip(file));
      for (const auto& event : trace["traceEvents"]) {
        if (event["ph"] != "X") continue;
        const std::string name = event["name"];
        if (name.starts_with("ProfilerStep#")) names.insert(name);
        products += name == "linear";
      }
    }
    BOOST_TEST(products > 0u);
    return names;
  };
  const auto all = steps(""), prefill = steps("--profile-phase prefill"),
             decode = steps("--profile-phase decode");
  BOOST_TEST(prefill.size() > 0u);
  BOOST_TEST(prefill.contains("ProfilerStep#1"));
  BOOST_TEST(decode.size() > 0u);
  BOOST_TEST(prefill.size() + decode.size() == all.size());
  for (const std::string& step : decode) BOOST_TEST(!prefill.contains(step), step);
  const Folder folder;
  BOOST_TEST(profile(folder, "--profile 0 --profile-phase warmup").code == 2);
}

BOOST_AUTO_TEST_CASE(the_start_of_each_rank_is_a_trace_of_its_own) {
  const Folder folder;
  const Ran ran = profile(folder, "--profile-startup --on-trace 'test -s {file}'");
  BOOST_TEST(ran.code == 0, ran.output);
  const auto files = traces(folder);
  BOOST_REQUIRE(files.size() == 3u);
  for (const fs::path& file : files) {
    BOOST_TEST(file.filename().string().starts_with("startup-"), file);
    BOOST_TEST(says(ran, file.string()), ran.output);
    const auto trace = nlohmann::json::parse(read_gzip(file));
    std::map<std::string, int> seen;
    for (const auto& event : trace["traceEvents"])
      if (event["ph"] == "X") ++seen[event["name"]];
    for (const char* name : {"start: read the config", "start: make the stage", "pack weights",
                             "start: wait for the channels"})
      BOOST_TEST(seen[name] > 0, name << " in " << file);
    BOOST_TEST(trace["limelight"]["memory"]["holders"]["weights"] > 0u);
  }
  BOOST_TEST(limelight_command("trace validate" + words(files)).code == 0);
}

BOOST_AUTO_TEST_CASE(a_command_runs_for_each_trace_and_its_failure_is_said) {
  const Folder folder;
  const std::string kept = folder.path / "kept";
  fs::create_directories(kept);
  const Ran ran =
      profile(folder, "--profile all --profile-orchestrator --on-trace 'cp {file} " + kept + "/'");
  BOOST_TEST(ran.code == 0, ran.output);
  const auto files = traces(folder);
  BOOST_TEST(files.size() == 4u);
  for (const fs::path& file : files)
    BOOST_TEST(read_file(fs::path(kept) / file.filename()) == read_file(file), file);
  const Ran failed =
      profile(folder, "--profile 0 --on-trace 'sh -c \"echo no room; exit 3\" {file}'");
  BOOST_TEST(failed.code == 1, failed.output);
  BOOST_TEST(says(failed, "exited with status 3; its output ends:\nno room"), failed.output);
  BOOST_TEST(says(failed, "the command failed for 1 trace"), failed.output);
  const Ran wrong = profile(folder, "--profile 0 --on-trace 'cp a b'");
  BOOST_TEST(wrong.code == 2);
  BOOST_TEST(says(wrong, "found no {file}"), wrong.output);
  BOOST_TEST(!says(wrong, "starting the pipeline"), wrong.output);
}

// An arrow goes from a publish to a take that begins later, and every thread has a name.
BOOST_AUTO_TEST_CASE(arrows_point_forward_and_threads_have_names) {
  const Folder folder;
  BOOST_REQUIRE(profile(folder, "--profile all --profile-orchestrator").code == 0);
  const fs::path merged = folder.path / "merged.json.gz";
  BOOST_REQUIRE(
      limelight_command("trace merge" + words(traces(folder)) + " -o " + merged.string()).code ==
      0);
  std::map<std::pair<int, int>, double> publishes, takes;  // begin by channel and chunk
  std::set<std::pair<int, int>> threads, named;
  std::size_t queues = 0;
  const auto trace = nlohmann::json::parse(read_gzip(merged));
  for (const auto& event : trace["traceEvents"]) {
    const std::string phase = event["ph"], name = event["name"];
    const std::pair<int, int> thread(event["pid"], event.value("tid", 0));
    if (phase == "M" && name == "thread_name") named.insert(thread);
    if (phase == "C" && name.starts_with("queue ")) {
      ++queues;
      BOOST_TEST(name.find("rank ") != std::string::npos, name);
      BOOST_TEST(name.find(" -> ") != std::string::npos, name);
    }
    if (phase != "X") continue;
    threads.insert(thread);
    if (name != "ipc.publish" && name != "ipc.take") continue;
    const std::pair<int, int> chunk(event["args"]["channel"], event["args"]["chunk"]);
    (name == "ipc.publish" ? publishes : takes)[chunk] = event["ts"];
  }
  BOOST_TEST(queues > 0u);
  BOOST_TEST(publishes.size() > 8u);
  BOOST_TEST(publishes.size() == takes.size());
  for (const auto& [chunk, begin] : publishes) {
    BOOST_REQUIRE(takes.contains(chunk));
    BOOST_TEST(begin <= takes[chunk], "chunk " << chunk.second << " of channel " << chunk.first);
  }
  for (const auto& thread : threads)
    BOOST_TEST(named.contains(thread), thread.first << " " << thread.second);
}

BOOST_AUTO_TEST_SUITE_END()
